import { describe, expect, test } from 'vitest';
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import {
  ceilingPromptTokens,
  estimateNewInputTokens,
  estimateOutputTokens,
  estimatePromptTokens,
  estimateTokens,
} from '../../durable-objects/core/estimate.ts';
import type { SessionHistory } from '../../durable-objects/core/history.ts';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import { turnFacts } from '../turn-facts.ts';
import { NOW, warm } from './judging.ts';

const NEW = findModel(builtinCatalogue, 'claude-opus-5-5');
const OLD = findModel(builtinCatalogue, 'claude-haiku-4-5');
const HOUR = 3_600_000;

/** A thread of 100,000 tokens in 360,000 bytes. */
const THREAD = warm(100_000);
const OLD_THREAD = warm(100_000, 'claude-haiku-4-5', { tokenizer: 'old' });

describe('the whole prompt', () => {
  test.each<[what: string, bodyBytes: number, SessionHistory | null, model: typeof NEW, tokens: number]>([
    ['a first one, by its bytes', 100_000, null, NEW, 28_001],
    ['a first one in the older tokenizer', 100_000, null, OLD, 21_500],
    ['a first one for a model nobody knows', 100_000, null, null, 28_001],
    ['the same again', 360_000, THREAD, NEW, 100_000],
    ['10,000 bytes more', 370_000, THREAD, NEW, 102_801],
    [
      '10,000 bytes more, of a thread known to make 0.4 a byte',
      370_000,
      { ...THREAD, tokensPerNewByte: 0.4 },
      NEW,
      104_000,
    ],
    ['10,000 bytes more, on a model of the older tokenizer', 370_000, THREAD, OLD, 78_936],
    ['10,000 bytes more, of a thread counted in the older one', 370_000, OLD_THREAD, NEW, 133_033],
    ['half of it after a compaction, by what a byte was worth', 180_000, THREAD, NEW, 50_000],
  ])('%s', (_, bodyBytes, history, model, tokens) => {
    const estimated = estimatePromptTokens({ bodyBytes }, history, model);
    // Rounded up, and binary fractions may take it one further.
    expect(Math.abs(estimated - tokens)).toBeLessThanOrEqual(1);
  });
});

describe('what of it is new', () => {
  test.each<[what: string, bodyBytes: number, SessionHistory | null, model: typeof NEW, tokens: number]>([
    ['all of a first prompt', 100_000, null, NEW, 28_001],
    ['nothing of the same again', 360_000, THREAD, NEW, 0],
    ['what was added', 370_000, THREAD, NEW, 2_800],
    ['what was added, counted with the older tokenizer', 370_000, THREAD, OLD, 2_151],
    ['all of a compacted one', 180_000, THREAD, NEW, 50_000],
  ])('%s', (_, bodyBytes, history, model, tokens) => {
    const estimated = estimateNewInputTokens({ bodyBytes }, history, model);
    expect(Math.abs(estimated - tokens)).toBeLessThanOrEqual(1);
  });
});

describe('how much the model will say', () => {
  const usual = warm(100_000, 'claude-opus-5-5', { typicalOutputTokens: 1_300 });
  test.each<
    [
      kind: TurnFacts['kind'],
      maxTokens: number | null,
      SessionHistory | null,
      model: typeof NEW,
      tokens: number,
    ]
  >([
    ['main', 32_000, null, NEW, 450],
    ['subagent', 32_000, null, NEW, 400],
    ['auxiliary', 512, null, NEW, 40],
    ['compaction', 32_000, null, NEW, 3_000],
    ['main', 32_000, usual, NEW, 1_300],
    ['main', 32_000, usual, OLD, 999],
    ['main', 1_000, usual, NEW, 1_000],
    ['main', null, usual, NEW, 1_300],
    ['compaction', 32_000, usual, NEW, 3_000],
  ])('%s with max_tokens %s', (kind, maxTokens, history, model, tokens) => {
    expect(estimateOutputTokens({ kind, maxTokens }, history, model)).toBe(tokens);
  });
});

describe('how the prompt is priced: [uncached, written for 5 minutes, for an hour, read]', () => {
  const ID = 'claude-opus-5-5';
  const caches = (tokens: number, expiresAtMs: number, model = ID) => [
    { model, tokens, ttlMs: HOUR, expiresAtMs },
  ];
  const next = { bodyBytes: 360_000 };
  test.each<[what: string, facts: Partial<TurnFacts>, SessionHistory | null, expected: number[]]>([
    ['a first one is all written', { bodyBytes: 25_000, cacheTtl: '1h' }, null, [0, 0, 7_001, 0]],
    ['for five minutes where that is asked', { bodyBytes: 25_000, cacheTtl: '5m' }, null, [0, 7_001, 0, 0]],
    [
      'nothing is cached where nothing is asked',
      { bodyBytes: 25_000, cacheTtl: 'none' },
      null,
      [7_001, 0, 0, 0],
    ],
    ['one too short to cache', { bodyBytes: 1_000 }, null, [280, 0, 0, 0]],
    ['one warm to the end', next, THREAD, [0, 0, 0, 100_000]],
    [
      'one warm to where its cache ends',
      next,
      { ...THREAD, caches: caches(90_000, NOW + 1) },
      [0, 0, 10_000, 90_000],
    ],
    ['a cache that just expired', next, { ...THREAD, caches: caches(90_000, NOW) }, [0, 0, 100_000, 0]],
    [
      'another model’s cache is of no use',
      next,
      { ...THREAD, caches: caches(90_000, NOW + 1, 'claude-sonnet-5-5') },
      [0, 0, 100_000, 0],
    ],
    [
      'a compacted one is warm as far as its beginning',
      { bodyBytes: 180_000 },
      { ...THREAD, firstPromptTokens: 14_000 },
      [0, 0, 36_000, 14_000],
    ],
  ])('%s', (_, facts, history, expected) => {
    const tokens = estimateTokens(turnFacts(facts), history, ID, NEW, NOW);
    const { inputTokens, cacheWrite5mTokens, cacheWrite1hTokens, cacheReadTokens } = tokens;
    expect([inputTokens, cacheWrite5mTokens, cacheWrite1hTokens, cacheReadTokens]).toEqual(expected);
  });
});

test('the most a body can become is a token a byte, so many an image, and the upstream’s preamble', () => {
  expect(ceilingPromptTokens(turnFacts({ bodyBytes: 10_000, imageCount: 3 }))).toBe(10_000 + 15_000 + 2_000);
});
