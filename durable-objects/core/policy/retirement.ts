/**
 * What a policy's models are heading for: deprecated, soon to retire, retired. Warnings, not errors: a policy that
 * names such a model goes on deciding, and turns pass the model over once it is retired.
 */
import { lifecycleOf, type ModelLifecycle } from '../catalogue/lifecycles.ts';
import { findModel, isRetired } from '../catalogue/lookup.ts';
import type { Catalogue, Model } from '../catalogue/types.ts';
import type { PolicyProblem } from './types.ts';

/** A date that only the built-in catalogue knows is worth a warning this long before. */
const NEAR_RETIREMENT_MS = 60 * 86_400_000;

/** What is known of models at an instant. */
export interface KnownModels {
  /** With what `lifecycles` say in its dates. */
  catalogue: Catalogue;
  lifecycles: readonly ModelLifecycle[];
  /** Epoch ms. */
  nowMs: number;
}

/** The part of a policy, or of a sketch of its document, that names models to send turns to. */
export interface NamingModels {
  cascade: readonly (string | null)[];
  routes: readonly ({ use: string | null } | null)[];
}

/** A model where a policy names it. */
export interface NamedModel {
  /** JSON path: `cascade[1]`, `routes[0].use`. */
  path: string;
  name: string;
}

/** Every model that turns are sent to, in the document's order. */
export function namedModels({ cascade, routes }: NamingModels): NamedModel[] {
  const named = [
    ...cascade.map((name, index) => ({ path: `cascade[${index}]`, name })),
    ...routes.map((route, index) => ({ path: `routes[${index}].use`, name: route?.use ?? null })),
  ];
  return named.flatMap(({ path, name }) => (name === null ? [] : [{ path, name }]));
}

/** Whether a warning at this path is about a model's end: nothing else is said at the paths of `namedModels`. */
export function isRetirementPath(path: string): boolean {
  return /^(?:cascade\[\d+\]|routes\[\d+\]\.use)$/.test(path);
}

function dateOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

/** Null where the model has a future. */
function outlookOf(model: Model, { catalogue, lifecycles, nowMs }: KnownModels): string | null {
  if (isRetired(model, nowMs)) return `"${model.id}" is retired: turns pass it over`;
  const { retiresAtMs } = model;
  if (lifecycleOf(catalogue, lifecycles, model)?.lifecycle === 'deprecated') {
    const end = retiresAtMs === null ? '' : ` and retires on ${dateOf(retiresAtMs)}`;
    return `"${model.id}" is deprecated${end}`;
  }
  if (retiresAtMs === null || retiresAtMs - nowMs >= NEAR_RETIREMENT_MS) return null;
  return `"${model.id}" retires on ${dateOf(retiresAtMs)}`;
}

/** One warning for each place that names a model without a future. Unknown models are not its business. */
export function retirementWarnings(naming: NamingModels, known: KnownModels): PolicyProblem[] {
  return namedModels(naming).flatMap(({ path, name }) => {
    const model = findModel(known.catalogue, name);
    const message = model && outlookOf(model, known);
    return message ? [{ path, message }] : [];
  });
}
