/** What the models of a generation have in common: windows, limits and price multipliers. */
import type { Model } from './types.ts';

/** Fast mode doubles every token price, on the models that offer it. */
export const FAST: Model['fastMultiplier'] = [2, 1];

type Shared = Pick<
  Model,
  | 'aliases'
  | 'overrides'
  | 'contextWindow'
  | 'maxOutput'
  | 'fastMultiplier'
  | 'geoUsMultiplier'
  | 'retiresAtMs'
>;

/** 4.6 and later: 1M tokens natively, without a premium; `inference_geo: "us"` costs 1.1 on all token types. */
export const MILLION_TOKEN_MODEL: Shared = {
  aliases: [],
  overrides: [],
  contextWindow: 1_000_000,
  maxOutput: 128_000,
  fastMultiplier: null,
  geoUsMultiplier: [11, 10],
  retiresAtMs: null,
};

/** Up to 4.5: 200K tokens, dated ids with a dateless alias, no price by geography. */
export const DATED_MODEL: Shared = {
  aliases: [],
  overrides: [],
  contextWindow: 200_000,
  maxOutput: 64_000,
  fastMultiplier: null,
  geoUsMultiplier: [1, 1],
  retiresAtMs: null,
};
