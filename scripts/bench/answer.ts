/** The upstream's one answer in each form it is asked for: JSON, server-sent events, frames of Bedrock's event stream. */
import { chunkFrame, joined } from '../../test/providers/bedrock/frames.ts';

/** As many events of text as an answer of a few paragraphs has. */
const DELTAS = 200;
const EVENTS_A_CHUNK = 10;
const WORDS = 'a few words of text ';

const message = {
  id: 'msg_bench',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-5-5',
  stop_sequence: null,
};
const usage = {
  input_tokens: 1000,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: 1000,
};

const events = [
  {
    type: 'message_start',
    message: { ...message, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } },
  },
  { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
  ...Array.from({ length: DELTAS }, () => ({
    type: 'content_block_delta',
    index: 0,
    delta: { type: 'text_delta', text: WORDS },
  })),
  { type: 'content_block_stop', index: 0 },
  {
    type: 'message_delta',
    delta: { stop_reason: 'end_turn', stop_sequence: null },
    usage: { output_tokens: usage.output_tokens },
  },
  { type: 'message_stop' },
];

export const WHOLE = JSON.stringify({
  ...message,
  content: [{ type: 'text', text: WORDS.repeat(DELTAS) }],
  stop_reason: 'end_turn',
  usage,
});

/** Each event's bytes, as the Messages API and as InvokeModel streams them. */
const encoder = new TextEncoder();
const sse = events.map((event) => encoder.encode(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`));
const frames = events.map((event) => chunkFrame(event));

/** The chunks of a stream: a burst of as many events each as come together from a fast model, or one by one. */
export interface Chunks {
  burst: readonly Uint8Array[];
  singly: readonly Uint8Array[];
}

export const SSE: Chunks = { burst: inBursts(sse), singly: sse };
export const FRAMES: Chunks = { burst: inBursts(frames), singly: frames };

/** The first event comes alone. */
function inBursts([first, ...rest]: readonly Uint8Array[]): Uint8Array[] {
  const bursts = first ? [first] : [];
  for (let at = 0; at < rest.length; at += EVENTS_A_CHUNK)
    bursts.push(joined(rest.slice(at, at + EVENTS_A_CHUNK)));
  return bursts;
}
