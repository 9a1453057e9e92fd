/** The shape of the price and capability catalogue. Prices are integers in pico-USD (10⁻¹² USD) a token. */

export interface TokenPrices {
  input: number;
  cacheWrite5m: number;
  cacheWrite1h: number;
  cacheRead: number;
  output: number;
}

/** Prices for prompts up to a size; the whole request takes the tier its prompt falls in. */
export interface PriceTier extends TokenPrices {
  /** Largest prompt (uncached + read + written tokens) of this tier; null for the last one. */
  maxPromptTokens: number | null;
}

/** Prices in force from an instant (epoch ms, inclusive) until the next period's; null: since ever. */
export interface PricePeriod {
  fromMs: number | null;
  tiers: PriceTier[];
}

export type ThinkingForm = 'enabled' | 'adaptive' | 'disabled' | 'between_tools';
export const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'] as const;
export type Effort = (typeof EFFORTS)[number];

/** What a model accepts in a request; where it does not, the turn is fitted or the model is skipped. */
export interface Capabilities {
  thinking: readonly ThinkingForm[];
  /** Whether it thinks where a request names no form of thinking. */
  thinksUnasked: boolean;
  /** Efforts at which `disabled` (and `between_tools`) thinking is accepted; null: at every one. */
  thinkingOffEfforts: readonly Effort[] | null;
  /** Accepted `output_config.effort` values; empty: the field itself is refused. */
  efforts: readonly Effort[];
  /** `output_config` of a `role:"system"` entry among the messages. */
  messageEffort: boolean;
  /** `output_config.task_budget`. */
  taskBudget: boolean;
  /** `role:"system"` messages with content after the first turn. */
  systemMessages: boolean;
  /** `speed: "fast"`. */
  fast: boolean;
  /** Non-default temperature, top_p, top_k. */
  sampling: boolean;
  /** A last message of role assistant: always, only while thinking is off, or never. */
  prefill: 'always' | 'thinking_off' | 'never';
  /** `tool_choice` any or tool. */
  forcedToolChoice: boolean;
  /** The context edit `compact_20260112`. */
  compaction: boolean;
  /**
   * A list of `fallbacks`. A step down never keeps one (what it names could be dearer than the model asked for),
   * so that this only tells what the model's own requests may carry.
   */
  fallbacks: boolean;
  /** Largest number of images in one request. */
  maxImages: number;
}

/** What was negotiated in place of a model's list prices for tokens. */
export type PriceTerms =
  /** Off every token price, in millionths: 125,000 is 12.5 %. */
  | { kind: 'percent_off'; offMillionths: number }
  /** In place of every tier. Fast mode and geography multiply these as they do the list's. */
  | { kind: 'prices'; prices: TokenPrices };

/** Negotiated terms and the turns they are for: those admitted in a half-open span. Web searches keep their price. */
export interface PriceOverride {
  id: string;
  /** The catalogue's own id; null: every model, those nobody knows included. */
  model: string | null;
  terms: PriceTerms;
  /** Epoch ms. */
  fromMs: number;
  /** Epoch ms; null: open. */
  untilMs: number | null;
}

/** A model as Bedrock has it. */
export interface BedrockModel {
  /** The foundation model's id, without the prefix of an inference profile. */
  id: string;
  /** Its id at the Messages endpoint (`bedrock-mantle`); null: not served there. */
  messagesId: string | null;
  /** Whether InvokeModel takes `output_config.format` and strict tools with it; the Messages endpoint never does. */
  structuredOutputs: boolean;
}

export interface Model {
  /** First-party id. */
  id: string;
  aliases: readonly string[];
  /** Null: not there, or at other terms than the list's (what is older than 4.5). */
  bedrock: BedrockModel | null;
  /** opus, sonnet, haiku, fable, mythos. */
  line: string;
  contextWindow: number;
  maxOutput: number;
  /** Shortest prompt, in tokens, that is cached at all. */
  minCacheable: number;
  /** Models of the newer tokenizer make about 30 % more tokens of the same text. */
  tokenizer: 'old' | 'new';
  /** Output tokens a second, for charging what streamed unseen when a client leaves; an estimate. */
  outputTokensPerSecond: number;
  periods: readonly PricePeriod[];
  /** Negotiated terms that concern the model, its own before those of every model; the first in force counts. */
  overrides: readonly PriceOverride[];
  /** Multiplier of fast mode as [numerator, denominator]; null where fast does not change the price. */
  fastMultiplier: readonly [number, number] | null;
  /** Multiplier of `inference_geo: "us"` as [numerator, denominator]. */
  geoUsMultiplier: readonly [number, number];
  /** Epoch ms from which the first-party API refuses the model; null: not announced. */
  retiresAtMs: number | null;
  capabilities: Capabilities;
}

export interface Catalogue {
  /** Name of this version of the list, recorded in every entry it priced ("builtin-2026-11-23"). */
  version: string;
  models: readonly Model[];
  /** Everything negotiated; empty in a catalogue of list prices. Set with `withOverrides`. */
  overrides: readonly PriceOverride[];
  /** Pico-USD for one web search request. */
  webSearchPicoUsd: number;
}
