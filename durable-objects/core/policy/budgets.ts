/** Rules about how the fields of a budget fit together, and with the catalogue. */
import { findModel } from '../catalogue/lookup.ts';
import type { Catalogue } from '../catalogue/types.ts';
import type { BudgetSketch, Sketch } from './sketch.ts';
import { stageWarnings } from './stages.ts';
import type { PolicyProblem } from './types.ts';

/** What is wrong with a line's name at `path`; null where the catalogue has models of it. */
export function lineProblem(line: string, path: string, catalogue: Catalogue): PolicyProblem | null {
  const lines = [...new Set(catalogue.models.map((model) => model.line))];
  if (lines.includes(line)) return null;
  return { path, message: `the catalogue knows no line "${line}"; expected one of ${lines.join(', ')}` };
}

/** A session budget lasts as long as its session, and no other budget does. */
function windowProblem({ scope, window }: BudgetSketch, path: string): PolicyProblem | null {
  if (scope === null || window === null) return null;
  if (scope === 'session' && window !== 'session') {
    return { path: `${path}.window`, message: 'a budget of scope "session" has the window "session"' };
  }
  if (scope !== 'session' && window === 'session') {
    return { path: `${path}.window`, message: 'only a budget of scope "session" has the window "session"' };
  }
  return null;
}

function overridesProblem({ overrides, scope }: BudgetSketch, path: string): PolicyProblem | null {
  if (!overrides || scope === 'developer' || scope === null) return null;
  return { path: `${path}.overrides`, message: 'only a budget of scope "developer" has overrides' };
}

/** Contradictions within each budget, and of a new document with the catalogue. */
export function budgetProblems(
  { budgets }: Sketch,
  catalogue: Catalogue,
  enforce: 'new' | 'stored',
): PolicyProblem[] {
  return budgets.flatMap((budget, index) => {
    if (!budget) return [];
    const path = `budgets[${index}]`;
    const isNew = enforce === 'new';
    const line = isNew && budget.line ? lineProblem(budget.line, `${path}.line`, catalogue) : null;
    return [windowProblem(budget, path), overridesProblem(budget, path), line].filter(
      (problem) => problem !== null,
    );
  });
}

/** Whether a line's pause hands turns down: the cascade goes on below the last model of the line. */
function isStepDown(line: string, cascade: readonly string[], catalogue: Catalogue): boolean {
  const last = cascade.at(-1);
  return last !== undefined && findModel(catalogue, last)?.line !== line;
}

/** What is allowed in a budget but probably not meant; `cascade` is the policy's, with its default. */
export function budgetWarnings(
  sketch: Sketch,
  cascade: readonly string[],
  catalogue: Catalogue,
): PolicyProblem[] {
  return sketch.budgets.flatMap((budget, index) => {
    if (!budget) return [];
    const path = `budgets[${index}]`;
    const warnings: PolicyProblem[] = [];
    if (budget.limit_usd === 0) {
      const message = 'a limit of 0 passes every stage at once: leave the budget out where that is not meant';
      warnings.push({ path: `${path}.limit_usd`, message });
    }
    const admission = budget.admission ?? sketch.admission ?? 'expected';
    if (budget.clamp_max_tokens && admission !== 'guaranteed') {
      const message = 'clamp_max_tokens does nothing where admission is not "guaranteed"';
      warnings.push({ path: `${path}.clamp_max_tokens`, message });
    }
    const helps = typeof budget.line === 'string' && isStepDown(budget.line, cascade, catalogue);
    const stages = budget.stages ? stageWarnings(budget.stages, `${path}.stages`, helps) : [];
    return [...warnings, ...stages];
  });
}
