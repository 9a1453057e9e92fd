import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dearness, findModel } from '../../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { chargedVersion, withOverrides } from '../../../durable-objects/core/catalogue/overrides.ts';
import { priceCeiling, priceTokens, priceUsage } from '../../../durable-objects/core/catalogue/price.ts';
import { perMillion, utcMidnight } from '../../../durable-objects/core/catalogue/price-row.ts';
import type { PriceOverride, PriceTerms } from '../../../durable-objects/core/catalogue/types.ts';
import { NO_TOKENS, type TokenCounts, type Usage } from '../../../durable-objects/core/usage.ts';

const FROM_MS = utcMidnight('2026-12-01');
const UNTIL_MS = utcMidnight('2027-01-01');
const OPUS = 'claude-opus-5-5';
const HAIKU = 'claude-haiku-5-5';
const NO_MODIFIERS = { speed: null, inferenceGeo: null };

function percentOff(offMillionths: number): PriceTerms {
  return { kind: 'percent_off', offMillionths };
}

function override(model: string | null, terms: PriceTerms, id = 'price_1'): PriceOverride {
  return { id, model, terms, fromMs: FROM_MS, untilMs: UNTIL_MS };
}

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

function priced(overrides: PriceOverride[], used: Usage, sentModel = OPUS, atMs = FROM_MS) {
  const catalogue = withOverrides(builtinCatalogue, overrides);
  return priceUsage({ usage: used, sentModel, atMs, catalogue });
}

const EIGHTH_OFF = percentOff(125_000);
const OWN = perMillion('3', '3.5', '6', '0.15', '15');

describe('a negotiated price', () => {
  test.each<[string, PriceOverride[], Usage, string, number]>([
    // what, overrides, usage, model, nano-USD
    ['12.5 % off', [override(OPUS, EIGHTH_OFF)], usage({ inputTokens: 1_000 }), OPUS, 3_500_000],
    [
      '12.5 % off every model',
      [override(null, EIGHTH_OFF)],
      usage({ outputTokens: 1_000 }),
      OPUS,
      17_500_000,
    ],
    ['of another model', [override(HAIKU, EIGHTH_OFF)], usage({ inputTokens: 1_000 }), OPUS, 4_000_000],
    ['all of it off', [override(OPUS, percentOff(1_000_000))], usage({ inputTokens: 1_000 }), OPUS, 0],
    ['nothing off', [override(OPUS, percentOff(0))], usage({ inputTokens: 1_000 }), OPUS, 4_000_000],
    // 4,000 nano-USD less a ten-thousandth of a percent is 3,999.996, rounded up once.
    ['0.0001 % off', [override(OPUS, percentOff(1))], usage({ inputTokens: 1 }), OPUS, 4_000],
    [
      '0.0001 % off a thousand',
      [override(OPUS, percentOff(1))],
      usage({ inputTokens: 1_000 }),
      OPUS,
      3_999_996,
    ],
    [
      'prices of its own, each class',
      [override(OPUS, { kind: 'prices', prices: OWN })],
      usage({
        inputTokens: 1,
        cacheWrite5mTokens: 10,
        cacheWrite1hTokens: 10,
        cacheReadTokens: 100,
        outputTokens: 1,
      }),
      OPUS,
      3_000 + 35_000 + 60_000 + 15_000 + 15_000,
    ],
    [
      'prices of its own in fast mode in the US',
      [override(OPUS, { kind: 'prices', prices: OWN })],
      usage({ inputTokens: 1_000 }, { speed: 'fast', inferenceGeo: 'us' }),
      OPUS,
      6_600_000,
    ],
    [
      'prices of its own over the size of a tier',
      [override(HAIKU, { kind: 'prices', prices: perMillion('0.1', '0.1', '0.1', '0.1', '0.1') })],
      usage({ inputTokens: 200_000 }),
      HAIKU,
      20_000_000,
    ],
    ['12.5 % off a tier', [override(HAIKU, EIGHTH_OFF)], usage({ inputTokens: 200_000 }), HAIKU, 87_500_000],
    [
      'and web searches at list',
      [override(null, EIGHTH_OFF)],
      usage({}, { webSearchRequests: 2 }),
      OPUS,
      20_000_000,
    ],
    [
      'of the model itself before that of every model',
      [override(null, percentOff(500_000), 'all'), override(OPUS, EIGHTH_OFF, 'own')],
      usage({ inputTokens: 1_000 }),
      OPUS,
      3_500_000,
    ],
    [
      'of a model, for a model nobody knows: the dearest of the list',
      [override('claude-fable-5-2', percentOff(900_000)), override(OPUS, percentOff(900_000), 'b')],
      usage({ inputTokens: 1_000 }),
      'model-x',
      priced([], usage({ inputTokens: 1_000 }), 'model-x').nanoUsd,
    ],
    [
      'of every model, for a model nobody knows',
      [override(null, percentOff(500_000))],
      usage({ inputTokens: 1_000 }),
      'model-x',
      priced([], usage({ inputTokens: 1_000 }), 'model-x').nanoUsd / 2,
    ],
  ])('%s', (_what, overrides, used, model, nanoUsd) => {
    expect(priced(overrides, used, model).nanoUsd).toBe(nanoUsd);
  });

  test.each<[string, number, boolean]>([
    ['the instant before it begins', FROM_MS - 1, false],
    ['its first instant', FROM_MS, true],
    ['its last instant', UNTIL_MS - 1, true],
    ['its end', UNTIL_MS, false],
  ])('at %s', (_what, atMs, isInForce) => {
    const { nanoUsd, overrides } = priced(
      [override(OPUS, EIGHTH_OFF)],
      usage({ inputTokens: 1_000 }),
      OPUS,
      atMs,
    );
    expect({ nanoUsd, overrides }).toEqual(
      isInForce ? { nanoUsd: 3_500_000, overrides: ['price_1'] } : { nanoUsd: 4_000_000, overrides: [] },
    );
  });

  test('of each request of a turn is its own model’s, and the sum is rounded once', () => {
    const iteration = (model: string) => ({
      type: 'message',
      model,
      tokens: { ...NO_TOKENS, inputTokens: 1 },
    });
    const used = usage({}, { iterations: [iteration(OPUS), iteration(HAIKU), iteration(OPUS)] });
    // 2 × 4,000 × 0.999999 + 100 × 0.999999 = 8,099.9919 nano-USD
    expect(priced([override(null, percentOff(1))], used)).toMatchObject({ nanoUsd: 8_100 });
    expect(priced([override(HAIKU, percentOff(500_000), 'half')], used)).toMatchObject({
      nanoUsd: 8_050,
      overrides: ['half'],
    });
  });

  test('counts in holds and ceilings', () => {
    const catalogue = withOverrides(builtinCatalogue, [override(OPUS, percentOff(250_000))]);
    const common = { model: findModel(catalogue, OPUS), modifiers: NO_MODIFIERS, atMs: FROM_MS, catalogue };
    expect(priceTokens({ ...common, tokens: { ...NO_TOKENS, outputTokens: 1_000 } })).toBe(15_000_000);
    expect(priceCeiling({ ...common, promptTokens: 1_000, maxOutputTokens: 1_000 })).toBe(
      6_000_000 + 15_000_000,
    );
  });

  test('decides which model is the dearer one', () => {
    const catalogue = withOverrides(builtinCatalogue, [override(OPUS, percentOff(900_000))]);
    const dear = (id: string, atMs: number): number => {
      const model = findModel(catalogue, id);
      return model ? dearness(model, atMs) : 0;
    };
    expect(dear(OPUS, FROM_MS)).toBeLessThan(dear('claude-sonnet-5-5', FROM_MS));
    expect(dear(OPUS, UNTIL_MS)).toBeGreaterThan(dear('claude-sonnet-5-5', UNTIL_MS));
  });

  test('taken away again leaves the list', () => {
    const catalogue = withOverrides(builtinCatalogue, [override(null, EIGHTH_OFF)]);
    expect(withOverrides(catalogue, [])).toEqual(builtinCatalogue);
  });

  test('is never under the exact share and less than a nano-USD over it', () => {
    const count = fc.integer({ min: 0, max: 2_000_000 });
    fc.assert(
      fc.property(count, count, fc.integer({ min: 0, max: 1_000_000 }), (inputTokens, outputTokens, off) => {
        const { nanoUsd } = priced([override(OPUS, percentOff(off))], usage({ inputTokens, outputTokens }));
        const list = BigInt(inputTokens) * 4_000n + BigInt(outputTokens) * 20_000n;
        const exact = list * BigInt(1_000_000 - off);
        const over = BigInt(nanoUsd) * 1_000_000n - exact;
        expect(over >= 0n && over < 1_000_000n).toBe(true);
      }),
    );
  });
});

test('the version charged names the list and each override once', () => {
  expect(chargedVersion('v1', [])).toBe('v1');
  expect(chargedVersion('v1', ['a', 'b', 'a'])).toBe('v1+a+b');
});
