/** What no fitting of the request can change: why a model cannot take a turn at all. */
import type { TurnFacts } from '../turn.ts';
import { isRetired } from './lookup.ts';
import { thinksOnceFitted } from './thinking.ts';
import type { Model } from './types.ts';

/** Stands in a decision's reasons as `skipped:<reason>`. */
export type CannotServe = 'retired' | 'context_window' | 'images' | 'prefill';

/**
 * Why the model cannot take the turn at this instant (epoch ms); null where it can, with its body fitted if need
 * be. `promptTokens` is the whole prompt, counted with the model's own tokenizer.
 */
export function cannotServe(
  model: Model,
  facts: Pick<TurnFacts, 'imageCount' | 'prefill' | 'thinking' | 'maxTokens'>,
  promptTokens: number,
  atMs: number,
): CannotServe | null {
  if (isRetired(model, atMs)) return 'retired';
  if (promptTokens > model.contextWindow) return 'context_window';
  if (facts.imageCount > model.capabilities.maxImages) return 'images';
  if (facts.prefill && refusesPrefill(model, facts)) return 'prefill';
  return null;
}

/** An answer begun by the client: cutting it off would change what was asked, so nothing is fitted there. */
function refusesPrefill(model: Model, facts: Pick<TurnFacts, 'thinking' | 'maxTokens'>): boolean {
  const { prefill } = model.capabilities;
  if (prefill === 'thinking_off') return thinksOnceFitted(facts.thinking, facts.maxTokens, model);
  return prefill === 'never';
}
