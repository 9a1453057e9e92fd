/** How far budgets were used in a month, and what limit would have fitted those that were raised again and again. */
import { MAX_LIMIT_NANO_USD } from '../../../durable-objects/core/money.ts';
import type { Budget } from '../../../durable-objects/core/policy/types.ts';
import type { WindowSpend } from './window-spend.ts';

export interface BudgetUse {
  budget: Budget;
  /** Windows that were spent in, one a subject; null where that is not known. */
  windows: number | null;
  /** Of those windows, in nano-USD; 0 of none. */
  medianNanoUsd: bigint;
  p90NanoUsd: bigint;
  highest: WindowSpend | null;
  /** Spend as a fraction of the subject's own limit, without raises, where it was highest; 1 at least of a limit of 0. */
  highestUtilization: number;
}

/** Spend at or under which this share (0 to 1] of the windows stay, by the nearest rank; 0 of none. */
function quantile(ascending: readonly WindowSpend[], share: number): bigint {
  const index = Math.max(0, Math.ceil(ascending.length * share) - 1);
  return ascending[index]?.nanoUsd ?? 0n;
}

function limitOf({ overrides, limitNanoUsd }: Budget, subject: string): number {
  return overrides.get(subject) ?? limitNanoUsd;
}

function utilizationOf(budget: Budget, { subject, nanoUsd }: WindowSpend): number {
  const limit = limitOf(budget, subject);
  return limit === 0 ? 1 : Number(nanoUsd) / limit;
}

function ascending(windows: readonly WindowSpend[]): WindowSpend[] {
  return windows.toSorted((a, b) => (a.nanoUsd < b.nanoUsd ? -1 : a.nanoUsd > b.nanoUsd ? 1 : 0));
}

export function budgetUse(budget: Budget, windows: readonly WindowSpend[] | null): BudgetUse {
  const sorted = ascending(windows ?? []);
  return {
    budget,
    windows: windows?.length ?? null,
    medianNanoUsd: quantile(sorted, 0.5),
    p90NanoUsd: quantile(sorted, 0.9),
    highest: sorted.at(-1) ?? null,
    highestUtilization: sorted.reduce((most, each) => Math.max(most, utilizationOf(budget, each)), 0),
  };
}

export interface LimitFit {
  /** Of the raise's subject, without raises. */
  limitNanoUsd: bigint;
  windows: number;
  windowsOverLimit: number;
  p90NanoUsd: bigint;
  /** A limit that nine of ten windows stay within; null where the present one does that already. */
  suggestedNanoUsd: bigint | null;
}

/** Whether a limit fits what was spent by a raise's subject (null: by everyone the budget counts). */
export function fitOf(budget: Budget, windows: readonly WindowSpend[], subject: string | null): LimitFit {
  const own = ascending(subject === null ? windows : windows.filter((each) => each.subject === subject));
  const limit = BigInt(subject === null ? budget.limitNanoUsd : limitOf(budget, subject));
  const p90NanoUsd = quantile(own, 0.9);
  return {
    limitNanoUsd: limit,
    windows: own.length,
    windowsOverLimit: own.filter(({ nanoUsd }) => nanoUsd > limit).length,
    p90NanoUsd,
    suggestedNanoUsd: p90NanoUsd > limit ? roundedUp(p90NanoUsd) : null,
  };
}

/** To two significant digits, as people set limits; at most the largest limit. */
function roundedUp(nanoUsd: bigint): bigint {
  const unit = 10n ** BigInt(Math.max(0, nanoUsd.toString().length - 2));
  const rounded = ((nanoUsd + unit - 1n) / unit) * unit;
  return rounded > BigInt(MAX_LIMIT_NANO_USD) ? BigInt(MAX_LIMIT_NANO_USD) : rounded;
}
