/** Where a policy pauses earlier than the one whose place it is to take: what a guard then counts against it. */
import { formatDollars, type NanoUsd } from '../money.ts';
import { pauseLine } from '../standing.ts';
import type { Budget, Policy, PolicyProblem } from './types.ts';

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

/** One problem a budget that pauses below the base's of the same name, or that the base does not have. */
export function tighterPauses(policy: Policy, base: { version: number; policy: Policy }): PolicyProblem[] {
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
