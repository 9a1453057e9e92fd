/**
 * From a policy document, as an admin wrote it, to the policy decisions are made from. Reports everything that
 * is wrong at once, each with its JSON path; a policy that comes out has no contradiction left in it.
 */
import type { ModelLifecycle } from '../catalogue/lifecycles.ts';
import { canonicalId } from '../catalogue/lookup.ts';
import type { Catalogue } from '../catalogue/types.ts';
import { err, ok, type Result } from '../result.ts';
import { budgetProblems, budgetWarnings } from './budgets.ts';
import { DEFAULT_CASCADE, DEFAULT_STAGES } from './defaults.ts';
import { guaranteeWarnings } from './guarantee.ts';
import { allowedModelsProblems, cascadeProblems, cascadeWarnings } from './models.ts';
import { rateLimitProblems, rateLimitWarnings } from './rate-limits.ts';
import { retirementWarnings } from './retirement.ts';
import { routeProblems, routeWarnings } from './routes.ts';
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
  /** What the Models API says of models, for warnings; `catalogue` has it in its dates (`withLifecycles`). */
  lifecycles?: readonly ModelLifecycle[];
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

function contradictions(
  sketch: Sketch,
  { catalogue, nowMs, enforce = 'new' }: PolicyContext,
): PolicyProblem[] {
  const problems = [
    ...repeatedIds(sketch.budgets, 'budgets'),
    ...repeatedIds(sketch.routes ?? [], 'routes'),
    ...budgetProblems(sketch, catalogue, enforce),
    ...stageProblems(sketch.stages ?? [], 'stages'),
    ...sketch.budgets.flatMap((budget, index) =>
      stageProblems(budget?.stages ?? [], `budgets[${index}].stages`),
    ),
    ...routeProblems(sketch, catalogue, nowMs, enforce),
    ...rateLimitProblems(sketch.limits ?? []),
  ];
  if (enforce === 'stored') return problems;
  return [
    ...problems,
    ...cascadeProblems(sketch.cascade ?? DEFAULT_CASCADE, catalogue, nowMs),
    ...(sketch.allowed_models ? allowedModelsProblems(sketch.allowed_models, catalogue) : []),
  ];
}

function repeatedIds(named: readonly ({ id: string | null } | null)[], list: string): PolicyProblem[] {
  const first = new Map<string, number>();
  const problems: PolicyProblem[] = [];
  for (const [index, each] of named.entries()) {
    if (!each || each.id === null) continue;
    const earlier = first.get(each.id);
    if (earlier === undefined) first.set(each.id, index);
    else problems.push({ path: `${list}[${index}].id`, message: `${list}[${earlier}] has the same id` });
  }
  return problems;
}

function doubts(sketch: Sketch, policy: Policy, context: PolicyContext): PolicyProblem[] {
  const { catalogue, lifecycles = [], nowMs } = context;
  return [
    ...budgetWarnings(sketch, policy.cascade, catalogue),
    ...(sketch.stages ? stageWarnings(sketch.stages, 'stages') : []),
    ...guaranteeWarnings(policy, catalogue, nowMs),
    ...cascadeWarnings(policy.cascade, policy.allowedModels),
    ...retirementWarnings(policy, { catalogue, lifecycles, nowMs }),
    ...routeWarnings(sketch),
    ...rateLimitWarnings(policy.limits),
  ];
}

function toPolicy(document: PolicyDocument, { timezone, catalogue }: PolicyContext): Policy {
  const canonical = (name: string): string => canonicalId(catalogue, name);
  return {
    timezone: document.timezone ?? timezone,
    budgets: document.budgets.map((budget) => toBudget(budget, document)),
    cascade: (document.cascade ?? DEFAULT_CASCADE).map(canonical),
    routes: (document.routes ?? []).map(({ id, when, use }) => ({ id, when, use: canonical(use) })),
    allowedModels: document.allowed_models?.map(canonical) ?? null,
    limits: document.limits ?? [],
    allowedProviders: document.allowed_providers ?? null,
    whenExhausted: document.when_exhausted ?? 'fail',
  };
}

function toBudget(budget: PolicyDocument['budgets'][number], document: PolicyDocument): Budget {
  return {
    id: budget.id,
    scope: budget.scope,
    line: budget.line ?? null,
    window: budget.window,
    limitNanoUsd: budget.limit_usd,
    overrides: new Map(Object.entries(budget.overrides ?? {})),
    stages: budget.stages ?? document.stages ?? DEFAULT_STAGES,
    admission: budget.admission ?? document.admission ?? 'expected',
    clampMaxTokens: budget.clamp_max_tokens ?? document.clamp_max_tokens ?? false,
  };
}
