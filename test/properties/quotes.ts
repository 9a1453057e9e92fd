/** What a turn would hold on each model: the sizes are the wallet's estimates, given to the reference; the prices its own. */
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { ceilingPromptTokens, estimateTokens } from '../../durable-objects/core/estimate.ts';
import type { SessionHistory } from '../../durable-objects/core/history.ts';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import { MODELS } from './commands.ts';
import { costOf, courseCost, dearnessOf, mostOf, type Override } from './reference-prices.ts';
import type { Quote } from './reference-turn.ts';

const LINES: Record<(typeof MODELS)[number], string> = {
  'claude-opus-5-5': 'opus',
  'claude-sonnet-5-5': 'sonnet',
  'claude-haiku-5-5': 'haiku',
};

/** The turns a thread is expected to go on for: as many as it had, within these (decision 0008). */
function furtherTurns(kind: TurnFacts['kind'], history: SessionHistory | null): number {
  const [least, most] = kind === 'main' ? [8, 60] : [4, 20];
  return Math.min(most, Math.max(least, history?.turns ?? 0));
}

/** What the dearest provider takes that the turn may go to, in millionths of these prices. */
export function dearestOf({ modifiers }: Pick<TurnFacts, 'modifiers'>): bigint {
  return BigInt(modifiers.providerMillionths ?? 1_000_000);
}

/** The quotes of all models for a turn of a thread with this history, by the prices the wallet knows. */
export function quotesFor(
  facts: TurnFacts,
  history: SessionHistory | null,
  overrides: readonly Override[],
  atMs: number,
): Quote[] {
  const geo = facts.modifiers.inferenceGeo === 'us' ? 'us' : null;
  const place = { geo, millionths: dearestOf(facts) } as const;
  return MODELS.map((model) => {
    const tokens = estimateTokens(facts, history, model, findModel(builtinCatalogue, model), atMs);
    const request = { input: tokens.inputTokens, cacheRead: 0, output: tokens.outputTokens };
    const expected = costOf({ model, requests: [request], searches: 0, ...place }, overrides, atMs);
    const largest = { input: ceilingPromptTokens(facts), output: facts.maxTokens ?? 0 };
    const most = mostOf({ model, ...place }, largest, overrides, atMs);
    const further = { turns: furtherTurns(facts.kind, history), growth: history?.growthTokens ?? 0 };
    return {
      model,
      line: LINES[model],
      expected,
      ceiling: facts.unbounded.length > 0 ? null : Math.max(expected, most),
      request,
      dearness: dearnessOf(model, overrides, atMs),
      course: courseCost(model, request, further, overrides, atMs),
    };
  });
}
