/** Rules about routes: against the budgets they name, the catalogue and the models a policy allows. */
import { canonicalId, findModel, isRetired } from '../catalogue/lookup.ts';
import type { Catalogue } from '../catalogue/types.ts';
import { lineProblem } from './budgets.ts';
import type { RouteSketch, Sketch } from './sketch.ts';
import type { PolicyProblem } from './types.ts';

function budgetProblems({ when }: RouteSketch, path: string, sketch: Sketch): PolicyProblem[] {
  if (!when) return [];
  const { budget } = when;
  if (typeof budget !== 'string') {
    const message = 'remaining_usd_below says of which budget: "budget" is missing';
    return when.remaining_usd_below ? [{ path: `${path}.remaining_usd_below`, message }] : [];
  }
  if (sketch.budgets.some((each) => each?.id === budget)) return [];
  return [{ path: `${path}.budget`, message: `the policy has no budget "${budget}"` }];
}

function lineProblems({ when }: RouteSketch, path: string, catalogue: Catalogue): PolicyProblem[] {
  return (when?.lines ?? []).flatMap((line, index) => {
    const problem = line === null ? null : lineProblem(line, `${path}.lines[${index}]`, catalogue);
    return problem ? [problem] : [];
  });
}

function targetProblem(
  { use }: RouteSketch,
  path: string,
  sketch: Sketch,
  catalogue: Catalogue,
  nowMs: number,
): PolicyProblem | null {
  if (use === null) return null;
  const model = findModel(catalogue, use);
  if (!model) return { path, message: `the catalogue knows no model "${use}"` };
  if (isRetired(model, nowMs)) return { path, message: `"${model.id}" is retired` };
  const allowed = sketch.allowed_models?.map((name) => name && canonicalId(catalogue, name));
  return allowed && !allowed.includes(model.id)
    ? { path, message: `allowed_models leaves out "${model.id}"` }
    : null;
}

/**
 * Contradictions in the routes, and of a new document's with the catalogue. An id that comes twice is found with
 * the other repeated ids.
 */
export function routeProblems(
  sketch: Sketch,
  catalogue: Catalogue,
  nowMs: number,
  enforce: 'new' | 'stored',
): PolicyProblem[] {
  return (sketch.routes ?? []).flatMap((route, index) => {
    if (!route) return [];
    const path = `routes[${index}]`;
    const budgets = budgetProblems(route, `${path}.when`, sketch);
    if (enforce === 'stored') return budgets;
    const target = targetProblem(route, `${path}.use`, sketch, catalogue, nowMs);
    return [...budgets, ...lineProblems(route, `${path}.when`, catalogue), ...(target ? [target] : [])];
  });
}

/** What is allowed in a route but probably not meant. */
export function routeWarnings(sketch: Sketch): PolicyProblem[] {
  return (sketch.routes ?? []).flatMap((route, index) => {
    if (!route?.when || typeof route.when.budget !== 'string' || route.when.remaining_usd_below) return [];
    const message = 'naming a budget does nothing without remaining_usd_below';
    return [{ path: `routes[${index}].when.budget`, message }];
  });
}
