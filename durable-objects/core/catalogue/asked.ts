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
import { promptTokens, type TokenCounts, type Usage } from '../usage.ts';
import { canonicalId, findModel, TOKENIZER_TENTHS } from './lookup.ts';
import { priceUsage } from './price.ts';
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
  admittedAtMs: number;
  catalogue: Catalogue;
}

/** Whether the turn was sent to the model it asked for, by whichever of its names. */
export function isAsAsked(catalogue: Catalogue, askedModel: string, sentModel: string): boolean {
  return canonicalId(catalogue, askedModel) === canonicalId(catalogue, sentModel);
}

/** The contracted cost of the turn on the model asked for; only to be asked where it was sent to another one. */
export function priceAsked(turn: AskedTurn): NanoUsd {
  const { facts, usage, admittedAtMs: atMs, catalogue } = turn;
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
          : { ...each, model: facts.model, tokens: scaledAll(turn, each.tokens) },
      ) ?? null,
  };
  return priceUsage({ usage: onAsked, sentModel: facts.model, atMs, catalogue }).nanoUsd;
}

/** Whether one of the turn's requests was served by a model that the asked one would have called too. */
function isOther({ catalogue, sentModel, usage }: AskedTurn, model: string | null): boolean {
  if (model === null) return false;
  return !isAsAsked(catalogue, model, sentModel) && !isAsAsked(catalogue, model, usage.model ?? sentModel);
}

function tokenizerOf(catalogue: Catalogue, id: string): Model['tokenizer'] {
  return findModel(catalogue, id)?.tokenizer ?? 'new';
}

/** As many tokens as the same text makes with another tokenizer. */
function scaled(tokens: number, from: Model['tokenizer'], to: Model['tokenizer']): number {
  return Math.ceil((tokens * TOKENIZER_TENTHS[to]) / TOKENIZER_TENTHS[from]);
}

function scaledAll({ catalogue, facts, sentModel }: AskedTurn, tokens: TokenCounts): TokenCounts {
  const from = tokenizerOf(catalogue, sentModel);
  const to = tokenizerOf(catalogue, facts.model);
  return {
    inputTokens: scaled(tokens.inputTokens, from, to),
    cacheWrite5mTokens: scaled(tokens.cacheWrite5mTokens, from, to),
    cacheWrite1hTokens: scaled(tokens.cacheWrite1hTokens, from, to),
    cacheReadTokens: scaled(tokens.cacheReadTokens, from, to),
    outputTokens: scaled(tokens.outputTokens, from, to),
  };
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
  const served = scaledAll(turn, usage.tokens);
  const prompt = promptTokens(served);
  const asked = findModel(catalogue, facts.model);
  const { outputTokens } = served;
  const none = { cacheWrite5mTokens: 0, cacheWrite1hTokens: 0, cacheReadTokens: 0, outputTokens };
  if (facts.cacheTtl === 'none' || prompt < (asked?.minCacheable ?? 0))
    return { ...none, inputTokens: prompt };
  const cacheReadTokens = Math.min(prompt, Math.max(keptTokens(turn), served.cacheReadTokens));
  const rest = prompt - cacheReadTokens;
  // Wholly uncached, the prompt was too short for the served model's cache: that says nothing of the asked one's.
  const inputTokens = served.inputTokens === prompt ? 0 : Math.min(rest, served.inputTokens);
  const written = rest - inputTokens;
  return {
    inputTokens,
    cacheWrite5mTokens: facts.cacheTtl === '5m' ? written : 0,
    cacheWrite1hTokens: facts.cacheTtl === '1h' ? written : 0,
    cacheReadTokens,
    outputTokens,
  };
}
