/** What a guard counts, and how much of it is tolerated. */

export const GUARD_SIGNALS = ['refusals', 'upstream_400s', 'increase_requests', 'outcome_errors'] as const;

/**
 * - `refusals`: turns refused for good that the base policy would have served, or by a limit besides money that it lacks.
 * - `upstream_400s`: turns whose model the policy chose and the upstream refused, now or in the last day.
 * - `increase_requests`: requests for more where the base policy would have left the developer at a lesser stage.
 * - `outcome_errors`: turns that another model served than was asked for, and whose tool calls failed.
 */
export type GuardSignal = (typeof GUARD_SIGNALS)[number];

/** Turns a signal was looked for in, and those it was found in. */
export interface Tally {
  turns: number;
  bad: number;
}

export const NO_TURNS: Tally = { turns: 0, bad: 0 };

export interface Tolerance {
  /** What is usual, as though this much had been counted of the base before: it has a rate from the first turn on. */
  usual: Tally;
  /** What is tolerated beyond the upper bound of the base's rate. */
  margin: number;
  /**
   * Bad turns of one session (of one developer and day, for increase requests) that count; after them its turns are
   * left out. What goes wrong in one session goes on in it: its turns are no independent witnesses.
   */
  badOfSubject: number;
}

export const TOLERANCES: Record<GuardSignal, Tolerance> = {
  refusals: { usual: { turns: 1_000, bad: 2 }, margin: 0.01, badOfSubject: 1 },
  upstream_400s: { usual: { turns: 400, bad: 2 }, margin: 0.02, badOfSubject: 3 },
  increase_requests: { usual: { turns: 4_000, bad: 2 }, margin: 0.002, badOfSubject: 1 },
  outcome_errors: { usual: { turns: 200, bad: 20 }, margin: 0.1, badOfSubject: 3 },
};

/** How many standard errors the upper bound lies above the base's rate. */
const STANDARD_ERRORS = 3;

/** The rate that is tolerated of a candidate, from 0 to 0.9, given what was counted of its base: Wilson's upper bound and the margin. */
export function toleratedRate(signal: GuardSignal, base: Tally): number {
  const { usual, margin } = TOLERANCES[signal];
  const turns = base.turns + usual.turns;
  const rate = (base.bad + usual.bad) / turns;
  const square = STANDARD_ERRORS ** 2;
  const spread = Math.sqrt((rate * (1 - rate)) / turns + square / (4 * turns ** 2));
  const bound = (rate + square / (2 * turns) + STANDARD_ERRORS * spread) / (1 + square / turns);
  return Math.min(0.9, bound + margin);
}
