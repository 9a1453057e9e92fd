import { describe, expect, test } from 'vitest';
import {
  type AskedTurn,
  isAsAsked,
  type PriorPrompt,
  priceAsked,
} from '../../../durable-objects/core/catalogue/asked.ts';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { withOverrides } from '../../../durable-objects/core/catalogue/overrides.ts';
import { utcMidnight } from '../../../durable-objects/core/catalogue/price-row.ts';
import { NO_TOKENS, type TokenCounts, type Usage } from '../../../durable-objects/core/usage.ts';

const NOW_MS = utcMidnight('2026-11-23');
const HOUR_MS = 3_600_000;
const OPUS = 'claude-opus-5-5';
const SONNET = 'claude-sonnet-5-5';
const HAIKU_OLD = 'claude-haiku-4-5';

function usage(tokens: Partial<TokenCounts>, more: Partial<Usage> = {}): Usage {
  return {
    model: null,
    tokens: { ...NO_TOKENS, ...tokens },
    webSearchRequests: 0,
    speed: null,
    inferenceGeo: null,
    serviceTier: null,
    iterations: null,
    ...more,
  };
}

const PRIOR: PriorPrompt = {
  promptTokens: 90_000,
  firstPromptTokens: 20_000,
  tokenizer: 'new',
  bodyBytes: 300_000,
  atMs: NOW_MS - 60_000,
};
const FACTS: AskedTurn['facts'] = {
  model: OPUS,
  cacheTtl: '1h',
  bodyBytes: 310_000,
  modifiers: { speed: null, inferenceGeo: null },
};

interface Case {
  facts?: Partial<AskedTurn['facts']>;
  sent?: string;
  used: Usage;
  prior?: PriorPrompt | null;
}

function askedOf(
  { facts = {}, sent = SONNET, used, prior = PRIOR }: Case,
  catalogue = builtinCatalogue,
): number {
  return priceAsked({
    facts: { ...FACTS, ...facts },
    sentModel: sent,
    usage: used,
    prior,
    providerMillionths: 1_000_000,
    admittedAtMs: NOW_MS,
    catalogue,
  });
}

/** A step down to a cold cache: the whole prompt is written. */
const COLD = usage({ cacheWrite1hTokens: 100_000, outputTokens: 1_000 });

// Opus 5.5 in nano-USD a token: input 4,000, 5-minute write 5,000, 1-hour write 8,000, read 200, output 20,000.
const OUTPUT = 20_000_000;

describe('a turn on the model it asked for would have cost', () => {
  test.each<[string, Case, number]>([
    [
      'a warm read of the last prompt, a write of the rest',
      { used: COLD },
      90_000 * 200 + 10_000 * 8_000 + OUTPUT,
    ],
    [
      '5-minute writes where the turn’s TTL is that',
      { used: COLD, facts: { cacheTtl: '5m' } },
      90_000 * 200 + 10_000 * 5_000 + OUTPUT,
    ],
    ['a write of all where the thread is new', { used: COLD, prior: null }, 100_000 * 8_000 + OUTPUT],
    [
      'the same at the very end of the TTL',
      { used: COLD, prior: { ...PRIOR, atMs: NOW_MS - HOUR_MS } },
      100_000 * 8_000 + OUTPUT,
    ],
    [
      'a warm read one instant before it',
      { used: COLD, prior: { ...PRIOR, atMs: NOW_MS - HOUR_MS + 1 } },
      90_000 * 200 + 10_000 * 8_000 + OUTPUT,
    ],
    [
      'a read of the first prompt after a compaction',
      { used: usage({ cacheWrite1hTokens: 30_000, outputTokens: 1_000 }), facts: { bodyBytes: 90_000 } },
      20_000 * 200 + 10_000 * 8_000 + OUTPUT,
    ],
    ['no more read than there is of the prompt', { used: usage({ cacheReadTokens: 50_000 }) }, 50_000 * 200],
    [
      'as much read as the served model did, where that is more',
      { used: usage({ cacheReadTokens: 15_000, cacheWrite1hTokens: 5_000 }), prior: null },
      15_000 * 200 + 5_000 * 8_000,
    ],
    [
      'what was left uncached beside a cached part, uncached',
      { used: usage({ inputTokens: 4_000, cacheReadTokens: 96_000 }) },
      96_000 * 200 + 4_000 * 4_000,
    ],
    [
      'all of it uncached where nothing is marked',
      { used: usage({ inputTokens: 100_000 }), facts: { cacheTtl: 'none' } },
      100_000 * 4_000,
    ],
    [
      'a prompt too short for its cache, uncached',
      { used: usage({ inputTokens: 300 }), prior: null },
      300 * 4_000,
    ],
    [
      'a prompt too short for the served cache, written',
      { used: usage({ inputTokens: 3_000 }), sent: HAIKU_OLD, prior: null },
      3_900 * 8_000,
    ],
    [
      '30 % more tokens where its tokenizer is the newer one',
      { used: COLD, sent: HAIKU_OLD, prior: { ...PRIOR, tokenizer: 'old' } },
      117_000 * 200 + 13_000 * 8_000 + 1_300 * 20_000,
    ],
    [
      'fewer tokens where its tokenizer is the older one, rounded up',
      {
        used: usage({ inputTokens: 10, outputTokens: 10 }),
        facts: { model: 'claude-opus-4-6', cacheTtl: 'none' },
      },
      8 * 5_000 + 8 * 25_000,
    ],
    [
      'its own fast mode, if that was asked for',
      { used: COLD, facts: { model: 'claude-opus-5', modifiers: { speed: 'fast', inferenceGeo: null } } },
      (90_000 * 500 + 10_000 * 10_000 + 25_000_000) * 2,
    ],
    [
      'the geography it ran in',
      { used: { ...COLD, inferenceGeo: 'us' } },
      ((90_000 * 200 + 10_000 * 8_000 + OUTPUT) * 11) / 10,
    ],
    ['its web searches', { used: usage({}, { webSearchRequests: 2 }), prior: null }, 20_000_000],
    [
      'each of its requests, an advisor’s at its own model',
      {
        used: usage(
          {},
          {
            iterations: [
              {
                type: 'message',
                model: null,
                tokens: { ...NO_TOKENS, cacheReadTokens: 1_000, outputTokens: 10 },
              },
              { type: 'message', model: SONNET, tokens: { ...NO_TOKENS, outputTokens: 10 } },
              { type: 'advisor_message', model: 'claude-opus-5', tokens: { ...NO_TOKENS, outputTokens: 10 } },
            ],
          },
        ),
      },
      1_000 * 200 + 20 * 20_000 + 10 * 25_000,
    ],
  ])('%s', (_what, each, nanoUsd) => {
    expect(askedOf(each)).toBe(nanoUsd);
  });

  test('contracted prices of the asked model', () => {
    const half = { kind: 'percent_off', offMillionths: 500_000 } as const;
    const override = { id: 'half', model: OPUS, terms: half, fromMs: 0, untilMs: null };
    const contracted = withOverrides(builtinCatalogue, [override]);
    expect(askedOf({ used: COLD }, contracted) * 2).toBe(askedOf({ used: COLD }));
  });
});

test.each([
  [OPUS, OPUS, true],
  ['claude-haiku-4-5', 'claude-haiku-4-5-20251001', true],
  ['model-x', 'model-x', true],
  [OPUS, SONNET, false],
  ['model-x', SONNET, false],
])('%s sent to %s is as asked: %s', (asked, sent, is) => {
  expect(isAsAsked(builtinCatalogue, asked, sent)).toBe(is);
});
