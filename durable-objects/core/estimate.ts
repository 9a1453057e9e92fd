/**
 * What a turn will probably use, before it runs. Each turn carries the whole conversation, so what the thread's
 * last answers used tells how long the prompt is, what of it each model's cache holds, and how chatty the model
 * has been.
 */
import type { Model } from './catalogue/types.ts';
import { cachedTokens, newInputTokens, type SessionHistory } from './history.ts';
import type { TurnFacts, TurnKind } from './turn.ts';
import type { TokenCounts } from './usage.ts';

/** Tokens a byte of a Claude Code body makes: about 3.6 bytes a token, 30 % fewer tokens before Opus 4.7 (facts: models and prices). */
const TOKENS_PER_BYTE = { new: 0.28, old: 0.215 } as const;

/** Output tokens of a first turn of each kind, where no history tells better. */
export const FIRST_OUTPUT_TOKENS: Record<TurnKind, number> = {
  main: 450,
  subagent: 400,
  auxiliary: 40,
  compaction: 3_000,
};

/** Tokens an upstream adds to what the body shows (tool-use preamble and the like), for ceilings. */
const HIDDEN_PROMPT_TOKENS = 2_000;

/** The most tokens one image becomes, however well its bytes are compressed; an assumption with room to spare. */
const IMAGE_TOKENS = 5_000;

/** Tokens of the model's tokenizer that one token of the thread's history makes; an unknown model has the newer one. */
export function tokenizerRatio(model: Model | null, history: SessionHistory | null): number {
  return history ? TOKENS_PER_BYTE[model?.tokenizer ?? 'new'] / TOKENS_PER_BYTE[history.tokenizer] : 1;
}

/** The prompt in tokens of the tokenizer its history was counted with. */
function continuedPrompt(bodyBytes: number, history: SessionHistory): number {
  const added = bodyBytes - history.bodyBytes;
  // A body that shrank was compacted: nothing is known of it but what a byte is worth in this thread.
  if (added < 0) return bodyBytes * (history.promptTokens / history.bodyBytes);
  return history.promptTokens + added * (history.tokensPerNewByte ?? TOKENS_PER_BYTE[history.tokenizer]);
}

/** The whole prompt in tokens of the model's tokenizer (an unknown model's: the newer one). */
export function estimatePromptTokens(
  facts: Pick<TurnFacts, 'bodyBytes'>,
  history: SessionHistory | null,
  model: Model | null,
): number {
  if (history && history.bodyBytes > 0) {
    return Math.ceil(continuedPrompt(facts.bodyBytes, history) * tokenizerRatio(model, history));
  }
  return Math.ceil(facts.bodyBytes * TOKENS_PER_BYTE[model?.tokenizer ?? 'new']);
}

/** What of the prompt the thread had not sent before, in tokens of the model's tokenizer. */
export function estimateNewInputTokens(
  facts: Pick<TurnFacts, 'bodyBytes'>,
  history: SessionHistory | null,
  model: Model | null,
): number {
  const prompt = estimatePromptTokens(facts, history, model);
  return history ? newInputTokens(prompt, history.promptTokens * tokenizerRatio(model, history)) : prompt;
}

export function estimateOutputTokens(
  facts: Pick<TurnFacts, 'kind' | 'maxTokens'>,
  history: SessionHistory | null,
  model: Model | null,
): number {
  const isSummary = facts.kind === 'compaction';
  const usual = (isSummary ? null : history?.typicalOutputTokens) ?? FIRST_OUTPUT_TOKENS[facts.kind];
  const expected = Math.ceil(usual * tokenizerRatio(model, history));
  return Math.min(expected, facts.maxTokens ?? expected);
}

/** What of the turn's prompt the model's cache holds: all of the last one, or after a compaction its beginning. */
export function estimateCachedTokens(
  facts: Pick<TurnFacts, 'bodyBytes'>,
  history: SessionHistory | null,
  modelId: string,
  model: Model | null,
  nowMs: number,
): number {
  if (!history) return 0;
  const prompt = estimatePromptTokens(facts, history, model);
  const cached = Math.min(prompt, cachedTokens(history, modelId, nowMs));
  if (facts.bodyBytes >= history.bodyBytes) return cached;
  return Math.min(cached, Math.floor(history.firstPromptTokens * tokenizerRatio(model, history)));
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
  const outputTokens = estimateOutputTokens(facts, history, model);
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
  const cacheReadTokens = estimateCachedTokens(facts, history, modelId, model, nowMs);
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
