/** The same text on another model: how many tokens it makes there, and what of them that model's cache has. */
import type { TurnFacts } from '../turn.ts';
import { promptTokens, type TokenCounts } from '../usage.ts';
import { TOKENIZER_TENTHS } from './lookup.ts';
import type { Model } from './types.ts';

type Tokenizer = Model['tokenizer'];

/** As many tokens as the same text makes with another tokenizer, rounded up. */
export function scaled(tokens: number, from: Tokenizer, to: Tokenizer): number {
  return Math.ceil((tokens * TOKENIZER_TENTHS[to]) / TOKENIZER_TENTHS[from]);
}

/** Each class of tokens, scaled by itself. */
export function scaledAll(tokens: TokenCounts, from: Tokenizer, to: Tokenizer): TokenCounts {
  if (from === to) return tokens;
  return {
    inputTokens: scaled(tokens.inputTokens, from, to),
    cacheWrite5mTokens: scaled(tokens.cacheWrite5mTokens, from, to),
    cacheWrite1hTokens: scaled(tokens.cacheWrite1hTokens, from, to),
    cacheReadTokens: scaled(tokens.cacheReadTokens, from, to),
    outputTokens: scaled(tokens.outputTokens, from, to),
  };
}

/**
 * The usage of a turn whose cache has another part of its prompt than where it was served: `held` tokens of it are
 * read, the rest is written with the turn's TTL, but for what `served` (in tokens of this model) left uncached beside
 * a cached part. Nothing is cached where the body marks nothing, or the prompt is too short for the model.
 */
export function splitByCache(
  served: TokenCounts,
  held: number,
  cacheTtl: TurnFacts['cacheTtl'],
  minCacheable: number,
): TokenCounts {
  const prompt = promptTokens(served);
  const { outputTokens } = served;
  const none = { cacheWrite5mTokens: 0, cacheWrite1hTokens: 0, cacheReadTokens: 0, outputTokens };
  if (cacheTtl === 'none' || prompt < minCacheable) return { ...none, inputTokens: prompt };
  const cacheReadTokens = Math.min(prompt, held);
  const rest = prompt - cacheReadTokens;
  // Wholly uncached, the prompt was too short for the served model's cache: that says nothing of this one's.
  const inputTokens = served.inputTokens === prompt ? 0 : Math.min(rest, served.inputTokens);
  const written = rest - inputTokens;
  return {
    inputTokens,
    cacheWrite5mTokens: cacheTtl === '5m' ? written : 0,
    cacheWrite1hTokens: cacheTtl === '1h' ? written : 0,
    cacheReadTokens,
    outputTokens,
  };
}
