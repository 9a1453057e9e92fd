/** What the models of a generation have in common: windows, limits and price multipliers. */
import type { BedrockModel, Model } from './types.ts';

/** Fast mode doubles every token price, on the models that offer it. */
export const FAST: Model['fastMultiplier'] = [2, 1];

type Shared = Pick<
  Model,
  | 'aliases'
  | 'bedrock'
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
  bedrock: null,
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
  bedrock: null,
  overrides: [],
  contextWindow: 200_000,
  maxOutput: 64_000,
  fastMultiplier: null,
  geoUsMultiplier: [1, 1],
  retiresAtMs: null,
};

/**
 * On Bedrock since its release, 4.7 and later: at both endpoints, under an id without a version. Source of the ids:
 * AWS's list of foundation models and Anthropic's pages on Bedrock, as of 2026-11-23.
 */
export function onBedrock(id: string, changes: Partial<BedrockModel> = {}): BedrockModel {
  return { id, messagesId: id, structuredOutputs: true, ...changes };
}

/** On Bedrock from before its Messages endpoint, which does not serve it. */
export function onBedrockRuntime(id: string): BedrockModel {
  return { id, messagesId: null, structuredOutputs: true };
}
