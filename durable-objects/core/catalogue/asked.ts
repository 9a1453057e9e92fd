/**
 * What a turn would have cost on the model it asked for: the figure that savings are measured against.
 *
 * Nobody ran that turn, so this rests on assumptions, each chosen so that savings are not made to look larger:
 * - The text is the same, prompt and answer, and so are web searches and geography. Counts are scaled by the two
 *   tokenizers alone (30 % more tokens of the same text on the newer one), each rounded up.
 * - The thread had stayed on the model. Where its last turn is less than the turn's cache TTL ago, that turn's whole
 *   prompt is read from the cache (after a compaction: the thread's first prompt); else nothing of it is.
 *   Where the served model read more than that, prompts shared between sessions were cached, and the asked model
 *   would have read as much.
 * - The rest is written to the cache with the turn's TTL, but for what the served turn left uncached beside a cached
 *   part. Nothing is cached where the body marks nothing, or the prompt is too short for the model.
 * - Fast mode counts as it was asked for: a step down may have had to drop it.
 * - A turn billed as several requests keeps each one's own split, and those of other models their own price.
 * Prices are the contracted ones at the turn's admission, exact and rounded once, upward.
 */
import { cacheTtlMs, type SessionHistory } from '../history.ts';
import type { NanoUsd } from '../money.ts';
import type { TurnFacts } from '../turn.ts';
import type { TokenCounts, Usage } from '../usage.ts';
import { canonicalId, findModel } from './lookup.ts';
import { priceUsage } from './price.ts';
import { scaled, scaledAll, splitByCache } from './transfer.ts';
import type { Catalogue, Model } from './types.ts';

/** The thread's last answered turn, as it stood when this one was admitted. */
export type PriorPrompt = Pick<
  SessionHistory,
  'promptTokens' | 'firstPromptTokens' | 'tokenizer' | 'bodyBytes' | 'atMs'
>;

export interface AskedTurn {
  facts: Pick<TurnFacts, 'model' | 'cacheTtl' | 'bodyBytes' | 'modifiers'>;
  /** The model it was sent to. */
  sentModel: string;
  /** What it used there. */
  usage: Usage;
  /** Null: the thread's first turn. */
  prior: PriorPrompt | null;
  /** What its provider takes; the model asked for would have cost as much more there. */
  providerMillionths: number;
  admittedAtMs: number;
  catalogue: Catalogue;
}

/** Whether the turn was sent to the model it asked for, by whichever of its names. */
export function isAsAsked(catalogue: Catalogue, askedModel: string, sentModel: string): boolean {
  return canonicalId(catalogue, askedModel) === canonicalId(catalogue, sentModel);
}

/** The contracted cost of the turn on the model asked for; only to be asked where it was sent to another one. */
export function priceAsked(turn: AskedTurn): NanoUsd {
  const { facts, usage, providerMillionths, admittedAtMs: atMs, catalogue } = turn;
  const { iterations } = usage;
  const onAsked: Usage = {
    ...usage,
    model: facts.model,
    tokens: tokensOnAsked(turn),
    speed: facts.modifiers.speed,
    iterations:
      iterations?.map((each) =>
        isOther(turn, each.model)
          ? each
          : { ...each, model: facts.model, tokens: scaledToAsked(turn, each.tokens) },
      ) ?? null,
  };
  return priceUsage({ usage: onAsked, sentModel: facts.model, providerMillionths, atMs, catalogue }).nanoUsd;
}

/** Whether one of the turn's requests was served by a model that the asked one would have called too. */
function isOther({ catalogue, sentModel, usage }: AskedTurn, model: string | null): boolean {
  if (model === null) return false;
  return !isAsAsked(catalogue, model, sentModel) && !isAsAsked(catalogue, model, usage.model ?? sentModel);
}

function tokenizerOf(catalogue: Catalogue, id: string): Model['tokenizer'] {
  return findModel(catalogue, id)?.tokenizer ?? 'new';
}

function scaledToAsked({ catalogue, facts, sentModel }: AskedTurn, tokens: TokenCounts): TokenCounts {
  return scaledAll(tokens, tokenizerOf(catalogue, sentModel), tokenizerOf(catalogue, facts.model));
}

/** What of the prompt a thread that had stayed on the model would have had in its cache. */
function keptTokens({ facts, prior, admittedAtMs, catalogue }: AskedTurn): number {
  if (prior === null || admittedAtMs >= prior.atMs + cacheTtlMs(facts.cacheTtl)) return 0;
  const isCompacted = facts.bodyBytes < prior.bodyBytes;
  const { promptTokens: last, firstPromptTokens: first } = prior;
  const tokens = isCompacted ? Math.min(first, last) : last;
  return scaled(tokens, prior.tokenizer, tokenizerOf(catalogue, facts.model));
}

function tokensOnAsked(turn: AskedTurn): TokenCounts {
  const { facts, usage, catalogue } = turn;
  const served = scaledToAsked(turn, usage.tokens);
  const kept = Math.max(keptTokens(turn), served.cacheReadTokens);
  return splitByCache(served, kept, facts.cacheTtl, findModel(catalogue, facts.model)?.minCacheable ?? 0);
}
