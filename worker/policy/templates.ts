/** Policies to begin with, and the documents that are made from them. */
import { formatUsd, nanoUsd } from '../../durable-objects/core/money.ts';
import { parseLimit } from '../../durable-objects/core/policy/limit.ts';
import type { PolicyProblem } from '../../durable-objects/core/policy/types.ts';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';
import contractors from './templates/contractors.json' with { type: 'json' };
import hardCap from './templates/hard-cap.json' with { type: 'json' };
import startup from './templates/startup.json' with { type: 'json' };
import threeStage from './templates/three-stage.json' with { type: 'json' };

interface TemplateRoute {
  when: { budget?: string; remaining_usd_below?: string };
}

/** A policy document without a time zone: it takes the cost center's, unless it is given one. */
export interface TemplatePolicy {
  budgets: readonly { id: string; limit_usd: string }[];
  routes?: readonly TemplateRoute[];
}

export interface PolicyTemplate {
  id: string;
  name: string;
  /** For whom, in sentences. */
  what_for: string;
  policy: TemplatePolicy;
}

/** The default first. */
export const TEMPLATES: readonly PolicyTemplate[] = [threeStage, hardCap, startup, contractors];

export function findTemplate(id: string): PolicyTemplate | null {
  return TEMPLATES.find((each) => each.id === id) ?? null;
}

export interface TemplateChoice {
  template: string;
  timezone?: string | undefined;
  /** USD by the ids of the template's budgets. */
  limits?: Readonly<Record<string, string>> | undefined;
}

/**
 * The document of a template with these limits. What a route calls little of a budget stays the same share of its
 * limit. The error names every field that is wrong; whether the time zone is one, the document's own rules say.
 */
export function documentOf({
  template: id,
  timezone,
  limits = {},
}: TemplateChoice): Result<TemplatePolicy, PolicyProblem[]> {
  const template = findTemplate(id);
  if (!template) {
    const known = TEMPLATES.map((each) => each.id).join(', ');
    return err([{ path: 'template', message: `there is no template "${id}"; expected one of ${known}` }]);
  }
  const problems = limitProblems(template, limits);
  if (problems.length > 0) return err(problems);
  const { policy } = template;
  return ok({
    ...(timezone === undefined ? {} : { timezone }),
    ...policy,
    budgets: policy.budgets.map((budget) => ({
      ...budget,
      limit_usd: limits[budget.id] ?? budget.limit_usd,
    })),
    ...(policy.routes ? { routes: policy.routes.map((route) => inProportion(route, policy, limits)) } : {}),
  });
}

function limitProblems(
  { id, policy }: PolicyTemplate,
  limits: Readonly<Record<string, string>>,
): PolicyProblem[] {
  return Object.entries(limits).flatMap(([budget, limit]) => {
    const path = `limits.${budget}`;
    if (!policy.budgets.some((each) => each.id === budget)) {
      const known = policy.budgets.map((each) => each.id).join(', ');
      return [{ path, message: `the template ${id} has no budget "${budget}"; it has ${known}` }];
    }
    const parsed = parseLimit(limit);
    return parsed.ok ? [] : [{ path, message: parsed.error }];
  });
}

/** The route with its remaining money scaled as the limit of its budget was, rounded down to a nano-USD. */
function inProportion(
  route: TemplateRoute,
  { budgets }: TemplatePolicy,
  limits: Readonly<Record<string, string>>,
): TemplateRoute {
  const { budget, remaining_usd_below: remaining } = route.when;
  const given = budget === undefined ? undefined : limits[budget];
  const own = budgets.find((each) => each.id === budget)?.limit_usd;
  if (given === undefined || own === undefined || remaining === undefined) return route;
  const [share, whole, limit] = [remaining, own, given].map(nanoOf);
  if (share === undefined || whole === undefined || limit === undefined) return route;
  const scaled = nanoUsd(Number((share * limit) / whole));
  return { ...route, when: { ...route.when, remaining_usd_below: formatUsd(scaled) } };
}

/** Of an amount that is known to be one. */
function nanoOf(usd: string): bigint {
  const parsed = parseLimit(usd);
  if (!parsed.ok) throw new RangeError(`"${usd}": ${parsed.error}`);
  return BigInt(parsed.value);
}
