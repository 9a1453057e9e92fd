/**
 * What the upstream's Models API says of models beside the built-in catalogue: which are gone, and when.
 *
 * The API's `lifecycle` is the signal, its `retires_at` only a plan: a date that has passed on a model that is
 * still `deprecated` means that the retirement is overdue, and the model answers. Such a date is dropped when it
 * is read (see `asOf`), so that what is kept means the same at any later instant, in every wallet.
 */
import { findModel } from './lookup.ts';
import type { Catalogue, Model } from './types.ts';

export const LIFECYCLES = ['active', 'deprecated', 'retired'] as const;
export type Lifecycle = (typeof LIFECYCLES)[number];

export interface ModelLifecycle {
  /** The id the API lists it by. */
  model: string;
  lifecycle: Lifecycle;
  /** Epoch ms; null where no retirement is scheduled, or where it is overdue. */
  retiresAtMs: number | null;
}

/** What the API says at `nowMs` (epoch ms), without the plan that it proves wrong: see above. */
export function asOf<T extends ModelLifecycle>(said: T, nowMs: number): T {
  const isOverdue = said.lifecycle !== 'retired' && said.retiresAtMs !== null && said.retiresAtMs <= nowMs;
  return isOverdue ? { ...said, retiresAtMs: null } : said;
}

/** What is said of a model: by its own id first, then by an alias or a dated snapshot; null where nothing is. */
export function lifecycleOf(
  catalogue: Catalogue,
  lifecycles: readonly ModelLifecycle[],
  { id }: Model,
): ModelLifecycle | null {
  return (
    lifecycles.find((each) => each.model === id) ??
    lifecycles.find((each) => findModel(catalogue, each.model)?.id === id) ??
    null
  );
}

/**
 * The catalogue with what the API says in place of the built-in dates. A retired model is retired at `nowMs`
 * whatever its date; any other is available until its date, if it has one. Models nothing is said of keep theirs.
 */
export function withLifecycles(
  catalogue: Catalogue,
  lifecycles: readonly ModelLifecycle[],
  nowMs: number,
): Catalogue {
  if (lifecycles.length === 0) return catalogue;
  const models = catalogue.models.map((model) => {
    const said = lifecycleOf(catalogue, lifecycles, model);
    if (!said) return model;
    const retiresAtMs =
      said.lifecycle === 'retired' ? Math.min(said.retiresAtMs ?? 0, nowMs) : said.retiresAtMs;
    return { ...model, retiresAtMs };
  });
  return { ...catalogue, models };
}

/** Those whose lifecycle or date differs from `before`, or that were not there. */
export function changedLifecycles(
  before: readonly ModelLifecycle[],
  after: readonly ModelLifecycle[],
): ModelLifecycle[] {
  const known = new Map(before.map((each) => [each.model, each]));
  return after.filter((each) => {
    const old = known.get(each.model);
    return old?.lifecycle !== each.lifecycle || old.retiresAtMs !== each.retiresAtMs;
  });
}
