import { describe, expect, test } from 'vitest';
import {
  type Answered,
  cachedTokens,
  nextHistory,
  type SessionHistory,
} from '../../durable-objects/core/history.ts';
import { NO_TOKENS } from '../../durable-objects/core/usage.ts';
import { NOW } from './judging.ts';

const MINUTE = 60_000;
const OPUS = 'claude-opus-5-5';
const SONNET = 'claude-sonnet-5-5';

/** An answer at `atMinute`, whose prompt of `prompt` tokens was cached whole for an hour. */
function answer(atMinute: number, prompt: number, changes: Partial<Answered> = {}): Answered {
  return {
    model: OPUS,
    tokenizer: 'new',
    tokens: { ...NO_TOKENS, cacheWrite1hTokens: prompt, outputTokens: 450 },
    bodyBytes: prompt * 4,
    kind: 'main',
    cacheTtl: '1h',
    firstOutputTokens: 450,
    atMs: NOW + atMinute * MINUTE,
    ...changes,
  };
}

function historyOf(...answers: Answered[]): SessionHistory {
  const history = answers.reduce<SessionHistory | null>(nextHistory, null);
  if (!history) throw new Error('no answers');
  return history;
}

/** Tokens the models' caches hold that many minutes after the first answer. */
function cachedAt(history: SessionHistory, minute: number): number[] {
  return [OPUS, SONNET].map((model) => cachedTokens(history, model, NOW + minute * MINUTE));
}

describe('what the caches hold of a thread: [Opus, Sonnet]', () => {
  const written5m = { ...NO_TOKENS, cacheWrite5mTokens: 20_000 };
  const readOn = { ...NO_TOKENS, cacheReadTokens: 20_000 };
  test.each<[what: string, answers: Answered[], minute: number, expected: number[]]>([
    ['an hour’s cache for an hour', [answer(0, 20_000)], 59.99, [20_000, 0]],
    ['and no longer', [answer(0, 20_000)], 60, [0, 0]],
    ['a five minutes’ cache for five', [answer(0, 20_000, { tokens: written5m })], 4.99, [20_000, 0]],
    ['and no longer', [answer(0, 20_000, { tokens: written5m })], 5, [0, 0]],
    [
      'what was only read lives as long as it was written for',
      [answer(0, 20_000, { tokens: written5m }), answer(4, 20_000, { tokens: readOn })],
      8.99,
      [20_000, 0],
    ],
    [
      'and not as long as a turn asks',
      [answer(0, 20_000, { tokens: written5m }), answer(4, 20_000, { tokens: readOn })],
      9,
      [0, 0],
    ],
    [
      'read and written together',
      [
        answer(0, 20_000),
        answer(1, 0, { tokens: { ...readOn, cacheWrite1hTokens: 5_000 }, bodyBytes: 100_000 }),
      ],
      2,
      [25_000, 0],
    ],
    [
      'an answer without a cache ends it',
      [answer(0, 20_000), answer(1, 20_000, { tokens: { ...NO_TOKENS, inputTokens: 20_000 } })],
      2,
      [0, 0],
    ],
    [
      'of two models, each its own',
      [answer(0, 20_000), answer(1, 25_000, { model: SONNET })],
      2,
      [20_000, 25_000],
    ],
    [
      'the first model’s expires while the second’s is used',
      [answer(0, 20_000), answer(50, 25_000, { model: SONNET })],
      61,
      [0, 25_000],
    ],
    [
      'after a compaction the other model shares the beginning only',
      [answer(0, 20_000), answer(1, 90_000), answer(2, 30_000, { model: SONNET })],
      3,
      [20_000, 30_000],
    ],
  ])('%s', (_, answers, minute, expected) => {
    expect(cachedAt(historyOf(...answers), minute)).toEqual(expected);
  });

  test('of a fifth model the one used longest ago is forgotten', () => {
    const models = ['a', 'b', 'c', 'd', 'e'];
    const history = historyOf(...models.map((model, index) => answer(index, 20_000, { model })));
    expect(history.caches.map(({ model }) => model)).toEqual(['e', 'd', 'c', 'b']);
  });
});

describe('what is usual of a thread', () => {
  test('the first answers count more than a running mean would let them', () => {
    const output = (tokens: number) => ({
      tokens: { ...NO_TOKENS, inputTokens: 20_000, outputTokens: tokens },
    });
    const one = historyOf(answer(0, 20_000, output(4_050)));
    expect(one.typicalOutputTokens).toBeCloseTo(1_350, 6);
    const two = historyOf(answer(0, 20_000, output(4_050)), answer(1, 20_000, output(1_350)));
    expect(two.typicalOutputTokens).toBeCloseTo(1_350, 6);
  });

  test('one long answer moves a settled mean little, and it comes back', () => {
    const output = (tokens: number) => ({
      tokens: { ...NO_TOKENS, inputTokens: 20_000, outputTokens: tokens },
    });
    const steady = Array.from({ length: 60 }, (_, index) => answer(index, 20_000, output(500)));
    const settled = historyOf(...steady).typicalOutputTokens;
    const surprised = historyOf(...steady, answer(61, 20_000, output(20_000))).typicalOutputTokens;
    expect(settled).toBeGreaterThan(490);
    expect(surprised / settled).toBeLessThan(1.4);
  });

  test('a summary of the history says nothing of how long answers are', () => {
    const before = historyOf(answer(0, 20_000));
    const summary = { ...NO_TOKENS, inputTokens: 20_000, outputTokens: 3_000 };
    const after = nextHistory(before, answer(1, 20_000, { kind: 'compaction', tokens: summary }));
    expect(after.typicalOutputTokens).toBe(before.typicalOutputTokens);
  });

  test('an empty answer counts as one token: a mean of zero would never grow again', () => {
    const silent = answer(0, 20_000, { tokens: { ...NO_TOKENS, inputTokens: 20_000 } });
    expect(historyOf(silent).typicalOutputTokens).toBeGreaterThan(1);
  });

  test.each<[what: string, second: Answered, grows: boolean]>([
    ['a longer prompt', answer(1, 30_000), true],
    ['a compacted one', answer(1, 10_000), false],
    ['one counted with another tokenizer', answer(1, 30_000, { tokenizer: 'old' }), false],
  ])('%s makes growth: %s', (_, second, grows) => {
    const first = historyOf(answer(0, 20_000));
    const next = nextHistory(first, second);
    expect(next.growthTokens > first.growthTokens).toBe(grows);
    expect(next.tokensPerNewByte !== null).toBe(grows);
  });

  test.each<[bytes: number, tokens: number, expected: number | null]>([
    [40_000, 10_000, 0.25],
    [40_000, 40_000, 1],
    [40_000, 40_001, null],
    [40_000, 1_999, null],
    [40_000, 2_000, 0.05],
    [0, 10_000, null],
  ])('%i bytes more that made %i tokens: %s a byte', (bytes, tokens, expected) => {
    const first = answer(0, 20_000);
    const second = answer(1, 20_000 + tokens, { bodyBytes: first.bodyBytes + bytes });
    expect(historyOf(first, second).tokensPerNewByte).toBe(expected);
  });

  test('the time between answers is never taken for less than a second', () => {
    const [first, second] = [answer(0, 20_000), answer(0, 21_000)];
    expect(historyOf(first, second).typicalGapMs).toBeGreaterThanOrEqual(1_000);
  });
});

test('a history tells the last answer’s exact figures, and of the first how long a prompt begins', () => {
  const history = historyOf(answer(0, 14_000), answer(1, 20_000, { model: SONNET }));
  expect(history).toMatchObject({
    model: SONNET,
    promptTokens: 20_000,
    firstPromptTokens: 14_000,
    bodyBytes: 80_000,
    outputTokens: 450,
    turns: 2,
    atMs: NOW + MINUTE,
  });
});
