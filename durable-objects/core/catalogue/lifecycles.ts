/** What the upstream's Models API says of models beside the built-in catalogue: which are gone, and when. */
import type { Catalogue } from './types.ts';

export const LIFECYCLES = ['active', 'deprecated', 'retired'] as const;
export type Lifecycle = (typeof LIFECYCLES)[number];

export interface ModelLifecycle {
  /** The id the API lists it by. */
  model: string;
  lifecycle: Lifecycle;
  /** Epoch ms; null where no retirement is scheduled. */
  retiresAtMs: number | null;
}

/**
 * The catalogue with what the API says in place of the built-in dates. `lifecycle` is the signal: a date that has
 * passed on a model that is only deprecated means that its retirement is overdue, and it still answers.
 */
export function withLifecycles(
  catalogue: Catalogue,
  lifecycles: readonly ModelLifecycle[],
  nowMs: number,
): Catalogue {
  if (lifecycles.length === 0) return catalogue;
  const models = catalogue.models.map((model) => {
    const said = lifecycles.find((each) => each.model === model.id || model.aliases.includes(each.model));
    if (!said) return model;
    if (said.lifecycle === 'retired')
      return { ...model, retiresAtMs: Math.min(said.retiresAtMs ?? 0, nowMs) };
    const isAhead = said.retiresAtMs !== null && said.retiresAtMs > nowMs;
    return { ...model, retiresAtMs: isAhead ? said.retiresAtMs : null };
  });
  return { ...catalogue, models };
}
