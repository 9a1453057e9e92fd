/** A streamed answer of Bedrock, from frames to server-sent events, however its bytes are cut. */
import { describe, expect, test } from 'vitest';
import { SseAnswer } from '../../../worker/providers/bedrock/sse-answer.ts';
import { StreamMeter } from '../../../worker/providers/stream-meter.ts';
import { eventsOf, SAID, type Said } from './fake-bedrock.ts';
import {
  bytelessFrame,
  chunkFrame,
  errorFrame,
  exceptionFrame,
  joined,
  oddFrame,
  payloadFrame,
  unknownFrame,
} from './frames.ts';

const decoder = new TextDecoder();

const THOUGHTFUL: Said = {
  ...SAID,
  content: [
    { type: 'thinking', thinking: 'Hm — 🤔', signature: 'c2ln' },
    { type: 'text', text: 'Grüße, 世界!' },
    { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'echo "é\n"' } },
  ],
};
const EVENTS = eventsOf(THOUGHTFUL, 'claude-opus-5-5');
/** As the API itself would have sent them. */
const AS_SSE = EVENTS.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');
const FRAMES = EVENTS.map((event, index) => chunkFrame(event, 'abcdefghij'.slice(0, index % 10)));
const BYTES = joined(FRAMES);

function pass(pieces: readonly Uint8Array[]): { answer: SseAnswer; text: string; meter: StreamMeter } {
  const answer = new SseAnswer();
  const meter = new StreamMeter();
  const passed: Uint8Array[] = [];
  for (const piece of pieces) {
    const bytes = answer.push(piece);
    meter.push(bytes, 0);
    passed.push(bytes);
  }
  meter.end(0);
  return { answer, meter, text: decoder.decode(joined(passed)) };
}

/** Cut at these places. */
function cut(bytes: Uint8Array, ...at: number[]): Uint8Array[] {
  const ends = [...at, bytes.length];
  return ends.map((end, index) => bytes.slice(index === 0 ? 0 : at[index - 1], end));
}

describe('the stream of an answer', () => {
  test('comes out as the API streams it, its JSON unchanged', () => {
    const { answer, text, meter } = pass([BYTES]);
    expect(text).toBe(AS_SSE);
    expect(answer).toMatchObject({ state: 'complete', failure: null, hasBegun: true });
    expect(meter.read(0)).toMatchObject({
      final: true,
      stopReason: 'end_turn',
      usage: { tokens: { inputTokens: 1_000, cacheReadTokens: 3_000, outputTokens: 50 } },
    });
  });

  test('is the same, and metered the same, cut at every possible byte', () => {
    const whole = pass([BYTES]).meter.read(0);
    for (let at = 1; at < BYTES.length; at += 1) {
      const { text, meter } = pass(cut(BYTES, at));
      if (text !== AS_SSE) expect(text, `cut at ${at}`).toBe(AS_SSE);
      expect(meter.read(0), `cut at ${at}`).toEqual(whole);
    }
  });

  test('is the same in single bytes, and in pieces of every size', () => {
    const whole = pass([BYTES]).meter.read(0);
    for (const size of [1, 2, 3, 5, 7, 11, 12, 13, 16, 64, 255, 256, 1_000]) {
      const places = Array.from({ length: Math.floor((BYTES.length - 1) / size) }, (_, n) => (n + 1) * size);
      const { text, meter } = pass(cut(BYTES, ...places));
      expect(text).toBe(AS_SSE);
      expect(meter.read(0)).toEqual(whole);
    }
  });

  test('says nothing of a frame before its last byte', () => {
    const [first] = FRAMES;
    const answer = new SseAnswer();
    expect(answer.push(first?.slice(0, -1) ?? BYTES)).toHaveLength(0);
    expect(answer.hasBegun).toBe(false);
    expect(decoder.decode(answer.push(first?.slice(-1) ?? BYTES))).toMatch(/^event: message_start\n/);
  });

  test('keeps JSON on one line, whatever its order and spaces', () => {
    const { text } = pass([
      chunkFrame('{\n  "message": {"usage": {}},\r\n  "type": "message_start"\n}'),
      chunkFrame('{"delta":{},"type" : "message_delta"}'),
    ]);
    expect(text).toBe(
      'event: message_start\ndata: {   "message": {"usage": {}},    "type": "message_start" }\n\n' +
        'event: message_delta\ndata: {"delta":{},"type" : "message_delta"}\n\n',
    );
  });

  test('is the same where some of its payloads are written in another way', () => {
    const mixed = EVENTS.map((event, index) => (index % 3 === 1 ? oddFrame(event) : chunkFrame(event)));
    expect(pass(mixed).text).toBe(AS_SSE);
    expect(pass([joined(mixed)]).text).toBe(AS_SSE);
  });

  test('passes over frames that are no events of the answer', () => {
    const { text, answer } = pass([unknownFrame(), chunkFrame('{"ping":true}'), chunkFrame('[]'), ...FRAMES]);
    expect(text).toBe(AS_SSE);
    expect(answer.state).toBe('complete');
  });

  test('ends with the message: nothing follows it', () => {
    expect(pass([...FRAMES, chunkFrame(EVENTS[0] ?? {}), exceptionFrame('x', 'y')]).text).toBe(AS_SSE);
    expect(pass([joined([...FRAMES, new Uint8Array([1, 2, 3])])]).answer.state).toBe('complete');
  });

  test('is open as long as the message has no end', () => {
    expect(pass(FRAMES.slice(0, -1)).answer).toMatchObject({ state: 'open', failure: null });
  });
});

describe('a stream that goes wrong', () => {
  const begun = FRAMES.slice(0, 4);
  const begunText = pass(begun).text;

  test.each([
    ['throttlingException', 'rate_limit_error'],
    ['serviceQuotaExceededException', 'rate_limit_error'],
    ['modelStreamErrorException', 'api_error'],
    ['internalServerException', 'api_error'],
    ['serviceUnavailableException', 'overloaded_error'],
    ['modelTimeoutException', 'overloaded_error'],
    ['validationException', 'invalid_request_error'],
    ['somethingNewException', 'api_error'],
  ])('with %s ends in the event %s, in the same words', (name, type) => {
    const message = 'Zu viel — "too many" requests';
    const { text, answer, meter } = pass([...begun, exceptionFrame(name, message), ...FRAMES]);
    const data = JSON.stringify({ type: 'error', error: { type, message } });
    expect(text).toBe(`${begunText}event: error\ndata: ${data}\n\n`);
    expect(answer).toMatchObject({ state: 'failed', failure: { name, message } });
    expect(meter.read(0)).toMatchObject({ error: { type, message }, final: false });
    expect(meter.read(0).usage?.tokens.inputTokens).toBe(1_000);
  });

  test('with an error that has no shape is told too', () => {
    const { text } = pass([...begun, errorFrame('InternalServerException', 'It broke')]);
    expect(text).toBe(
      `${begunText}event: error\ndata: {"type":"error","error":{"type":"api_error","message":"It broke"}}\n\n`,
    );
  });

  test('with any single byte altered never passes on what was not sent, and is told where it is complete', () => {
    const [start, block, delta, second] = FRAMES.map((frame) => frame.slice());
    if (!start || !block || !delta || !second) throw new Error('too few frames');
    const before = pass([start, block]).text;
    for (let at = 0; at < delta.length; at += 1) {
      const altered = delta.slice();
      altered[at] = (altered[at] ?? 0) ^ 0x10;
      const { text, answer } = pass([start, block, altered, ...FRAMES.slice(3)]);
      expect(answer.state, `byte ${at}`).toBe('failed');
      expect(text, `byte ${at}`).toBe(
        `${before}event: error\ndata: {"type":"error","error":{"type":"api_error","message":"The answer of Bedrock arrived corrupt: a checksum of its event stream does not match."}}\n\n`,
      );
    }
  });

  test('with a length nobody can wait for is told with the prelude', () => {
    const answer = new SseAnswer();
    const text = decoder.decode(
      answer.push(new Uint8Array([0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0, 1, 2, 3, 4])),
    );
    expect(text).toMatch(/^event: error\n/);
    expect(answer).toMatchObject({ state: 'failed', hasBegun: false });
  });

  test.each([
    '{"bytes":"e3*="}',
    '{"bytes":"e30',
    '{"bytes":"',
    '{"bytes":30}',
    'null',
    '',
  ])('with the payload %s behind right ones is corrupt, for all that its checksums say', (payload) => {
    expect(pass([...begun, payloadFrame(payload), ...FRAMES]).answer.state).toBe('failed');
    expect(pass([joined([...begun, payloadFrame(payload)])]).text).toMatch(/event: error\n.*\n\n$/);
  });

  test('with a chunk that holds no bytes is corrupt, for all that its checksums say', () => {
    expect(pass([...begun, bytelessFrame(), ...FRAMES]).answer.state).toBe('failed');
  });
});
