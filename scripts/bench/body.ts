/** Requests of a given size, shaped like Claude Code's: a system prompt and a long conversation. */

/** How clients speak: the Messages API, OpenAI's chat completions, Bedrock's InvokeModel. */
export type Speech = 'messages' | 'openai' | 'bedrock';

/**
 * How the answer is to come: in one piece; as a stream, in a burst of a few large chunks or event by event at a model's
 * pace; as a stream that begins and stays open until the client leaves.
 */
export type Answer = 'whole' | 'streamed' | 'singly' | 'held';

/** Stop sequences by which a body tells the upstream how to answer: every speech has a field for them. */
export const SINGLY = '["singly"]';
export const HELD = '["hold"]';

const MODEL = 'claude-sonnet-5-5';
const SYSTEM = 'You are a coding assistant.';
const MAX_TOKENS = 1024;
const WORDS = 'A line of a conversation about a function, its tests and what is to be done about them. ';
const MESSAGE_BYTES = 2_000;

/** A body of exactly `bytes` bytes (at least 500). */
export function makeBody(bytes: number, answer: Answer, speech: Speech = 'messages'): Buffer {
  // An odd number, since the client has the first word and the last.
  const count = 2 * Math.floor(bytes / MESSAGE_BYTES / 2) + 1;
  const left = bytes - Buffer.byteLength(serialise(Array(count).fill(''), answer, speech));
  const each = Math.floor(left / count);
  const texts = Array.from({ length: count }, (_, index) =>
    text(index > 0 ? each : left - each * (count - 1)),
  );
  return Buffer.from(serialise(texts, answer, speech));
}

/** What a body of the speech is sent to. */
export function pathOf(answer: Answer, speech: Speech): string {
  switch (speech) {
    case 'messages':
      return '/v1/messages';
    case 'openai':
      return '/v1/chat/completions';
    case 'bedrock':
      return `/model/anthropic.${MODEL}/${answer === 'whole' ? 'invoke' : 'invoke-with-response-stream'}`;
  }
}

function serialise(texts: readonly string[], answer: Answer, speech: Speech): string {
  const messages = texts.map((content, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content }));
  const system = [{ type: 'text', text: SYSTEM }];
  const stops = answer === 'singly' ? SINGLY : answer === 'held' ? HELD : null;
  const stop_sequences = stops === null ? {} : { stop_sequences: JSON.parse(stops) };
  const stream = answer === 'whole' ? {} : { stream: true };
  switch (speech) {
    case 'messages':
      return JSON.stringify({
        model: MODEL,
        messages,
        system,
        max_tokens: MAX_TOKENS,
        ...stop_sequences,
        ...stream,
      });
    case 'openai':
      return JSON.stringify({
        model: MODEL,
        messages: [{ role: 'system', content: SYSTEM }, ...messages],
        max_completion_tokens: MAX_TOKENS,
        ...(stops === null ? {} : { stop: JSON.parse(stops) }),
        ...stream,
        ...(answer === 'whole' ? {} : { stream_options: { include_usage: true } }),
      });
    case 'bedrock':
      return JSON.stringify({
        anthropic_version: 'bedrock-2023-05-31',
        messages,
        system,
        max_tokens: MAX_TOKENS,
        ...stop_sequences,
      });
  }
}

function text(characters: number): string {
  return WORDS.repeat(Math.ceil(characters / WORDS.length)).slice(0, characters);
}
