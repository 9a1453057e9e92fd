import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMessagesMeter } from '../../worker/providers/messages-meter.ts';
import type { MeterReading } from '../../worker/providers/provider.ts';
import {
  blockDelta,
  blockStart,
  blockStop,
  bytes,
  everyCut,
  MESSAGE_STOP,
  messageDelta,
  messageStart,
  PING,
  START_USAGE,
  sse,
  TURN,
} from './recorded.ts';

function meterOf(chunks: Uint8Array[]): MeterReading {
  const meter = createMessagesMeter('text/event-stream; charset=utf-8');
  for (const chunk of chunks) meter.push(chunk, 1000);
  meter.end(1000);
  return meter.read(1000);
}

function read(...events: string[]): MeterReading {
  return meterOf([bytes(events.join(''))]);
}

const TURN_READING: MeterReading = {
  usage: {
    model: 'claude-opus-5-5',
    tokens: {
      inputTokens: 1200,
      cacheWrite5mTokens: 2600,
      cacheWrite1hTokens: 3000,
      cacheReadTokens: 90_000,
      outputTokens: 2500,
    },
    webSearchRequests: 2,
    speed: 'fast',
    inferenceGeo: 'us',
    serviceTier: 'standard',
    iterations: null,
  },
  final: true,
  stopReason: 'tool_use',
  messageId: 'msg_01',
  // The bytes of the texts as JSON: 'Grüße ' 8, '🌍 \"quoted\"\n' 17, the tool's input escaped 20.
  outputCharacters: 45,
  contentSeen: true,
  silentMs: 0,
  error: null,
};

describe('a streamed turn', () => {
  test('is read to its end', () => {
    expect(read(TURN)).toEqual(TURN_READING);
  });

  test('is read the same wherever the chunks are cut', () => {
    for (const chunks of everyCut(bytes(TURN))) expect(meterOf(chunks)).toEqual(TURN_READING);
  });

  test('is read the same with CRLF line ends, wherever the chunks are cut', () => {
    const crlf = bytes(TURN.replaceAll('\n', '\r\n'));
    for (const chunks of everyCut(crlf)) expect(meterOf(chunks)).toEqual(TURN_READING);
  });

  test('is read without event names', () => {
    expect(read(TURN.replace(/^event: .*\n/gm, ''))).toEqual(TURN_READING);
  });

  test('is known as far as it was sent, and not final, before message_delta', () => {
    const reading = read(messageStart(START_USAGE), PING, blockStart({ type: 'text', text: '' }));
    expect(reading).toMatchObject({
      final: false,
      messageId: 'msg_01',
      stopReason: null,
      contentSeen: false,
    });
    expect(reading.usage?.tokens).toMatchObject({
      inputTokens: 1200,
      cacheReadTokens: 90_000,
      outputTokens: 1,
    });
  });

  test('without a byte tells nothing', () => {
    expect(read()).toMatchObject({ usage: null, final: false, contentSeen: false, outputCharacters: 0 });
  });

  test('cut after the last line but before its blank line has still been told', () => {
    expect(read(TURN.slice(0, TURN.lastIndexOf('event: message_stop') - 1)).final).toBe(true);
  });
});

describe('usage in a stream', () => {
  test('is the last message_delta, never the sum', () => {
    const reading = read(
      messageStart(START_USAGE),
      messageDelta({ output_tokens: 10 }),
      messageDelta({ output_tokens: 25 }),
    );
    expect(reading.usage?.tokens.outputTokens).toBe(25);
  });

  test('left out of the delta stays as it started', () => {
    const reading = read(messageStart(START_USAGE), messageDelta({ output_tokens: 10, input_tokens: null }));
    expect(reading.usage).toMatchObject({
      tokens: {
        inputTokens: 1200,
        cacheWrite5mTokens: 2000,
        cacheWrite1hTokens: 3000,
        cacheReadTokens: 90_000,
      },
      inferenceGeo: 'us',
    });
  });

  test('of an explicit zero is zero', () => {
    const zero = {
      input_tokens: 0,
      output_tokens: 0,
      cache_read_input_tokens: 0,
      cache_creation_input_tokens: 0,
    };
    const reading = read(messageStart(START_USAGE), messageDelta(zero));
    expect(Object.values(reading.usage?.tokens ?? {})).toEqual([0, 0, 0, 0, 0]);
    expect(reading.final).toBe(true);
  });

  test.each([
    ['negative', -5],
    ['fractional', 1.5],
    ['not a number', '7'],
    ['null', null],
    ['absurd', 1e15],
  ])('that is %s is taken as absent', (_, figure) => {
    const reading = read(
      messageStart(START_USAGE),
      messageDelta({ output_tokens: figure, input_tokens: figure }),
    );
    expect(reading.usage?.tokens).toMatchObject({ inputTokens: 1200, outputTokens: 1 });
    expect(reading.final).toBe(false);
  });

  test.each([
    ['{"input_tokens":1e999,"output_tokens":1}', null],
    ['{"output_tokens":5}', null],
    ['[]', null],
    ['"free"', null],
  ])('%s without a readable input is no usage at all', (usage, expected) => {
    const start = `event: message_start\ndata: {"type":"message_start","message":{"usage":${usage}}}\n\n`;
    const reading = read(start, messageDelta({ output_tokens: 9 }));
    expect(reading.usage).toBe(expected);
    expect(reading.final).toBe(false);
  });

  test('iterations are those of the end, each at its own model', () => {
    const one = { type: 'message', input_tokens: 5, output_tokens: 1 };
    const compaction = {
      type: 'compaction',
      input_tokens: 700,
      output_tokens: 80,
      cache_read_input_tokens: 3,
    };
    const advisor = { type: 'advisor_message', model: 'claude-fable-5', input_tokens: 9, output_tokens: 2 };
    const start = messageStart({ ...START_USAGE, iterations: [one] });
    expect(read(start).usage?.iterations).toBeNull();
    const reading = read(start, messageDelta({ output_tokens: 9, iterations: [one, compaction, advisor] }));
    expect(
      reading.usage?.iterations?.map(({ type, model, tokens }) => [type, model, tokens.inputTokens]),
    ).toEqual([
      ['message', null, 5],
      ['compaction', null, 700],
      ['advisor_message', 'claude-fable-5', 9],
    ]);
    expect(read(start, messageDelta({ output_tokens: 9 })).usage?.iterations).toBeNull();
  });
});

describe('content in a stream', () => {
  test.each([
    ['an empty text block', [blockStart({ type: 'text', text: '' }), blockStop()], false, 0],
    [
      'a text delta',
      [blockStart({ type: 'text', text: '' }), blockDelta({ type: 'text_delta', text: 'abc' })],
      true,
      3,
    ],
    ['a thinking delta', [blockDelta({ type: 'thinking_delta', thinking: 'abcd' })], true, 4],
    ['tool input', [blockDelta({ type: 'input_json_delta', partial_json: '{}' })], true, 2],
    ['a signature', [blockDelta({ type: 'signature_delta', signature: 'A'.repeat(400) })], true, 0],
    [
      'a thinking block that shows nothing',
      [blockStart({ type: 'thinking', thinking: '', signature: '' })],
      true,
      0,
    ],
    [
      'a tool call that has begun',
      [blockStart({ type: 'tool_use', id: 't', name: 'Bash', input: {} })],
      true,
      0,
    ],
  ])('%s is seen for what it is', (_, events, contentSeen, outputCharacters) => {
    expect(read(messageStart(START_USAGE), ...events)).toMatchObject({ contentSeen, outputCharacters });
  });

  test('a refusal before any output has none', () => {
    const reading = read(
      messageStart(START_USAGE),
      messageDelta({ output_tokens: 4 }, 'refusal'),
      MESSAGE_STOP,
    );
    expect(reading).toMatchObject({ stopReason: 'refusal', contentSeen: false, final: true });
  });

  test('a delta with its keys in another order is measured too', () => {
    const line = '{"delta":{"text":"abc","type":"text_delta"},"index":0,"type":"content_block_delta"}';
    expect(read(`event: content_block_delta\ndata: ${line}\n\n`).outputCharacters).toBe(3);
  });
});

describe('trouble in a stream', () => {
  test('an error event is told, and the usage so far is kept', () => {
    const error = { type: 'overloaded_error', message: 'Overloaded' };
    const reading = read(messageStart(START_USAGE), sse({ type: 'error', error }));
    expect(reading).toMatchObject({ error, final: false, usage: { tokens: { inputTokens: 1200 } } });
  });

  test.each([
    ['broken JSON', 'event: message_start\ndata: {"type":"message_st\n\n'],
    ['another shape', sse({ type: 'message_start', message: 7 })],
    ['a deep prototype', 'event: message_delta\ndata: {"__proto__":{"usage":{}},"type":"message_delta"}\n\n'],
    ['an unknown event', sse({ type: 'message_surprise' })],
    ['an error of another shape', sse({ type: 'error', error: 'no' })],
    ['JSON null', 'event: message_delta\ndata: null\n\n'],
  ])('%s is passed over', (_, text) => {
    expect(read(text, TURN)).toEqual(TURN_READING);
  });

  test('no bytes make it throw, and no chunking changes what it reads', () => {
    const pieces = fc.constantFrom(
      'event: message_delta\n',
      'data: ',
      '{"type":"message_delta",',
      '"usage":{',
      '\n',
      '\r',
      '}',
      TURN,
    );
    const stream = fc.array(fc.oneof(pieces, fc.string({ unit: 'binary' })), { maxLength: 12 });
    fc.assert(
      fc.property(stream, fc.integer({ min: 1, max: 50 }), (parts, size) => {
        const whole = bytes(parts.join(''));
        const chunks = Array.from({ length: Math.ceil(whole.length / size) }, (_, index) =>
          whole.slice(index * size, (index + 1) * size),
        );
        expect(meterOf(chunks)).toEqual(meterOf([whole]));
      }),
      { numRuns: 40 },
    );
  });
});
