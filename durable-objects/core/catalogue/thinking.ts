/** Which form of thinking a request ends up with on a model; fitting the body and skipping a model must agree on it. */
import type { Capabilities, Model, ThinkingForm } from './types.ts';

/** The API's smallest `budget_tokens`; a budget has to stay below `max_tokens`. */
export const MIN_THINKING_BUDGET = 1024;

/** The forms to try in turn; thinking that cannot be off is left to the model's own judgement. */
const NEAREST: ReadonlyMap<unknown, readonly ThinkingForm[]> = new Map([
  ['enabled', ['enabled', 'adaptive']],
  ['adaptive', ['adaptive', 'enabled']],
  ['disabled', ['disabled', 'between_tools', 'adaptive']],
  ['between_tools', ['between_tools', 'disabled', 'adaptive']],
]);

/** The form asked for where the model accepts it, else the nearest it accepts; null: none, or nobody knows it. */
export function nearestThinking(asked: unknown, capabilities: Capabilities): ThinkingForm | null {
  const forms = NEAREST.get(asked) ?? [];
  return forms.find((form) => capabilities.thinking.includes(form)) ?? null;
}

/** Whether a request with this limit of output can think by budget at all; null: it names no limit. */
export function hasRoomForBudget(maxTokens: number | null): maxTokens is number {
  return maxTokens !== null && maxTokens > MIN_THINKING_BUDGET;
}

/** Whether a request that asks for this thinking has the model think, once it is fitted to it. */
export function thinksOnceFitted(asked: string | null, maxTokens: number | null, model: Model): boolean {
  const { capabilities, maxOutput } = model;
  const form = nearestThinking(asked, capabilities);
  if (form === null) return capabilities.thinksUnasked;
  if (form === 'enabled') return hasRoomForBudget(maxTokens && Math.min(maxTokens, maxOutput));
  return form === 'adaptive';
}
