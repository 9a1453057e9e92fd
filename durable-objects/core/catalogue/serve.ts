/** What no fitting of the request can change: why a model cannot take a turn at all. */
import type { TurnFacts } from '../turn.ts';
import { isRetired } from './lookup.ts';
import type { Model } from './types.ts';

/** Stands in a decision's reasons as `skipped:<reason>`. */
export type CannotServe = 'retired' | 'context_window' | 'images';

/**
 * Why the model cannot take the turn at this instant (epoch ms); null where it can, with its body fitted if need
 * be. `promptTokens` is the whole prompt, counted with the model's own tokenizer.
 */
export function cannotServe(
  model: Model,
  facts: Pick<TurnFacts, 'imageCount'>,
  promptTokens: number,
  atMs: number,
): CannotServe | null {
  if (isRetired(model, atMs)) return 'retired';
  if (promptTokens > model.contextWindow) return 'context_window';
  if (facts.imageCount > model.capabilities.maxImages) return 'images';
  return null;
}
