/**
 * What a turn will probably use, before it runs. Each turn carries the whole conversation, so the session's
 * last exact usage tells how long the prompt is, what of it a cache holds, and how chatty the model has been.
 */
import type { Model } from './catalogue/types.ts';
import type { TurnFacts, TurnKind } from './turn.ts';
import type { TokenCounts } from './usage.ts';

/** What the last answered turn of one (session, agent) left behind. */
export interface SessionHistory {
  /** The model that served it. */
  model: string;
  tokenizer: Model['tokenizer'];
  promptTokens: number;
  bodyBytes: number;
  outputTokens: number;
  /** A running mean of output tokens a turn. */
  meanOutputTokens: number;
  /** How long its prompt stays cached from `atMs` on; 0 where nothing was cached. */
  cacheTtlMs: number;
  atMs: number;
}

/** Tokens a byte of a Claude Code body makes: about 3.6 bytes a token, 30 % fewer tokens before Opus 4.7 (facts: models and prices). */
const TOKENS_PER_BYTE = { new: 0.28, old: 0.215 } as const;

/** Output tokens of a first turn of each kind, where no history tells better. */
const FIRST_OUTPUT_TOKENS: Record<TurnKind, number> = {
  main: 700,
  subagent: 700,
  auxiliary: 80,
  compaction: 3000,
};

/** Tokens an upstream adds to what the body shows (tool-use preamble and the like), for ceilings. */
const HIDDEN_PROMPT_TOKENS = 2_000;

/** The most tokens one image becomes, however well its bytes are compressed; an assumption with room to spare. */
const IMAGE_TOKENS = 5_000;

const CACHE_TTL_MS = { none: 0, '5m': 300_000, '1h': 3_600_000 } as const;

export function cacheTtlMs(ttl: TurnFacts['cacheTtl']): number {
  return CACHE_TTL_MS[ttl];
}

function tokensPerByte(history: SessionHistory | null, tokenizer: Model['tokenizer']): number {
  if (!history || history.bodyBytes === 0 || history.promptTokens === 0) return TOKENS_PER_BYTE[tokenizer];
  const measured = history.promptTokens / history.bodyBytes;
  return measured * (TOKENS_PER_BYTE[tokenizer] / TOKENS_PER_BYTE[history.tokenizer]);
}

/** The whole prompt in tokens of the model's tokenizer (an unknown model's: the newer one). */
export function estimatePromptTokens(
  facts: TurnFacts,
  history: SessionHistory | null,
  model: Model | null,
): number {
  const tokenizer = model?.tokenizer ?? 'new';
  if (!history) return Math.ceil(facts.bodyBytes * TOKENS_PER_BYTE[tokenizer]);
  return Math.ceil(facts.bodyBytes * tokensPerByte(history, tokenizer));
}

function estimateOutputTokens(facts: TurnFacts, history: SessionHistory | null): number {
  const expected = history ? Math.ceil(history.meanOutputTokens) : FIRST_OUTPUT_TOKENS[facts.kind];
  return Math.min(expected, facts.maxTokens ?? expected);
}

/** The part of the prompt that the model's cache still holds from the session's last turn. */
function cachedTokens(
  history: SessionHistory | null,
  modelId: string,
  promptTokens: number,
  nowMs: number,
): number {
  if (!history || history.model !== modelId || nowMs >= history.atMs + history.cacheTtlMs) return 0;
  return Math.min(promptTokens, history.promptTokens);
}

/** Expected tokens of the turn on a model, by price class. `modelId` is the id to be sent. */
export function estimateTokens(
  facts: TurnFacts,
  history: SessionHistory | null,
  modelId: string,
  model: Model | null,
  nowMs: number,
): TokenCounts {
  const promptTokens = estimatePromptTokens(facts, history, model);
  const outputTokens = estimateOutputTokens(facts, history);
  const tooShort = promptTokens < (model?.minCacheable ?? 0);
  if (facts.cacheTtl === 'none' || tooShort) {
    return {
      inputTokens: promptTokens,
      cacheWrite5mTokens: 0,
      cacheWrite1hTokens: 0,
      cacheReadTokens: 0,
      outputTokens,
    };
  }
  const cacheReadTokens = cachedTokens(history, modelId, promptTokens, nowMs);
  const written = promptTokens - cacheReadTokens;
  return {
    inputTokens: 0,
    cacheWrite5mTokens: facts.cacheTtl === '5m' ? written : 0,
    cacheWrite1hTokens: facts.cacheTtl === '1h' ? written : 0,
    cacheReadTokens,
    outputTokens,
  };
}

/**
 * The most prompt tokens a body can become: a token is at least one byte of its text, an image at most so many,
 * and the upstream adds a preamble.
 * Only true of bodies without URL inputs, server tools and documents (`TurnFacts.unbounded`).
 */
export function ceilingPromptTokens(facts: TurnFacts): number {
  return facts.bodyBytes + facts.imageCount * IMAGE_TOKENS + HIDDEN_PROMPT_TOKENS;
}

const MEAN_WEIGHT = 0.3;

/** The history after a turn was answered with exact usage. */
export function nextHistory(
  previous: SessionHistory | null,
  answered: Omit<SessionHistory, 'meanOutputTokens'>,
): SessionHistory {
  const meanOutputTokens = previous
    ? previous.meanOutputTokens + MEAN_WEIGHT * (answered.outputTokens - previous.meanOutputTokens)
    : answered.outputTokens;
  return { ...answered, meanOutputTokens };
}
