import { describe, expect, test } from 'vitest';
import { createMessagesMeter } from '../../worker/providers/messages-meter.ts';
import {
  blockDelta,
  blockStart,
  blockStop,
  bytes,
  messageDelta,
  messageStart,
  PING,
  START_USAGE,
  sse,
} from './recorded.ts';

describe('silence', () => {
  const thinking = blockStart({ type: 'thinking', thinking: '', signature: '' });
  const shown = blockDelta({ type: 'thinking_delta', thinking: 'hm' });
  const signed = blockDelta({ type: 'signature_delta', signature: 'A' });
  const text = blockStart({ type: 'text', text: '' }, 1);

  test.each<[string, [atMs: number, event: string][], number]>([
    ['none before message_start', [[5000, PING]], 0],
    [
      'until the first block',
      [
        [0, messageStart(START_USAGE)],
        [700, text],
      ],
      700,
    ],
    ['that still lasts', [[0, messageStart(START_USAGE)]], 10_000],
    [
      'pings do not end it',
      [
        [0, messageStart(START_USAGE)],
        [4000, PING],
      ],
      10_000,
    ],
    [
      'of hidden thinking',
      [
        [0, messageStart(START_USAGE)],
        [100, thinking],
        [6100, signed],
        [6100, blockStop()],
      ],
      6100,
    ],
    [
      'none while text is written',
      [
        [0, messageStart(START_USAGE)],
        [0, text],
      ],
      0,
    ],
    [
      'none in the rhythm of shown thinking',
      [
        [0, messageStart(START_USAGE)],
        [0, thinking],
        [0, shown],
        [900, shown],
        [900, blockStop()],
      ],
      0,
    ],
    [
      'in a long pause of shown thinking',
      [
        [0, messageStart(START_USAGE)],
        [0, thinking],
        [0, shown],
        [3000, shown],
        [3000, blockStop()],
      ],
      3000,
    ],
    [
      'none after the end',
      [
        [0, messageStart(START_USAGE)],
        [200, messageDelta({ output_tokens: 1 })],
      ],
      200,
    ],
    [
      'none after an error',
      [
        [0, messageStart(START_USAGE)],
        [300, sse({ type: 'error', error: { type: 'x', message: '' } })],
      ],
      300,
    ],
    [
      'never negative when the clock steps back',
      [
        [5000, messageStart(START_USAGE)],
        [1000, text],
      ],
      0,
    ],
  ])('%s', (_, events, expected) => {
    const meter = createMessagesMeter('text/event-stream');
    for (const [atMs, event] of events) meter.push(bytes(event), atMs);
    expect(meter.read(10_000).silentMs).toBe(expected);
  });

  test('ends with the body', () => {
    const meter = createMessagesMeter('text/event-stream');
    meter.push(bytes(messageStart(START_USAGE)), 0);
    meter.end(400);
    expect(meter.read(9000).silentMs).toBe(400);
  });
});
