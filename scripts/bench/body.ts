/** Requests of a given size, shaped like Claude Code's: a system prompt, a long conversation, `stream` last. */

/** What a body ends in, by which the upstream tells what is wanted without parsing it. */
export const STREAMED = '"stream":true}';
export const HELD = `"stop_sequences":["hold"],${STREAMED}`;

const MODEL = 'claude-sonnet-5-5';
const WORDS = 'A line of a conversation about a function, its tests and what is to be done about them. ';
const MESSAGE_CHARACTERS = 2_000;

export type Answer = 'whole' | 'streamed' | 'held';

/** A body of exactly `bytes` bytes (at least 500). */
export function makeBody(bytes: number, answer: Answer): Buffer {
  const overhead = Buffer.byteLength(serialise([''], answer));
  const contents: string[] = [];
  // Each further message costs `{"role":"user","content":""},` beside its text.
  const perMessage = Buffer.byteLength(serialise(['', ''], answer)) - overhead;
  let left = bytes - overhead;
  while (left > MESSAGE_CHARACTERS + 2 * perMessage) {
    contents.push(text(MESSAGE_CHARACTERS));
    left -= MESSAGE_CHARACTERS + perMessage;
  }
  contents.push(text(left));
  return Buffer.from(serialise(contents, answer));
}

function serialise(contents: readonly string[], answer: Answer): string {
  return JSON.stringify({
    model: MODEL,
    messages: contents.map((content) => ({ role: 'user', content })),
    system: [{ type: 'text', text: 'You are a coding assistant.' }],
    max_tokens: 1024,
    ...(answer === 'held' ? { stop_sequences: ['hold'] } : {}),
    ...(answer === 'whole' ? {} : { stream: true }),
  });
}

function text(characters: number): string {
  return WORDS.repeat(Math.ceil(characters / WORDS.length)).slice(0, characters);
}
