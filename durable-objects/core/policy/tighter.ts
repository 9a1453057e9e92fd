/** Where a policy pauses earlier, or lets less through, than the one whose place it is to take: what a guard then counts against it. */
import { formatDollars, type NanoUsd } from '../money.ts';
import { pauseLine } from '../standing.ts';
import type { Budget, Policy, PolicyProblem, RateFigures, RateLimit } from './types.ts';

function pauseOf(budget: Budget): NanoUsd | null {
  return pauseLine({ budget, limit: budget.limitNanoUsd });
}

function isSameCount(one: Budget, other: Budget): boolean {
  return (
    one.id === other.id && one.scope === other.scope && one.line === other.line && one.window === other.window
  );
}

const ADVICE =
  'a guard takes a version back that refuses what the one before would have served; where that is the point, activate it with {"guards": {"refusals": false, "increase_requests": false}}';

interface Base {
  version: number;
  policy: Policy;
}

/** One problem a budget that pauses below the base's of the same name, or that the base does not have. */
export function tighterPauses(policy: Policy, base: Base): PolicyProblem[] {
  return policy.budgets.flatMap((budget, index) => {
    const pause = pauseOf(budget);
    if (pause === null) return [];
    const before = base.policy.budgets.find((each) => isSameCount(each, budget));
    const pauseBefore = before ? pauseOf(before) : null;
    if (pauseBefore !== null && pause >= pauseBefore) return [];
    const theirs = pauseBefore === null ? 'never does' : `does at ${formatDollars(pauseBefore)}`;
    const message = `pauses at ${formatDollars(pause)}, where version ${base.version} ${theirs}: ${ADVICE}`;
    return [{ path: `budgets[${index}].limit_usd`, message }];
  });
}

const FIGURES: { name: keyof RateFigures; field: string; what: string }[] = [
  { name: 'requestsPerMinute', field: 'requests_per_minute', what: 'requests a minute' },
  { name: 'tokensPerMinute', field: 'tokens_per_minute', what: 'tokens a minute' },
  { name: 'concurrentTurns', field: 'concurrent_turns', what: 'turns at once' },
];

function tighterFigures(
  limit: RateLimit,
  before: RateLimit | undefined,
  path: string,
  version: number,
): PolicyProblem[] {
  return FIGURES.flatMap(({ name, field, what }) => {
    const figure = limit[name];
    const theirs = before?.[name] ?? null;
    if (figure === null || (theirs !== null && figure >= theirs)) return [];
    const said = theirs === null ? 'sets no limit to them' : `lets ${theirs} through`;
    const message = `lets ${figure} ${what} through, where version ${version} ${said}: ${ADVICE}`;
    return [{ path: `${path}.${field}`, message }];
  });
}

/** One problem a figure of a limit besides money that is below the base's for the same scope, or that the base does not have. */
export function tighterLimits(policy: Policy, base: Base): PolicyProblem[] {
  return policy.limits.flatMap((limit, index) => {
    const before = base.policy.limits.find(({ scope }) => scope === limit.scope);
    return tighterFigures(limit, before, `limits[${index}]`, base.version);
  });
}
