import { describe, expect, test } from 'vitest';
import { dearness, findModel, isRetired, periodAt } from '../../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import {
  perMillion,
  picoUsdPerToken,
  utcMidnight,
} from '../../../durable-objects/core/catalogue/price-row.ts';
import type { Model } from '../../../durable-objects/core/catalogue/types.ts';

const NOW_MS = utcMidnight('2026-11-23');

function model(id: string): Model {
  const found = findModel(builtinCatalogue, id);
  if (!found) throw new Error(`${id} is not in the catalogue`);
  return found;
}

function pricesOf(id: string, atMs: number, tier = 0): number[] {
  const prices = periodAt(model(id), atMs).tiers[tier];
  if (!prices) throw new Error(`${id} has no tier ${tier}`);
  return [prices.input, prices.cacheWrite5m, prices.cacheWrite1h, prices.cacheRead, prices.output].map(
    (pico) => pico / 1_000_000,
  );
}

describe('prices on 2026-11-23, USD per million tokens', () => {
  // input, 5-minute write, 1-hour write, read, output · window, output limit, shortest cached prompt
  test.each([
    ['claude-fable-5-2', [8, 10, 16, 0.2, 40], 1_000_000, 128_000, 512],
    ['claude-mythos-5-2', [8, 10, 16, 0.2, 40], 1_000_000, 128_000, 512],
    ['claude-fable-5-1', [10, 12.5, 20, 0.25, 50], 1_000_000, 128_000, 512],
    ['claude-mythos-5-1', [10, 12.5, 20, 0.25, 50], 1_000_000, 128_000, 512],
    ['claude-fable-5', [10, 12.5, 20, 1, 50], 1_000_000, 128_000, 512],
    ['claude-mythos-5', [10, 12.5, 20, 1, 50], 1_000_000, 128_000, 512],
    ['claude-opus-5-5', [4, 5, 8, 0.2, 20], 1_000_000, 128_000, 512],
    ['claude-opus-5', [5, 6.25, 10, 0.5, 25], 1_000_000, 128_000, 512],
    ['claude-opus-4-8', [5, 6.25, 10, 0.5, 25], 1_000_000, 128_000, 1024],
    ['claude-opus-4-7', [5, 6.25, 10, 0.5, 25], 1_000_000, 128_000, 2048],
    ['claude-opus-4-6', [5, 6.25, 10, 0.5, 25], 1_000_000, 128_000, 4096],
    ['claude-opus-4-5', [5, 6.25, 10, 0.5, 25], 200_000, 64_000, 4096],
    ['claude-opus-4-1', [15, 18.75, 30, 1.5, 75], 200_000, 32_000, 1024],
    ['claude-opus-4-0', [15, 18.75, 30, 1.5, 75], 200_000, 32_000, 1024],
    ['claude-sonnet-5-5', [2, 2.5, 4, 0.1, 10], 1_000_000, 128_000, 512],
    ['claude-sonnet-5', [2, 2.5, 4, 0.2, 10], 1_000_000, 128_000, 1024],
    ['claude-sonnet-4-6', [3, 3.75, 6, 0.3, 15], 1_000_000, 128_000, 1024],
    ['claude-sonnet-4-5', [3, 3.75, 6, 0.3, 15], 200_000, 64_000, 1024],
    ['claude-sonnet-4-0', [3, 3.75, 6, 0.3, 15], 200_000, 64_000, 1024],
    ['claude-haiku-5-5', [0.1, 0.125, 0.2, 0.01, 0.5], 1_000_000, 128_000, 512],
    ['claude-haiku-4-5', [1, 1.25, 2, 0.1, 5], 200_000, 64_000, 4096],
    ['claude-3-5-haiku-latest', [0.8, 1, 1.6, 0.08, 4], 200_000, 8192, 2048],
  ])('%s', (id, prices, contextWindow, maxOutput, minCacheable) => {
    expect(pricesOf(id, NOW_MS)).toEqual(prices);
    expect(model(id)).toMatchObject({ contextWindow, maxOutput, minCacheable });
  });

  test('Haiku 5.5 has a second tier for long prompts', () => {
    expect(pricesOf('claude-haiku-5-5', NOW_MS, 1)).toEqual([0.5, 0.625, 1, 0.05, 2.5]);
  });

  test('no model is missing above and no id or alias is there twice', () => {
    const names = builtinCatalogue.models.flatMap((each) => [each.id, ...each.aliases]);
    expect(builtinCatalogue.models).toHaveLength(22);
    expect(new Set(names).size).toBe(names.length);
  });

  test('a web search costs a cent', () => {
    expect(builtinCatalogue.webSearchPicoUsd).toBe(1e10);
  });
});

describe('prices change on their dates', () => {
  test.each([
    ['before its release, as released', '2026-09-27T00:00:00.000Z', 0.2],
    ['on its release', '2026-09-28T00:00:00.000Z', 0.2],
    ['in the last millisecond before the change', '2026-10-06T23:59:59.999Z', 0.2],
    ['from the change on', '2026-10-07T00:00:00.000Z', 0.1],
  ])("Sonnet 5.5's cache read %s", (_when, at, read) => {
    expect(pricesOf('claude-sonnet-5-5', Date.parse(at))[3]).toBe(read);
  });
});

describe('multipliers', () => {
  test('fast mode doubles the price of the models that offer it, and of no other', () => {
    const fast = builtinCatalogue.models.filter((each) => each.fastMultiplier !== null);
    expect(fast.map((each) => each.id)).toEqual([
      'claude-fable-5-2',
      'claude-opus-5-5',
      'claude-opus-5',
      'claude-opus-4-8',
    ]);
    expect(fast.map((each) => each.fastMultiplier)).toEqual([
      [2, 1],
      [2, 1],
      [2, 1],
      [2, 1],
    ]);
  });

  test('inference in the US costs more from 4.6 on, which are the models of 1M tokens', () => {
    for (const { geoUsMultiplier, contextWindow } of builtinCatalogue.models) {
      expect(geoUsMultiplier).toEqual(contextWindow === 1_000_000 ? [11, 10] : [1, 1]);
    }
  });
});

describe('retirement', () => {
  test.each([
    ['claude-sonnet-4-5', '2026-11-29T23:59:59.999Z', false],
    ['claude-sonnet-4-5', '2026-11-30T00:00:00.000Z', true],
    ['claude-opus-4-1', '2026-08-05T00:00:00.000Z', true],
    ['claude-opus-4-0', '2026-06-15T00:00:00.000Z', true],
    ['claude-sonnet-4-0', '2026-06-15T00:00:00.000Z', true],
    ['claude-3-5-haiku-latest', '2026-02-19T00:00:00.000Z', true],
    ['claude-opus-4-5', '2027-01-01T00:00:00.000Z', false],
    ['claude-haiku-5-5', '2027-01-01T00:00:00.000Z', false],
  ])('%s at %s: %s', (id, at, retired) => {
    expect(isRetired(model(id), Date.parse(at))).toBe(retired);
  });
});

describe('names', () => {
  test.each([
    ['claude-opus-5-5', 'claude-opus-5-5'],
    ['claude-opus-5-5-20260922', 'claude-opus-5-5'],
    ['claude-opus-5', 'claude-opus-5'],
    ['claude-haiku-4-5', 'claude-haiku-4-5-20251001'],
    ['claude-haiku-4-5-20251001', 'claude-haiku-4-5-20251001'],
    ['claude-haiku-4-5-20260101', undefined],
    ['claude-opus-5-7', undefined],
    ['claude-opus', undefined],
    ['Claude-Opus-5', undefined],
    ['anthropic.claude-opus-5', undefined],
    ['', undefined],
  ])('%j is %s', (name, id) => {
    expect(findModel(builtinCatalogue, name)?.id).toBe(id);
  });
});

describe('dearness', () => {
  test('puts the models in the order of what the same turn costs', () => {
    const live = builtinCatalogue.models.filter((each) => !isRetired(each, NOW_MS));
    const ids = live.toSorted((a, b) => dearness(b, NOW_MS) - dearness(a, NOW_MS)).map((each) => each.id);
    expect(ids.filter((id) => !id.includes('mythos'))).toEqual([
      'claude-fable-5',
      'claude-fable-5-1',
      'claude-fable-5-2',
      'claude-opus-5',
      'claude-opus-4-8',
      'claude-opus-4-7',
      'claude-opus-4-6',
      'claude-opus-4-5-20251101',
      'claude-opus-5-5',
      'claude-sonnet-4-6',
      'claude-sonnet-4-5-20250929',
      'claude-sonnet-5',
      'claude-sonnet-5-5',
      'claude-haiku-4-5-20251001',
      'claude-haiku-5-5',
    ]);
  });

  test('counts that the newer tokenizer makes more tokens of the same text at the same price', () => {
    expect(dearness(model('claude-opus-4-7'), NOW_MS)).toBe(dearness(model('claude-opus-4-6'), NOW_MS) * 1.3);
  });

  test('is an integer for every model', () => {
    expect(builtinCatalogue.models.every((each) => Number.isSafeInteger(dearness(each, NOW_MS)))).toBe(true);
  });
});

describe('a row of the price list', () => {
  test('is exact in pico-USD a token', () => {
    expect(perMillion('0.10', '0.125', '0.20', '0.01', '0.50')).toEqual({
      input: 100_000,
      cacheWrite5m: 125_000,
      cacheWrite1h: 200_000,
      cacheRead: 10_000,
      output: 500_000,
    });
  });

  test.each(['', '1.', '.5', '-1', '0.1234567', '1e3', '4 '])('%j is refused', (text) => {
    expect(() => picoUsdPerToken(text)).toThrow(RangeError);
  });
});
