/**
 * An entry's money by what it was for: one part a kind of token (and one for web searches), with the unit price
 * each was billed at. Parts add up to the entry to the nano-USD: the one rounding of a turn stays on the dearest
 * part.
 *
 * Unit prices come from the catalogue wherever they reproduce the entry. Where they do not (iterations at several
 * models, a model the catalogue doesn't know, negotiated prices, a refusal that cost nothing) the money is divided
 * in the catalogue's proportions and the unit price follows from that, so that price × quantity = cost holds.
 */
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import type { Ratio } from '../../durable-objects/core/catalogue/overrides.ts';
import { pricesFor, tariffAt } from '../../durable-objects/core/catalogue/tariff.ts';
import type { Catalogue, TokenPrices } from '../../durable-objects/core/catalogue/types.ts';
import type { ExportedEntry } from '../store/ledger-export.ts';
import { divideRounded } from './decimal.ts';
import { type Meter, TOKEN_METERS, TURN_METER, WEB_SEARCH_METER } from './focus-meters.ts';

/** Costs are in 10⁻¹⁸ USD and unit prices in 10⁻¹² USD a pricing unit: their product with a quantity is exact. */
export const COST_DECIMALS = 18;
export const UNIT_PRICE_DECIMALS = 12;
const NANO = 1_000_000_000n;

export interface CostPart {
  meter: Meter;
  /** Tokens or requests, signed in a correction. */
  items: bigint;
  /** Null in a correction, which has no price of its own. */
  listUnitPrice: bigint | null;
  contractedUnitPrice: bigint | null;
  listCost: bigint;
  contractedCost: bigint;
  billedNanoUsd: bigint;
  /** Whether the list price is the catalogue's, or follows from the money. */
  basis: 'catalogue' | 'derived';
  /** Of the tier, where a model's price depends on the size of the prompt: its largest prompt; null: the last one. */
  tierUpTo: number | null | undefined;
}

interface Weighed {
  meter: Meter;
  items: bigint;
  unitPrice: bigint;
  /** Unit price × quantity, in 10⁻¹⁸ USD. */
  cost: bigint;
  tierUpTo: CostPart['tierUpTo'];
}

/** Nothing where the entry neither used nor cost anything. */
export function costParts(entry: ExportedEntry, catalogue: Catalogue): CostPart[] {
  const charged = BigInt(entry.charged_nano_usd);
  const list = BigInt(entry.list_nano_usd);
  const weighed = weigh(entry, catalogue);
  if (weighed.length === 0) {
    if (charged === 0n && list === 0n) return [];
    const unitPrice = list * 1_000n;
    weighed.push({ meter: TURN_METER, items: 1n, unitPrice, cost: list * NANO, tierUpTo: undefined });
  }
  const weights = weighed.map(({ cost }) => cost);
  const billed = apportion(charged, weights);
  if (entry.kind === 'correction') {
    const listed = apportion(list, weights);
    return weighed.map((each, index) => correctionPart(each, listed[index] ?? 0n, billed[index] ?? 0n));
  }
  const isOfCatalogue = weighed[0]?.meter !== TURN_METER && roundedUp(sum(weights)) === list;
  const listed = isOfCatalogue ? weighed : derive(weighed, apportion(list, weights));
  const contracted = charged === list ? listed : derive(weighed, billed);
  return weighed.map(({ meter, items, tierUpTo }, index) => ({
    meter,
    items,
    tierUpTo,
    listUnitPrice: listed[index]?.unitPrice ?? null,
    contractedUnitPrice: contracted[index]?.unitPrice ?? null,
    listCost: listed[index]?.cost ?? 0n,
    contractedCost: contracted[index]?.cost ?? 0n,
    billedNanoUsd: billed[index] ?? 0n,
    basis: isOfCatalogue ? 'catalogue' : 'derived',
  }));
}

/** What the entry used, at the catalogue's prices. */
function weigh(entry: ExportedEntry, catalogue: Catalogue): Weighed[] {
  const model = entry.model_served === null ? null : findModel(catalogue, entry.model_served);
  const tariff = tariffAt(catalogue, model, Date.parse(entry.admitted_at));
  const prompt =
    entry.input_tokens + entry.cache_write_5m_tokens + entry.cache_write_1h_tokens + entry.cache_read_tokens;
  const prices: TokenPrices & { maxPromptTokens?: number | null } = pricesFor(tariff, Math.abs(prompt));
  const ratios: Ratio[] = [];
  if (entry.speed === 'fast') ratios.push(tariff.fast);
  if (entry.inference_geo === 'us') ratios.push(tariff.geoUs);
  if (entry.price_millionths !== null) ratios.push([entry.price_millionths, 1_000_000]);
  const tierUpTo = tariff.tiers.length > 1 ? prices.maxPromptTokens : undefined;
  const used = (meter: Meter, count: number, picoUsd: bigint, ofTier: CostPart['tierUpTo']): Weighed[] => {
    if (count === 0) return [];
    const items = BigInt(count);
    const unitPrice = picoUsd * meter.itemsAUnit;
    return [{ meter, items, unitPrice, cost: costOf(meter, items, unitPrice), tierUpTo: ofTier }];
  };
  return [
    ...TOKEN_METERS.flatMap((meter) =>
      used(meter, entry[meter.column], modified(prices[meter.price], ratios), tierUpTo),
    ),
    ...used(WEB_SEARCH_METER, entry.web_search_requests, BigInt(catalogue.webSearchPicoUsd), undefined),
  ];
}

/**
 * Pico-USD a token with the multipliers of speed, place and provider. Those of speed and place divide a million pico-USD
 * evenly; where a provider's does not, the price does not reproduce the entry and follows from the money.
 */
function modified(picoUsd: number, ratios: readonly Ratio[]): bigint {
  return ratios.reduce(
    (price, [numerator, denominator]) => (price * BigInt(numerator)) / BigInt(denominator),
    BigInt(picoUsd),
  );
}

/** Exact: a pricing unit is a power of ten of at most a million items. */
function costOf(meter: Meter, items: bigint, unitPrice: bigint): bigint {
  return (unitPrice * items * 1_000_000n) / meter.itemsAUnit;
}

/** The same parts, at the unit prices that these shares (nano-USD) come to. */
function derive(weighed: readonly Weighed[], shares: readonly bigint[]): Weighed[] {
  return weighed.map((each, index) => {
    const share = shares[index] ?? 0n;
    const unitPrice = divideRounded(share * NANO * each.meter.itemsAUnit, each.items * 1_000_000n);
    return { ...each, unitPrice, cost: costOf(each.meter, each.items, unitPrice) };
  });
}

function correctionPart({ meter, items, tierUpTo }: Weighed, listed: bigint, billed: bigint): CostPart {
  return {
    meter,
    items,
    tierUpTo,
    listUnitPrice: null,
    contractedUnitPrice: null,
    listCost: listed * NANO,
    contractedCost: billed * NANO,
    billedNanoUsd: billed,
    basis: 'derived',
  };
}

/**
 * Divides nano-USD by weights (in 10⁻¹⁸ USD), exactly: what weights and roundings leave over goes to the heaviest.
 * Weights that come to about the total are the shares; else they are proportions, unless their signs differ.
 */
export function apportion(total: bigint, weights: readonly bigint[]): bigint[] {
  const all = sum(weights);
  const difference = total * NANO - all;
  const isTotal = (difference < 0n ? -difference : difference) <= NANO * BigInt(weights.length);
  const sameSign = weights.every((weight) => weight >= 0n) || weights.every((weight) => weight <= 0n);
  const shares = weights.map((weight) => {
    if (isTotal) return weight / NANO;
    return sameSign && all !== 0n ? (total * weight) / all : 0n;
  });
  const heaviest = weights.reduce(
    (best, weight, index) => (size(weight) > size(weights[best] ?? 0n) ? index : best),
    0,
  );
  shares[heaviest] = (shares[heaviest] ?? 0n) + total - sum(shares);
  return shares;
}

function size(amount: bigint): bigint {
  return amount < 0n ? -amount : amount;
}

function sum(amounts: readonly bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n);
}

function roundedUp(cost: bigint): bigint {
  return (cost + NANO - 1n) / NANO;
}
