/**
 * How far people may raise a budget by a link or a request, which take no admin: at most ten times the budget's own
 * limit at a time, and never beyond what a limit can be. An admin's raise over the API has the last bound alone.
 */
import { formatUsd, MAX_LIMIT_NANO_USD, type NanoUsd, nanoUsd } from '../../durable-objects/core/money.ts';
import type { Budget } from '../../durable-objects/core/policy/types.ts';

const TIMES = 10;

/** The budget's limit for a subject without raises; null: everyone it counts. */
export function ownLimit(budget: Budget, subject: string | null): NanoUsd {
  return (subject === null ? undefined : budget.overrides.get(subject)) ?? budget.limitNanoUsd;
}

/** What is wrong with raising a budget by this much; null where nothing is. */
export function ceilingProblem(budget: Budget, subject: string | null, extraNanoUsd: number): string | null {
  const limit = ownLimit(budget, subject);
  const ceiling = nanoUsd(Math.min(limit, MAX_LIMIT_NANO_USD / TIMES) * TIMES);
  if (extraNanoUsd <= ceiling) return null;
  return `${budget.id} has a limit of ${formatUsd(limit)} USD: expected at most ${formatUsd(ceiling)} USD more, ten times that`;
}
