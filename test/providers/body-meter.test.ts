import { describe, expect, test } from 'vitest';
import { MAX_BODY_BYTES } from '../../worker/providers/body-meter.ts';
import { createMessagesMeter } from '../../worker/providers/messages-meter.ts';
import type { MeterReading } from '../../worker/providers/provider.ts';
import { bytes, everyCut, START_USAGE } from './recorded.ts';

const MESSAGE = {
  id: 'msg_02',
  type: 'message',
  model: 'claude-sonnet-5-5',
  content: [
    { type: 'text', text: 'Grüße' },
    { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'ls' } },
  ],
  stop_reason: 'tool_use',
  usage: { ...START_USAGE, output_tokens: 50 },
};

function read(body: unknown, chunks = [bytes(JSON.stringify(body))]): MeterReading {
  const meter = createMessagesMeter('application/json');
  for (const chunk of chunks) meter.push(chunk, 0);
  meter.end(0);
  return meter.read(0);
}

describe('an answer in one piece', () => {
  test('is read when it is complete, wherever the chunks are cut', () => {
    for (const chunks of everyCut(bytes(JSON.stringify(MESSAGE)))) {
      expect(read(MESSAGE, chunks)).toMatchObject({
        usage: {
          model: 'claude-sonnet-5-5',
          tokens: { inputTokens: 1200, cacheWrite5mTokens: 2000, cacheWrite1hTokens: 3000, outputTokens: 50 },
        },
        final: true,
        stopReason: 'tool_use',
        messageId: 'msg_02',
        outputCharacters: 'Grüße{"command":"ls"}'.length,
        contentSeen: true,
      });
    }
  });

  test('on its way is known by its length only', () => {
    const meter = createMessagesMeter('application/json');
    expect(meter.read(0)).toMatchObject({ contentSeen: false, outputCharacters: 0 });
    meter.push(bytes('{"id":"msg'), 0);
    expect(meter.read(0)).toMatchObject({
      usage: null,
      final: false,
      contentSeen: true,
      outputCharacters: 10,
    });
  });

  test.each([
    [
      'a refusal before any output',
      { ...MESSAGE, content: [], stop_reason: 'refusal' },
      { contentSeen: false, final: true },
    ],
    ['an empty text', { ...MESSAGE, content: [{ type: 'text', text: '' }] }, { contentSeen: false }],
    ['no usage', { ...MESSAGE, usage: undefined }, { usage: null, final: false, messageId: 'msg_02' }],
    ['usage without output', { ...MESSAGE, usage: { input_tokens: 3 } }, { final: false }],
    [
      'a split above the total',
      { ...MESSAGE, usage: { ...START_USAGE, cache_creation_input_tokens: 3500 } },
      { usage: { tokens: { cacheWrite5mTokens: 500, cacheWrite1hTokens: 3000 } } },
    ],
    [
      'a total without a split',
      { ...MESSAGE, usage: { input_tokens: 1, cache_creation_input_tokens: 70 } },
      { usage: { tokens: { cacheWrite5mTokens: 70 } } },
    ],
    [
      'a split without a total',
      { ...MESSAGE, usage: { ...START_USAGE, cache_creation_input_tokens: undefined } },
      { usage: { tokens: { cacheWrite5mTokens: 2000, cacheWrite1hTokens: 3000 } } },
    ],
    [
      'one unreadable iteration',
      {
        ...MESSAGE,
        usage: { ...START_USAGE, iterations: [{ type: 'message', input_tokens: -1, output_tokens: 2 }] },
      },
      { usage: { iterations: null } },
    ],
    [
      'no iterations',
      { ...MESSAGE, usage: { ...START_USAGE, iterations: [] } },
      { usage: { iterations: null } },
    ],
    [
      'an error',
      { type: 'error', error: { type: 'api_error', message: 'oh' } },
      { error: { type: 'api_error', message: 'oh' }, usage: null },
    ],
    ['a list', [1], { usage: null, final: false }],
  ])('%s is told', (_, body, expected) => {
    expect(read(body)).toMatchObject(expected);
  });

  test.each(['', '{', '\u0000', 'nonsense'])('%j is no message and does not throw', (text) => {
    expect(read(null, [bytes(text)])).toMatchObject({ usage: null, final: false });
  });

  test('beyond its limit is not kept, and its usage stays unknown', () => {
    const chunk = new Uint8Array(8 * 1_048_576).fill(32);
    const chunks = [
      ...Array.from({ length: MAX_BODY_BYTES / chunk.length }, () => chunk),
      bytes(JSON.stringify(MESSAGE)),
    ];
    expect(read(null, chunks)).toMatchObject({ usage: null, final: false, contentSeen: true });
  });
});
