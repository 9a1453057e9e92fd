import { describe, expect, test } from 'vitest';
import { type ApiLimits, contradictionsOf } from '../../../durable-objects/core/catalogue/contradictions.ts';
import {
  asOf,
  changedLifecycles,
  type ModelLifecycle,
  withLifecycles,
} from '../../../durable-objects/core/catalogue/lifecycles.ts';
import { findModel, isRetired } from '../../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { utcMidnight } from '../../../durable-objects/core/catalogue/price-row.ts';
import { cannotServe } from '../../../durable-objects/core/catalogue/serve.ts';

test.each([
  // model, date, prompt tokens, images, why not
  ['claude-haiku-4-5', '2026-11-23', 200_000, 100, null],
  ['claude-haiku-4-5', '2026-11-23', 200_001, 0, 'context_window'],
  ['claude-haiku-4-5', '2026-11-23', 10, 101, 'images'],
  ['claude-haiku-5-5', '2026-11-23', 1_000_000, 600, null],
  ['claude-haiku-5-5', '2026-11-23', 1_000_001, 0, 'context_window'],
  ['claude-haiku-5-5', '2026-11-23', 10, 601, 'images'],
  ['claude-sonnet-4-5', '2026-11-29', 10, 0, null],
  ['claude-sonnet-4-5', '2026-11-30', 10, 0, 'retired'],
  ['claude-sonnet-4-5', '2026-11-30', 900_000, 900, 'retired'],
])('%s on %s with %i tokens and %i images: %s', (id, date, promptTokens, imageCount, reason) => {
  const model = findModel(builtinCatalogue, id);
  const facts = { imageCount, prefill: false, thinking: 'adaptive', maxTokens: 32_000 };
  expect(model && cannotServe(model, facts, promptTokens, utcMidnight(date))).toBe(reason);
});

test.each([
  // model, thinking asked for, max_tokens, why not
  ['claude-opus-4-6', null, 32_000, 'prefill'],
  ['claude-opus-4-6', 'disabled', 32_000, 'prefill'],
  ['claude-haiku-5-5', 'disabled', 32_000, 'prefill'],
  ['claude-sonnet-5-5', null, 32_000, 'prefill'],
  // Up to 4.5 an answer may be begun for it, as long as it doesn't think.
  ['claude-haiku-4-5', null, 32_000, null],
  ['claude-haiku-4-5', 'disabled', 32_000, null],
  ['claude-haiku-4-5', 'between_tools', 32_000, null],
  ['claude-haiku-4-5', 'unheard_of', 32_000, null],
  ['claude-haiku-4-5', 'enabled', 32_000, 'prefill'],
  ['claude-haiku-4-5', 'adaptive', 32_000, 'prefill'],
  ['claude-haiku-4-5', 'adaptive', 1_025, 'prefill'],
  // No budget fits: it ends up without thinking.
  ['claude-haiku-4-5', 'adaptive', 1_024, null],
  ['claude-haiku-4-5', 'adaptive', null, null],
])('an answer begun for %s with thinking %s and max_tokens %s: %s', (id, thinking, maxTokens, reason) => {
  const model = findModel(builtinCatalogue, id);
  const at = utcMidnight('2026-11-23');
  const facts = { imageCount: 0, prefill: true, thinking, maxTokens };
  expect(model && cannotServe(model, facts, 10, at)).toBe(reason);
  expect(model && cannotServe(model, { ...facts, prefill: false }, 10, at)).toBeNull();
});

function said(model: string, lifecycle: ModelLifecycle['lifecycle'], retires?: string): ModelLifecycle {
  return { model, lifecycle, retiresAtMs: retires === undefined ? null : utcMidnight(retires) };
}

describe('what the Models API says of a model', () => {
  const SONNET = 'claude-sonnet-4-5-20250929';

  test.each<[string, ModelLifecycle, string, boolean]>([
    // said on 2026-11-23, of a model that the catalogue retires on 2026-11-30
    ['active: no date holds', said(SONNET, 'active'), '2027-06-01', false],
    ['deprecated, no date', said(SONNET, 'deprecated'), '2027-06-01', false],
    ['deprecated, the day before', said(SONNET, 'deprecated', '2027-01-15'), '2027-01-14', false],
    ['deprecated, on its date', said(SONNET, 'deprecated', '2027-01-15'), '2027-01-15', true],
    ['retired, no date', said(SONNET, 'retired'), '2026-11-23', true],
    ['retired before its date', said(SONNET, 'retired', '2027-01-15'), '2026-11-23', true],
    ['by its alias', said('claude-sonnet-4-5', 'retired'), '2026-11-23', true],
    ['of another model', said('claude-opus-4-5', 'retired'), '2026-11-23', false],
    ['of a model nobody knows', said('claude-next-9', 'retired'), '2026-11-23', false],
  ])('%s', (_what, lifecycle, at, retired) => {
    const catalogue = withLifecycles(builtinCatalogue, [lifecycle], utcMidnight('2026-11-23'));
    const model = findModel(catalogue, SONNET);
    expect(model && isRetired(model, utcMidnight(at))).toBe(retired);
  });

  test('of a dated snapshot counts for the model, unless the model itself is listed', () => {
    const snapshot = said('claude-opus-5-5-20260922', 'retired');
    const lists = [[snapshot], [snapshot, said('claude-opus-5-5', 'active')]];
    const retired = lists.map((each) => {
      const model = findModel(withLifecycles(builtinCatalogue, each, 1), 'claude-opus-5-5');
      return model && isRetired(model, 1);
    });
    expect(retired).toEqual([true, false]);
  });

  test('leaves prices, limits and every other model as they are', () => {
    const { models, ...rest } = withLifecycles(builtinCatalogue, [said('claude-opus-5', 'retired')], 7);
    expect(rest).toEqual({ ...builtinCatalogue, models: undefined });
    expect(models).toEqual(
      builtinCatalogue.models.map((model) =>
        model.id === 'claude-opus-5' ? { ...model, retiresAtMs: 0 } : model,
      ),
    );
    expect(withLifecycles(builtinCatalogue, [], 7)).toBe(builtinCatalogue);
  });

  test.each<[ModelLifecycle, string, string | undefined]>([
    [said(SONNET, 'deprecated', '2026-11-30'), '2026-11-29', '2026-11-30'],
    [said(SONNET, 'deprecated', '2026-11-30'), '2026-11-30', undefined],
    [said(SONNET, 'active', '2026-11-30'), '2026-12-24', undefined],
    [said(SONNET, 'retired', '2026-11-30'), '2026-12-24', '2026-11-30'],
  ])('%o, read on %s, is dated %s: a date that passes without a retirement is dropped', (each, on, date) => {
    expect(asOf(each, utcMidnight(on))).toEqual(said(SONNET, each.lifecycle, date));
  });

  test('has changed where its lifecycle or date is another, or it is new', () => {
    const before = [said('a', 'active'), said('b', 'deprecated', '2027-01-01'), said('c', 'active')];
    const after = [said('a', 'active'), said('b', 'deprecated', '2027-02-01'), said('d', 'active')];
    expect(changedLifecycles(before, after).map(({ model }) => model)).toEqual(['b', 'd']);
    expect(changedLifecycles(before, before)).toEqual([]);
  });
});

describe('a contradiction between the Models API and the catalogue', () => {
  const SILENT: Omit<ApiLimits, 'model'> = {
    maxInputTokens: null,
    maxTokens: null,
    thinking: { supported: null, forms: {} },
    efforts: {},
  };

  test.each<[string, Partial<ApiLimits>, string[]]>([
    ['claude-haiku-4-5', {}, []],
    ['claude-haiku-4-5', { maxInputTokens: 200_000, maxTokens: 64_000 }, []],
    ['claude-haiku-4-5', { maxInputTokens: 1_000_000 }, ['max_input_tokens: 1000000 there, 200000 here']],
    [
      'claude-opus-5-5',
      { thinking: { supported: true, forms: { adaptive: true, disabled: true } } },
      ['capabilities.thinking.types.disabled: true there, false here'],
    ],
    ['claude-3-5-haiku-latest', { thinking: { supported: false, forms: { disabled: true } } }, []],
    [
      'claude-opus-4-5-20251101',
      { efforts: { high: true, max: true } },
      ['capabilities.effort.max: true there, false here'],
    ],
    ['claude-next-9', { maxTokens: 1 }, []],
  ])('%s with %o: %o', (model, api, expected) => {
    const found = contradictionsOf(builtinCatalogue, [{ model, ...SILENT, ...api }]);
    expect(found.map((each) => `${each.field}: ${each.api} there, ${each.catalogue} here`)).toEqual(expected);
  });
});
