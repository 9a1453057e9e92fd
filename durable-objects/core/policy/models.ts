/** Rules about the models a policy names, against the catalogue and its prices at an instant. */
import { dearness, findModel, isRetired } from '../catalogue/lookup.ts';
import type { Catalogue, Model } from '../catalogue/types.ts';
import type { PolicyProblem } from './types.ts';

type Names = readonly (string | null)[];

function unknownModel(path: string, name: string): PolicyProblem {
  return { path, message: `the catalogue knows no model "${name}"` };
}

/** Null where `model` may stand below the models `above` it. */
function whyNotBelow(model: Model, above: readonly Model[], nowMs: number): string | null {
  if (isRetired(model, nowMs)) return `"${model.id}" is retired`;
  if (above.some((other) => other.id === model.id)) return `"${model.id}" is in the cascade already`;
  const last = above.at(-1);
  if (last && dearness(model, nowMs) >= dearness(last, nowMs)) {
    return `a cascade falls in price: "${model.id}" is not cheaper than "${last.id}" before it`;
  }
  return null;
}

/** Unknown, retired and repeated models, and steps that would not save money. */
export function cascadeProblems(cascade: Names, catalogue: Catalogue, nowMs: number): PolicyProblem[] {
  if (cascade.length === 0) return [{ path: 'cascade', message: 'expected at least one model' }];
  const problems: PolicyProblem[] = [];
  const above: Model[] = [];
  for (const [index, name] of cascade.entries()) {
    if (name === null) continue;
    const path = `cascade[${index}]`;
    const model = findModel(catalogue, name);
    const message = model && whyNotBelow(model, above, nowMs);
    if (!model) problems.push(unknownModel(path, name));
    else if (message) problems.push({ path, message });
    else above.push(model);
  }
  return problems;
}

/** A cascade with nowhere to step down to, by itself or for what `allowed` (null: every model) leaves of it. */
export function cascadeWarnings(
  cascade: readonly string[],
  allowed: readonly string[] | null,
): PolicyProblem[] {
  if (cascade.length === 1) {
    const message =
      'with one model there is nothing to step down to: downgrades do nothing and every pause refuses; put a cheaper model below it';
    return [{ path: 'cascade', message }];
  }
  if (allowed === null || cascade.filter((model) => allowed.includes(model)).length > 1) return [];
  const message =
    'of the cascade at most one model is left, so that there is nothing to step down to: allow a cheaper one too';
  return [{ path: 'allowed_models', message }];
}

export function allowedModelsProblems(names: Names, catalogue: Catalogue): PolicyProblem[] {
  if (names.length === 0) {
    return [{ path: 'allowed_models', message: 'expected at least one model, or null for every model' }];
  }
  return names.flatMap((name, index) =>
    name === null || findModel(catalogue, name) ? [] : [unknownModel(`allowed_models[${index}]`, name)],
  );
}
