/**
 * What the answered turns of one thread (a session's main loop, or one of its agents) tell of its next one:
 * exact figures of the last, running means, and what each model's prompt cache holds. A value, moved on by each
 * answer; never a sum of money.
 */
import type { Model } from './catalogue/types.ts';
import type { TurnFacts } from './turn.ts';
import { promptTokens, type TokenCounts } from './usage.ts';

/** The part of a thread's prompt that one model's cache holds. */
export interface CachedPrefix {
  /** The id it was sent to. */
  model: string;
  /** In tokens of that model. */
  tokens: number;
  ttlMs: number;
  /** Epoch ms; each use moves it on by the TTL, free. */
  expiresAtMs: number;
}

export interface SessionHistory {
  /** The model that served the last turn. */
  model: string;
  /** That model's; the prompts and means are counted with it. */
  tokenizer: Model['tokenizer'];
  promptTokens: number;
  /** The thread's first prompt: system, tools and little else, which is what a compaction leaves as it is. */
  firstPromptTokens: number;
  /** Size of the last turn's body. */
  bodyBytes: number;
  outputTokens: number;
  /** Answered turns so far. */
  turns: number;
  /** A running geometric mean of output tokens a turn: what is usual, whatever the few long answers. */
  typicalOutputTokens: number;
  /** A running mean of what each prompt is longer by than the one before it. */
  growthTokens: number;
  /** Tokens a byte of what was added to the body made, a running mean; null before the second turn. */
  tokensPerNewByte: number | null;
  /** A running geometric mean of the time between two answers. */
  typicalGapMs: number;
  /** By model, the last used first; expired ones are kept until their place is needed. */
  caches: readonly CachedPrefix[];
  atMs: number;
}

/**
 * The conversation within a session that a turn continues: the main loop, each agent, and the auxiliary turns,
 * whose short prompts say nothing of the main loop's.
 */
export function threadOf({ kind, agent }: Pick<TurnFacts, 'kind' | 'agent'>): string {
  return kind === 'auxiliary' ? `auxiliary ${agent ?? ''}` : (agent ?? '');
}

const CACHE_TTL_MS = { none: 0, '5m': 300_000, '1h': 3_600_000 } as const;

/** Models of one thread whose caches are remembered. */
const MAX_CACHES = 4;
/** How much the newest turn weighs in the running means, once there are enough turns to have one. */
const MEAN_WEIGHT = 0.08;
/** What a thread's prompt grows by a turn, before it has grown (facts: downgrade and cache, 3K input and 2K output). */
const FIRST_GROWTH_TOKENS = 3_000;
/** The time between turns, before there were two: an agent at work. */
const FIRST_GAP_MS = 30_000;
/** Tokens a byte can make; outside it something else happened than text being added. */
const TOKENS_PER_BYTE_RANGE = { least: 0.05, most: 1 } as const;

export function cacheTtlMs(ttl: TurnFacts['cacheTtl']): number {
  return CACHE_TTL_MS[ttl];
}

/** Tokens of the thread's last prompt that the model's cache still holds at `nowMs`. */
export function cachedTokens(history: SessionHistory | null, modelId: string, nowMs: number): number {
  const cache = history?.caches.find(({ model }) => model === modelId);
  return cache && nowMs < cache.expiresAtMs ? cache.tokens : 0;
}

/** What of a prompt was not in the thread's last one. A shorter prompt was rewritten: all of it is new. */
export function newInputTokens(prompt: number, previousPrompt: number): number {
  return prompt >= previousPrompt ? prompt - previousPrompt : prompt;
}

/** An answered turn, as far as the next one's estimate wants to know. */
export interface Answered {
  /** The model it was sent to, and its tokenizer. */
  model: string;
  tokenizer: Model['tokenizer'];
  tokens: TokenCounts;
  bodyBytes: number;
  kind: TurnFacts['kind'];
  cacheTtl: TurnFacts['cacheTtl'];
  /** What a first turn of its kind would have been expected to say, in tokens. */
  firstOutputTokens: number;
  atMs: number;
}

/** The history after a turn was answered with exact usage. */
export function nextHistory(previous: SessionHistory | null, answered: Answered): SessionHistory {
  const { model, tokenizer, tokens, bodyBytes, kind, atMs, firstOutputTokens } = answered;
  const prompt = promptTokens(tokens);
  const turns = (previous?.turns ?? 0) + 1;
  // The first turns weigh more than a running mean would let them; what was expected counts as one turn more.
  const weight = Math.max(MEAN_WEIGHT, 1 / (turns + 1));
  const said = Math.max(1, tokens.outputTokens);
  // Figures of another tokenizer say nothing of how much was added.
  const before = previous?.tokenizer === tokenizer ? previous : null;
  const growth = before ? prompt - before.promptTokens : null;
  const usual = previous?.typicalOutputTokens ?? firstOutputTokens;
  return {
    model,
    tokenizer,
    promptTokens: prompt,
    firstPromptTokens: previous?.firstPromptTokens ?? prompt,
    bodyBytes,
    outputTokens: tokens.outputTokens,
    turns,
    // A summary of the history says nothing of how long answers are.
    typicalOutputTokens: kind === 'compaction' ? usual : geometric(usual, said, weight),
    growthTokens: arithmetic(
      previous?.growthTokens ?? FIRST_GROWTH_TOKENS,
      growth !== null && growth >= 0 ? growth : null,
      weight,
    ),
    tokensPerNewByte: nextTokensPerByte(before, prompt, bodyBytes, previous?.tokensPerNewByte ?? null),
    typicalGapMs: previous
      ? geometric(previous.typicalGapMs, Math.max(1_000, atMs - previous.atMs), weight)
      : FIRST_GAP_MS,
    caches: nextCaches(previous, answered),
    atMs,
  };
}

function geometric(mean: number, value: number, weight: number): number {
  return Math.exp(Math.log(mean) + weight * (Math.log(value) - Math.log(mean)));
}

/** A null value leaves the mean as it is. */
function arithmetic(mean: number, value: number | null, weight: number): number {
  return value === null ? mean : mean + weight * (value - mean);
}

function nextTokensPerByte(
  before: SessionHistory | null,
  prompt: number,
  bodyBytes: number,
  known: number | null,
): number | null {
  if (!before || bodyBytes <= before.bodyBytes) return known;
  const measured = (prompt - before.promptTokens) / (bodyBytes - before.bodyBytes);
  if (measured < TOKENS_PER_BYTE_RANGE.least || measured > TOKENS_PER_BYTE_RANGE.most) return known;
  return arithmetic(known ?? measured, measured, MEAN_WEIGHT);
}

function nextCaches(previous: SessionHistory | null, answered: Answered): CachedPrefix[] {
  const { model, tokens, bodyBytes, cacheTtl, atMs } = answered;
  const caches = previous?.caches ?? [];
  // After a compaction the other models' caches share no more with the thread than its beginning.
  const kept = previous && bodyBytes < previous.bodyBytes ? previous.firstPromptTokens : Infinity;
  const others = caches
    .filter((cache) => cache.model !== model)
    .map((cache) => (cache.tokens > kept ? { ...cache, tokens: kept } : cache));
  const cached = tokens.cacheReadTokens + tokens.cacheWrite5mTokens + tokens.cacheWrite1hTokens;
  if (cached === 0) return others;
  const ttlMs = ttlOf(tokens) ?? caches.find((cache) => cache.model === model)?.ttlMs ?? cacheTtlMs(cacheTtl);
  return [{ model, tokens: cached, ttlMs, expiresAtMs: atMs + ttlMs }, ...others].slice(0, MAX_CACHES);
}

/** How long what was written stays; null where nothing was written. */
function ttlOf(tokens: TokenCounts): number | null {
  if (tokens.cacheWrite1hTokens > 0) return CACHE_TTL_MS['1h'];
  return tokens.cacheWrite5mTokens > 0 ? CACHE_TTL_MS['5m'] : null;
}
