/**
 * From a policy document, as an admin wrote it, to the policy decisions are made from. Reports everything that
 * is wrong at once, each with its JSON path; a policy that comes out has no contradiction left in it.
 */
import { canonicalId } from '../catalogue/lookup.ts';
import type { Catalogue } from '../catalogue/types.ts';
import { err, ok, type Result } from '../result.ts';
import { DEFAULT_CASCADE, DEFAULT_STAGES } from './defaults.ts';
import { allowedModelsProblems, cascadeProblems, cascadeWarnings } from './models.ts';
import { documentSchema, type PolicyDocument, shapeProblems } from './schema.ts';
import { type Sketch, sketchOf } from './sketch.ts';
import { stageProblems, stageWarnings } from './stages.ts';
import type { Budget, Policy, PolicyProblem } from './types.ts';

/** Largest document, in bytes of its JSON. */
export const MAX_DOCUMENT_BYTES = 256 * 1024;

export interface PolicyContext {
  /** The cost center's IANA time zone, for a document that names none. */
  timezone: string;
  catalogue: Catalogue;
  /** Epoch ms at which models must be available and prices fall. */
  nowMs: number;
  /**
   * `new` (the default): a document somebody offers. `stored`: one that was valid once; models that have
   * retired, changed in price or left the catalogue since are no error, because decisions skip them anyway.
   */
  enforce?: 'new' | 'stored';
}

export interface ParsedPolicy {
  policy: Policy;
  /** What is allowed but doubtful. */
  warnings: PolicyProblem[];
}

/** Reads a document; the error lists every problem in it, in the document's order within each rule. */
export function parsePolicy(
  document: unknown,
  context: PolicyContext,
): Result<ParsedPolicy, PolicyProblem[]> {
  const size = new TextEncoder().encode(JSON.stringify(document) ?? '').byteLength;
  if (size > MAX_DOCUMENT_BYTES) {
    return err([{ path: '$', message: `expected at most ${MAX_DOCUMENT_BYTES} bytes of JSON, got ${size}` }]);
  }
  const problems = [...shapeProblems(document), ...contradictions(sketchOf(document), context)];
  if (problems.length > 0) return err(problems);
  const policy = toPolicy(documentSchema.parse(document), context);
  return ok({ policy, warnings: doubts(sketchOf(document), policy, context) });
}

function contradictions(sketch: Sketch, { catalogue, nowMs, enforce }: PolicyContext): PolicyProblem[] {
  const problems = [
    ...repeatedIds(sketch),
    ...stageProblems(sketch.stages ?? [], 'stages'),
    ...sketch.budgets.flatMap((budget, index) =>
      stageProblems(budget?.stages ?? [], `budgets[${index}].stages`),
    ),
  ];
  if (enforce === 'stored') return problems;
  return [
    ...problems,
    ...cascadeProblems(sketch.cascade ?? DEFAULT_CASCADE, catalogue, nowMs),
    ...(sketch.allowed_models ? allowedModelsProblems(sketch.allowed_models, catalogue) : []),
  ];
}

function repeatedIds({ budgets }: Sketch): PolicyProblem[] {
  const first = new Map<string, number>();
  const problems: PolicyProblem[] = [];
  for (const [index, budget] of budgets.entries()) {
    if (!budget || budget.id === null) continue;
    const earlier = first.get(budget.id);
    if (earlier === undefined) first.set(budget.id, index);
    else problems.push({ path: `budgets[${index}].id`, message: `budgets[${earlier}] has the same id` });
  }
  return problems;
}

function doubts(sketch: Sketch, policy: Policy, { catalogue, nowMs }: PolicyContext): PolicyProblem[] {
  const ofBudgets = sketch.budgets.flatMap((budget, index) => {
    const warnings = budget?.stages ? stageWarnings(budget.stages, `budgets[${index}].stages`) : [];
    if (budget?.limit_usd !== 0) return warnings;
    return [
      { path: `budgets[${index}].limit_usd`, message: 'a limit of 0 passes every stage at once' },
      ...warnings,
    ];
  });
  return [
    ...ofBudgets,
    ...(sketch.stages ? stageWarnings(sketch.stages, 'stages') : []),
    ...cascadeWarnings(policy.cascade, catalogue, nowMs),
  ];
}

function toPolicy(document: PolicyDocument, { timezone, catalogue }: PolicyContext): Policy {
  const canonical = (name: string): string => canonicalId(catalogue, name);
  return {
    timezone: document.timezone ?? timezone,
    budgets: document.budgets.map(
      (budget): Budget => ({
        id: budget.id,
        scope: budget.scope,
        window: budget.window,
        limitNanoUsd: budget.limit_usd,
        stages: budget.stages ?? document.stages ?? DEFAULT_STAGES,
        admission: budget.admission ?? document.admission ?? 'expected',
      }),
    ),
    cascade: (document.cascade ?? DEFAULT_CASCADE).map(canonical),
    allowedModels: document.allowed_models?.map(canonical) ?? null,
  };
}
