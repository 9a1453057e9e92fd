/**
 * An answer's body as a script: what is sent, after which pause, and where it goes wrong. Pure, so that what a
 * client will see can be read off it; `playback.ts` performs it.
 */
import type {
  ContentBlock,
  Message,
  RawContentBlockDelta,
  RawMessageStreamEvent,
} from '@anthropic-ai/sdk/resources/messages';
import type { AnswerBlock } from './answer.ts';
import type { Directives } from './directives.ts';
import { tokensOf } from './tokens.ts';

export type Step =
  | { kind: 'send'; afterMs: number; text: string }
  /** Nothing more comes, and the connection stays. */
  | { kind: 'stall' }
  /** The connection breaks. */
  | { kind: 'cut' };

type StreamEvent =
  | RawMessageStreamEvent
  | { type: 'ping' }
  | { type: 'error'; error: { type: string; message: string } };

/** Four tokens each 40 ms are 100 tokens a second. */
const PIECE_TOKENS = 4;
const PIECE_MS = 40;
/** A longer text comes in larger pieces: 75 of them take three seconds. */
const MAX_PIECES = 75;

/** Writes the event stream of a message. */
export function scriptStream(message: Message, blocks: AnswerBlock[], directives: Directives): Step[] {
  const opening = [send({ type: 'message_start', message: withoutOutput(message) }), send({ type: 'ping' })];
  const content = blocks.flatMap((block, index) => scriptBlock(block, index, directives));
  if (faultAt('start', directives)) return [...opening, ...scriptFault(directives)];
  if (faultAt('text', directives)) {
    return [...opening, ...content.slice(0, Math.ceil(content.length / 2)), ...scriptFault(directives)];
  }
  return [...opening, ...content, ...scriptClosing(message)];
}

/** Writes a message as one JSON document; a fault in it happens half-way. */
export function scriptBody(message: Message, directives: Directives): Step[] {
  const text = JSON.stringify(message);
  const isCut = faultAt('start', directives) || faultAt('text', directives);
  if (!isCut) return [{ kind: 'send', afterMs: 0, text }];
  const half = text.slice(0, Math.ceil(text.length / 2));
  return [{ kind: 'send', afterMs: 0, text: half }, ...scriptFault(directives)];
}

/** How long the answer takes to write, in ms: what a client that doesn't stream waits for. */
export function writingMs(blocks: AnswerBlock[], directives: Directives): number {
  const pieces = blocks.flatMap((block) => (block.type === 'thinking' ? [] : cutPieces(contentOf(block))));
  return pieces.length * PIECE_MS * directives.pace + (directives.thinking_silence ?? 0);
}

function faultAt(place: 'start' | 'text', { stall, cut, error }: Directives): boolean {
  return [stall, cut, error].includes(place);
}

function scriptFault({ stall, cut }: Directives): Step[] {
  if (stall) return [{ kind: 'stall' }];
  if (cut) return [{ kind: 'cut' }];
  return [send({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded (simulated)' } })];
}

function scriptBlock(block: AnswerBlock, index: number, directives: Directives): Step[] {
  const delta = (change: RawContentBlockDelta, afterMs: number): Step =>
    send({ type: 'content_block_delta', index, delta: change }, afterMs);
  const start = send({ type: 'content_block_start', index, content_block: emptied(block) });
  const stop = send({ type: 'content_block_stop', index });
  if (block.type === 'thinking') {
    const signed = delta(
      { type: 'signature_delta', signature: block.signature },
      directives.thinking_silence ?? 0,
    );
    return [start, signed, stop];
  }
  const pieces = cutPieces(contentOf(block)).map((piece) =>
    delta(
      block.type === 'text'
        ? { type: 'text_delta', text: piece }
        : { type: 'input_json_delta', partial_json: piece },
      PIECE_MS * directives.pace,
    ),
  );
  return [start, ...pieces, stop];
}

/** The end repeats the cumulative counts; TTL split, tier, geo and speed were told at the start only. */
function scriptClosing({ stop_reason, stop_sequence, stop_details, container, usage }: Message): Step[] {
  const delta = { stop_reason, stop_sequence, stop_details, container };
  const cumulative = {
    input_tokens: usage.input_tokens,
    cache_creation_input_tokens: usage.cache_creation_input_tokens,
    cache_read_input_tokens: usage.cache_read_input_tokens,
    output_tokens: usage.output_tokens,
    output_tokens_details: usage.output_tokens_details,
    server_tool_use: usage.server_tool_use,
  };
  return [send({ type: 'message_delta', delta, usage: cumulative }), send({ type: 'message_stop' })];
}

function contentOf(block: Exclude<AnswerBlock, { type: 'thinking' }>): string {
  return block.type === 'text' ? block.text : JSON.stringify(block.input);
}

function cutPieces(text: string): string[] {
  const count = Math.min(MAX_PIECES, Math.ceil(tokensOf(text.length, 'old') / PIECE_TOKENS));
  const size = Math.ceil(text.length / Math.max(1, count));
  return Array.from({ length: count }, (_, index) => text.slice(index * size, (index + 1) * size));
}

/** A block as its start event shows it. */
function emptied(block: AnswerBlock): ContentBlock {
  if (block.type === 'text') return { ...block, text: '' };
  return block.type === 'thinking' ? { ...block, signature: '' } : { ...block, input: {} };
}

/** A message as its start event shows it: the prompt is counted, the first output token is on its way. */
function withoutOutput(message: Message): Message {
  const output_tokens = Math.min(1, message.usage.output_tokens);
  const usage = { ...message.usage, output_tokens, output_tokens_details: null };
  return { ...message, content: [], stop_reason: null, stop_details: null, usage };
}

function send(event: StreamEvent, afterMs = 0): Step {
  return { kind: 'send', afterMs, text: `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n` };
}
