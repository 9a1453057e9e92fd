/**
 * Negotiated prices: what the contracted cost of a turn is made of, beside the list cost. Terms are applied as exact
 * fractions; nothing is rounded here. Which are in force is judged by the instant a turn was admitted.
 */
import type { Catalogue, PriceOverride, PriceTier } from './types.ts';

/** A multiplier as [numerator, denominator]. */
export type Ratio = readonly [number, number];

const MILLION = 1_000_000;
const ALL: Ratio = [1, 1];

/** The catalogue with these overrides in place of any it had; an empty list makes it one of list prices. */
export function withOverrides(catalogue: Catalogue, overrides: readonly PriceOverride[]): Catalogue {
  if (overrides.length === 0 && catalogue.overrides.length === 0) return catalogue;
  const ofEvery = overrides.filter(({ model }) => model === null);
  const models = catalogue.models.map((model) => ({
    ...model,
    overrides: [...overrides.filter((each) => each.model === model.id), ...ofEvery],
  }));
  return { ...catalogue, models, overrides };
}

/** Whether it is for turns admitted at an instant (epoch ms). */
export function isInForce({ fromMs, untilMs }: PriceOverride, atMs: number): boolean {
  return fromMs <= atMs && (untilMs === null || atMs < untilMs);
}

/** The first of the overrides that is in force at an instant (epoch ms); null: the list's prices are. */
export function overrideAt(overrides: readonly PriceOverride[], atMs: number): PriceOverride | null {
  return overrides.find((each) => isInForce(each, atMs)) ?? null;
}

/** The tiers to price with, and the share of them that is charged. */
export interface Contracted {
  tiers: readonly PriceTier[];
  share: Ratio;
}

/** Tiers of the list under an override; null: as they are. */
export function contracted(tiers: readonly PriceTier[], override: PriceOverride | null): Contracted {
  if (override === null) return { tiers, share: ALL };
  const { terms } = override;
  switch (terms.kind) {
    case 'percent_off':
      return { tiers, share: [MILLION - terms.offMillionths, MILLION] };
    case 'prices':
      return { tiers: [{ ...terms.prices, maxPromptTokens: null }], share: ALL };
  }
}

/**
 * The name of what a turn was charged with: the list's version, and the overrides that took part, if any
 * ("builtin-2026-11-23+price_01…").
 */
export function chargedVersion(listVersion: string, overrideIds: readonly string[]): string {
  return [listVersion, ...new Set(overrideIds)].join('+');
}
