/**
 * What an upstream says a turn used, independent of any wire format. Providers translate into this; the
 * catalogue prices it.
 */

/** Counts of tokens by price class; non-negative integers. */
export interface TokenCounts {
  /** Prompt tokens neither read from nor written to a cache. */
  inputTokens: number;
  cacheWrite5mTokens: number;
  cacheWrite1hTokens: number;
  cacheReadTokens: number;
  outputTokens: number;
}

/** One pass of a turn that the upstream bills by itself, at its own model. */
export interface UsageIteration {
  type: string;
  /** Null where the upstream names none: then the turn's model. */
  model: string | null;
  tokens: TokenCounts;
}

export interface Usage {
  /** The model the upstream says it served with; null where it says none. */
  model: string | null;
  tokens: TokenCounts;
  webSearchRequests: number;
  /** "fast" or "standard" as reported; null where not reported. */
  speed: string | null;
  /** "us" carries a price multiplier; null where not reported. */
  inferenceGeo: string | null;
  serviceTier: string | null;
  /** Where present (beta), the price is the sum of these and not of `tokens`. */
  iterations: UsageIteration[] | null;
}

export const NO_TOKENS: TokenCounts = {
  inputTokens: 0,
  cacheWrite5mTokens: 0,
  cacheWrite1hTokens: 0,
  cacheReadTokens: 0,
  outputTokens: 0,
};

/** The whole prompt: uncached, written and read tokens together. */
export function promptTokens(tokens: TokenCounts): number {
  return tokens.inputTokens + tokens.cacheWrite5mTokens + tokens.cacheWrite1hTokens + tokens.cacheReadTokens;
}

/** Prompt and output. */
export function totalTokens(tokens: TokenCounts): number {
  return promptTokens(tokens) + tokens.outputTokens;
}

export function addTokens(a: TokenCounts, b: TokenCounts): TokenCounts {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    cacheWrite5mTokens: a.cacheWrite5mTokens + b.cacheWrite5mTokens,
    cacheWrite1hTokens: a.cacheWrite1hTokens + b.cacheWrite1hTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    outputTokens: a.outputTokens + b.outputTokens,
  };
}

/** `a` less `b`, class by class; may be negative. */
export function subtractTokens(a: TokenCounts, b: TokenCounts): TokenCounts {
  return {
    inputTokens: a.inputTokens - b.inputTokens,
    cacheWrite5mTokens: a.cacheWrite5mTokens - b.cacheWrite5mTokens,
    cacheWrite1hTokens: a.cacheWrite1hTokens - b.cacheWrite1hTokens,
    cacheReadTokens: a.cacheReadTokens - b.cacheReadTokens,
    outputTokens: a.outputTokens - b.outputTokens,
  };
}
