/**
 * What a model charges at an instant: prices by the size of the prompt, and its multipliers. A model the
 * catalogue does not know is charged the dearest of everything, so that its turns are never under-counted.
 */
import { isRetired, periodAt } from './lookup.ts';
import { contracted, overrideAt, type Ratio } from './overrides.ts';
import type { Catalogue, Model, PriceTier, TokenPrices } from './types.ts';

export interface Tariff {
  /** In ascending order, the last one open. */
  tiers: readonly PriceTier[];
  /** Multiplier of fast mode; 1 where it doesn't change the price. */
  fast: Ratio;
  /** Multiplier of inference in the US. */
  geoUs: Ratio;
  /** The share of all this that is charged: what a negotiated percentage leaves. */
  share: Ratio;
  /** The id of the override it rests on; null: on the list alone. */
  override: string | null;
}

const ONE: Ratio = [1, 1];

/**
 * The tariff of a model at an instant (epoch ms); null: of a model the catalogue doesn't know, which is charged the
 * dearest of the list, less only what was negotiated for every model.
 */
export function tariffAt(catalogue: Catalogue, model: Model | null, atMs: number): Tariff {
  const overrides = model?.overrides ?? catalogue.overrides.filter((each) => each.model === null);
  const override = overrideAt(overrides, atMs);
  const list = model ? listTariff(model, atMs) : dearestTariff(catalogue, atMs);
  return { ...list, ...contracted(list.tiers, override), override: override?.id ?? null };
}

type ListTariff = Pick<Tariff, 'tiers' | 'fast' | 'geoUs'>;

function listTariff(model: Model, atMs: number): ListTariff {
  return {
    tiers: periodAt(model, atMs).tiers,
    fast: model.fastMultiplier ?? ONE,
    geoUs: model.geoUsMultiplier,
  };
}

/** The prices of the tier that a prompt of this size falls in; the whole request takes them. */
export function pricesFor(tariff: Tariff, promptTokens: number): TokenPrices {
  const tier = tariff.tiers.find(
    (each) => each.maxPromptTokens === null || promptTokens <= each.maxPromptTokens,
  );
  if (!tier) throw new RangeError(`no price for a prompt of ${promptTokens} tokens`);
  return tier;
}

/** The dearest price of every class that a prompt of at most this size can meet. */
export function dearestPricesUpTo(tariff: Tariff, promptTokens: number): TokenPrices {
  const reached = tariff.tiers.findIndex(
    (tier) => tier.maxPromptTokens === null || promptTokens <= tier.maxPromptTokens,
  );
  return dearestOf(tariff.tiers.slice(0, reached + 1));
}

function dearestTariff(catalogue: Catalogue, atMs: number): ListTariff {
  const live = catalogue.models.filter((model) => !isRetired(model, atMs));
  const candidates = live.length > 0 ? live : catalogue.models;
  const prices = dearestOf(candidates.flatMap((model) => periodAt(model, atMs).tiers));
  return {
    tiers: [{ ...prices, maxPromptTokens: null }],
    fast: largest(candidates.map((model) => model.fastMultiplier ?? ONE)),
    geoUs: largest(candidates.map((model) => model.geoUsMultiplier)),
  };
}

function dearestOf(prices: readonly TokenPrices[]): TokenPrices {
  const dearest = (of: (each: TokenPrices) => number): number => Math.max(...prices.map(of));
  if (prices.length === 0) throw new RangeError('no prices to choose from');
  return {
    input: dearest((each) => each.input),
    cacheWrite5m: dearest((each) => each.cacheWrite5m),
    cacheWrite1h: dearest((each) => each.cacheWrite1h),
    cacheRead: dearest((each) => each.cacheRead),
    output: dearest((each) => each.output),
  };
}

function largest(ratios: readonly Ratio[]): Ratio {
  return ratios.reduce((max, each) => (each[0] * max[1] > max[0] * each[1] ? each : max), ONE);
}
