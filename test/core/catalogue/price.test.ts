import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { findModel } from '../../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue as catalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { priceCeiling, priceTokens, priceUsage } from '../../../durable-objects/core/catalogue/price.ts';
import { utcMidnight } from '../../../durable-objects/core/catalogue/price-row.ts';
import { NO_TOKENS, type TokenCounts, type Usage } from '../../../durable-objects/core/usage.ts';

const NOW_MS = utcMidnight('2026-11-23');
const NO_MODIFIERS = { speed: null, inferenceGeo: null };

interface Spent {
  in?: number;
  w5?: number;
  w1?: number;
  cr?: number;
  out?: number;
}

function tokens(spent: Spent): TokenCounts {
  return {
    inputTokens: spent.in ?? 0,
    cacheWrite5mTokens: spent.w5 ?? 0,
    cacheWrite1hTokens: spent.w1 ?? 0,
    cacheReadTokens: spent.cr ?? 0,
    outputTokens: spent.out ?? 0,
  };
}

function usage(spent: Spent, more: Partial<Usage> = {}): Usage {
  return {
    model: null,
    tokens: tokens(spent),
    webSearchRequests: 0,
    speed: null,
    inferenceGeo: null,
    serviceTier: null,
    iterations: null,
    ...more,
  };
}

function priceOf(sentModel: string, used: Usage, atMs = NOW_MS): number {
  return priceUsage({ usage: used, sentModel, atMs, catalogue }).nanoUsd;
}

describe('a turn costs, in nano-USD', () => {
  test.each<[string, Spent, number, number]>([
    // model, tokens, web searches, price
    ['claude-opus-5', { w1: 1_000_000 }, 0, 10_000_000_000],
    ['claude-opus-5', {}, 2, 20_000_000],
    ['claude-opus-5-5', { in: 1_200, w5: 2_000, w1: 3_000, cr: 90_000, out: 2_500 }, 2, 126_800_000],
    ['claude-sonnet-4-6', { in: 300, cr: 1_500, w5: 200, out: 500 }, 0, 9_600_000],
    ['claude-sonnet-4-5', { in: 300, cr: 1_500, w5: 200, out: 500 }, 0, 9_600_000],
    ['claude-haiku-5-5', { in: 100_000 }, 0, 10_000_000],
    ['claude-haiku-5-5', { in: 100_001 }, 0, 50_000_500],
    ['claude-opus-5', {}, 0, 0],
  ])('%s %o and %i searches', (model, spent, webSearchRequests, price) => {
    expect(priceOf(model, usage(spent, { webSearchRequests }))).toBe(price);
  });

  test("Sonnet 5.5's cache reads at half the price from 2026-10-07 on", () => {
    const read = usage({ cr: 1_000_000 });
    expect(priceOf('claude-sonnet-5-5', read, utcMidnight('2026-10-07') - 1)).toBe(200_000_000);
    expect(priceOf('claude-sonnet-5-5', read, utcMidnight('2026-10-07'))).toBe(100_000_000);
  });
});

describe("Haiku 5.5's tier is that of the whole prompt, and the whole request takes it", () => {
  test.each<[string, Spent, number]>([
    ['reads up to the boundary', { in: 1, cr: 99_999, out: 100 }, 1_050_090],
    ['reads over it', { in: 1, cr: 100_000, out: 100 }, 5_250_500],
    ['5-minute writes up to it', { in: 1, w5: 99_999 }, 12_499_975],
    ['5-minute writes over it', { in: 1, w5: 100_000 }, 62_500_500],
    ['1-hour writes up to it', { in: 1, w1: 99_999 }, 19_999_900],
    ['1-hour writes over it', { in: 1, w1: 100_000 }, 100_000_500],
    ['output does not count', { in: 100_000, out: 100_000 }, 60_000_000],
  ])('%s', (_what, spent, price) => {
    expect(priceOf('claude-haiku-5-5', usage(spent))).toBe(price);
  });
});

describe('multipliers', () => {
  const spent = { in: 1_000, w5: 1_000, w1: 1_000, cr: 1_000, out: 1_000 };
  test.each<[string, string, string | null, string | null, number]>([
    ['none', 'claude-opus-5-5', null, null, 37_200_000],
    ['standard speed and another geography', 'claude-opus-5-5', 'standard', 'global', 37_200_000],
    ['fast', 'claude-opus-5-5', 'fast', null, 74_400_000],
    ['US', 'claude-opus-5-5', null, 'us', 40_920_000],
    ['fast in the US', 'claude-opus-5-5', 'fast', 'us', 81_840_000],
    ['fast where the model ran at standard price', 'claude-opus-4-6', 'fast', null, 46_750_000],
    ['US before 4.6', 'claude-haiku-4-5', null, 'us', 9_350_000],
  ])('%s', (_what, model, speed, inferenceGeo, price) => {
    expect(priceOf(model, usage(spent, { speed, inferenceGeo }))).toBe(price);
  });

  test('leave web searches alone', () => {
    const searched = usage({}, { webSearchRequests: 1, speed: 'fast', inferenceGeo: 'us' });
    expect(priceOf('claude-opus-5-5', searched)).toBe(10_000_000);
  });
});

describe('the model a turn is priced as', () => {
  const million = { in: 1_000_000, w5: 1_000_000, w1: 1_000_000, cr: 1_000_000, out: 1_000_000 };
  test.each([
    // sent to, reported, priced as, flagged
    ['claude-opus-5', null, 'claude-opus-5', false],
    ['claude-opus-5', 'claude-opus-5', 'claude-opus-5', false],
    ['claude-opus-5', 'claude-sonnet-5', 'claude-sonnet-5', false],
    ['claude-haiku-4-5', 'claude-haiku-4-5-20251001', 'claude-haiku-4-5-20251001', false],
    ['claude-opus-5', 'claude-opus-5-20260724', 'claude-opus-5', false],
    ['claude-unheard-of-1', 'claude-opus-5', 'claude-opus-5', false],
    ['claude-opus-5', 'claude-opus-5-7', 'claude-opus-5', true],
    ['claude-unheard-of-1', null, 'claude-unheard-of-1', true],
    ['claude-unheard-of-1', 'claude-unheard-of-2', 'claude-unheard-of-2', true],
  ])('sent to %s, served by %s: %s, unknown: %s', (sentModel, reported, model, modelUnknown) => {
    const priced = priceUsage({
      usage: usage({ in: 1 }, { model: reported }),
      sentModel,
      atMs: NOW_MS,
      catalogue,
    });
    expect(priced).toMatchObject({ model, modelUnknown });
  });

  test('where none is known, the dearest rate of every class is taken: Fable 5 as long as Opus 4.1 is retired', () => {
    expect(priceOf('claude-unheard-of-1', usage(million))).toBe((10 + 12.5 + 20 + 1 + 50) * 1e9);
    expect(priceOf('claude-unheard-of-1', usage(million), utcMidnight('2026-08-04'))).toBe(
      (15 + 18.75 + 30 + 1.5 + 75) * 1e9,
    );
  });

  test('where none is known, the dearest multipliers are taken', () => {
    const fastInUs = usage({ in: 1_000_000 }, { speed: 'fast', inferenceGeo: 'us' });
    expect(priceOf('claude-unheard-of-1', fastInUs)).toBe(22_000_000_000);
  });

  test('no known model is dearer than an unknown one', () => {
    const dearest = priceOf('claude-unheard-of-1', usage(million, { speed: 'fast', inferenceGeo: 'us' }));
    for (const { id, retiresAtMs } of catalogue.models) {
      if (retiresAtMs !== null && retiresAtMs <= NOW_MS) continue;
      expect(priceOf(id, usage(million, { speed: 'fast', inferenceGeo: 'us' }))).toBeLessThanOrEqual(dearest);
    }
  });
});

describe('a turn of several iterations', () => {
  const iteration = (type: string, model: string | null, spent: Spent) => ({
    type,
    model,
    tokens: tokens(spent),
  });

  test('costs the sum of them, each at its own model, whatever the figures above them say', () => {
    const used = usage(
      { in: 7, out: 7 },
      {
        iterations: [
          iteration('compaction', null, { in: 100_000, out: 1_000 }),
          iteration('message', null, { w1: 1_000, out: 500 }),
          iteration('advisor_message', 'claude-opus-5-5', { in: 1_000, out: 100 }),
        ],
      },
    );
    // Sonnet 5: 0.2 + 0.01, 0.004 + 0.005; Opus 5.5: 0.004 + 0.002
    expect(priceOf('claude-sonnet-5', used)).toBe(225_000_000);
  });

  test('each take the tier of their own prompt', () => {
    const used = usage(
      { in: 120_000 },
      {
        iterations: [iteration('message', null, { in: 60_000 }), iteration('message', null, { in: 60_000 })],
      },
    );
    expect(priceOf('claude-haiku-5-5', used)).toBe(12_000_000);
  });

  test('take the multipliers of their own model', () => {
    const used = usage(
      {},
      {
        speed: 'fast',
        inferenceGeo: 'us',
        iterations: [
          iteration('message', 'claude-opus-5-5', { in: 1_000 }),
          iteration('fallback_message', 'claude-haiku-4-5', { in: 1_000 }),
        ],
      },
    );
    expect(priceOf('claude-opus-5-5', used)).toBe(8_800_000 + 1_000_000);
  });

  test('of which one is unknown is flagged, and that one priced at the dearest rate', () => {
    const used = usage(
      {},
      {
        iterations: [
          iteration('fallback_message', 'claude-unheard-of-1', { in: 1_000_000 }),
          iteration('message', null, { in: 10 }),
        ],
      },
    );
    const priced = priceUsage({ usage: used, sentModel: 'claude-haiku-5-5', atMs: NOW_MS, catalogue });
    expect(priced).toEqual({
      nanoUsd: 10_000_001_000,
      modelUnknown: true,
      model: 'claude-haiku-5-5',
      overrides: [],
    });
  });

  test('is priced by its tokens where the list is empty', () => {
    expect(priceOf('claude-opus-5', usage({ in: 1_000_000 }, { iterations: [] }))).toBe(5_000_000_000);
  });
});

describe('rounding', () => {
  // The published prices are whole nano-USD a token, so fractions take a catalogue at a pico-USD for everything.
  const cheap = {
    ...catalogue,
    models: catalogue.models.map((model) => ({
      ...model,
      periods: [
        {
          fromMs: null,
          tiers: [
            { input: 1, cacheWrite5m: 1, cacheWrite1h: 1, cacheRead: 1, output: 1, maxPromptTokens: null },
          ],
        },
      ],
    })),
    webSearchPicoUsd: 1,
  };
  const at = (used: Usage): number =>
    priceUsage({ usage: used, sentModel: 'claude-opus-5', atMs: NOW_MS, catalogue: cheap }).nanoUsd;

  test.each<[string, Usage, number]>([
    ['nothing costs nothing', usage({}), 0],
    ['a pico-USD is a nano-USD', usage({ in: 1 }), 1],
    ['1,000 are one', usage({ in: 600, out: 400 }), 1],
    ['1,001 are two', usage({ in: 600, out: 401 }), 2],
    ['a search and tokens are rounded together', usage({ in: 999 }, { webSearchRequests: 1 }), 1],
    ['910 in the US are 1,001', usage({ in: 910 }, { inferenceGeo: 'us' }), 2],
    ['909 in the US are 999.9', usage({ in: 909 }, { inferenceGeo: 'us' }), 1],
    ['a tenth of a pico-USD counts', usage({ in: 909 }, { inferenceGeo: 'us', webSearchRequests: 1 }), 2],
    [
      'iterations are rounded together',
      usage(
        {},
        {
          iterations: [
            { type: 'message', model: null, tokens: tokens({ in: 500 }) },
            { type: 'message', model: null, tokens: tokens({ in: 500 }) },
          ],
        },
      ),
      1,
    ],
  ])('%s', (_what, used, price) => {
    expect(at(used)).toBe(price);
  });
});

describe('estimates', () => {
  const opus = findModel(catalogue, 'claude-opus-5-5');
  const haiku = findModel(catalogue, 'claude-haiku-5-5');

  test('cost what the same usage would', () => {
    const counts = tokens({ in: 1_200, w5: 2_000, w1: 3_000, cr: 90_000, out: 2_500 });
    const estimate = { tokens: counts, model: opus, modifiers: NO_MODIFIERS, atMs: NOW_MS, catalogue };
    expect(priceTokens({ ...estimate, webSearchRequests: 2 })).toBe(126_800_000);
    expect(priceTokens({ ...estimate, modifiers: { speed: 'fast', inferenceGeo: 'us' } })).toBe(234_960_000);
    expect(priceTokens({ ...estimate, model: null, tokens: tokens({ out: 1_000_000 }) })).toBe(
      50_000_000_000,
    );
  });

  test.each([
    ['the prompt at the 1-hour write price', opus, 1_000, 1_000, NO_MODIFIERS, 28_000_000],
    ['with every modifier asked for', opus, 1_000, 1_000, { speed: 'fast', inferenceGeo: 'us' }, 61_600_000],
    ['in the tier the prompt stays in', haiku, 100_000, 1_000, NO_MODIFIERS, 20_500_000],
    ['in the dearest tier it can reach', haiku, 100_001, 1_000, NO_MODIFIERS, 102_501_000],
    ['up to the window and the output limit', opus, 9e15, 9e15, NO_MODIFIERS, 10_560_000_000],
    ['an unknown model at the dearest rates', null, 1_000, 1_000, NO_MODIFIERS, 70_000_000],
    ['an absurd request as the largest limit', null, 1_000, 9e15, NO_MODIFIERS, 5_000_000_000_000_000],
  ])('a ceiling counts %s', (_what, model, promptTokens, maxOutputTokens, modifiers, price) => {
    expect(priceCeiling({ promptTokens, maxOutputTokens, model, modifiers, atMs: NOW_MS, catalogue })).toBe(
      price,
    );
  });

  test('no usage within the bounds of a ceiling costs more than it', () => {
    const bounded = fc.tuple(
      fc.nat(150_000),
      fc.nat(150_000),
      fc.nat(150_000),
      fc.nat(150_000),
      fc.nat(128_000),
    );
    const asked = fc.record({
      speed: fc.constantFrom(null, 'fast'),
      inferenceGeo: fc.constantFrom(null, 'us'),
    });
    const anyModel = fc.constantFrom(null, opus, haiku, findModel(catalogue, 'claude-opus-5'));
    fc.assert(
      fc.property(
        bounded,
        asked,
        anyModel,
        fc.nat(1_000),
        ([i, w5, w1, cr, out], modifiers, model, slack) => {
          const priced = { model, modifiers, atMs: NOW_MS, catalogue };
          const price = priceTokens({ ...priced, tokens: tokens({ in: i, w5, w1, cr, out }) });
          const most = priceCeiling({
            ...priced,
            promptTokens: i + w5 + w1 + cr + slack,
            maxOutputTokens: out,
          });
          expect(price).toBeLessThanOrEqual(most);
        },
      ),
    );
  });
});

describe('what is no count is a bug', () => {
  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('%d tokens throw', (inputTokens) => {
    const used = { ...usage({}), tokens: { ...NO_TOKENS, inputTokens } };
    expect(() => priceOf('claude-opus-5', used)).toThrow(RangeError);
  });

  test('so is a turn of more money than a number holds', () => {
    expect(() => priceOf('claude-opus-5', usage({ out: 2 ** 52 }))).toThrow(RangeError);
  });
});
