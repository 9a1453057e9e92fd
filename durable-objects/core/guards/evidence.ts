/**
 * Evidence that a candidate's bad turns are more than is tolerated, weighed after every turn for as long as one likes.
 *
 * For each of a few alternatives (a bad rate above the tolerated one), and for each turn from which on it may have been
 * true, a bet is placed; each turn multiplies a bet by how much likelier the turn is under its alternative. The stakes
 * sum to at most 1, and while the rate is tolerated no bet gains on average: so the chance that the sum ever passes x
 * is at most 1 in x, however often it is looked at (Ville's inequality). Bets that start late see a policy that turns
 * bad at noon as well as one that was bad from its first turn.
 */

/** Of each alternative, the worth of its bets placed so far. */
export type Evidence = readonly number[];

/** How far each alternative lies from the tolerated rate towards 1. */
const ALTERNATIVES = [0.02, 0.1, 0.3, 0.6, 0.9] as const;

export const NO_EVIDENCE: Evidence = ALTERNATIVES.map(() => 0);

/** Beyond this nothing is learned from more; it keeps the numbers finite. */
const MOST = 1e200;

/** The stake placed before a turn, counted from 0; all of them sum to less than 1 (the sum is at most 1/e + 1). */
function stake(turn: number): number {
  const from = turn + Math.E;
  return 1 / (1.4 * from * Math.log(from) ** 2);
}

/** The evidence after one more turn. `turns`: those before it; `tolerated`: a rate over 0 and under 1, known before it. */
export function weigh(
  evidence: Evidence,
  { turns, tolerated, isBad }: { turns: number; tolerated: number; isBad: boolean },
): Evidence {
  const placed = stake(turns);
  return ALTERNATIVES.map((distance, index) => {
    const gain = isBad ? 1 + (distance * (1 - tolerated)) / tolerated : 1 - distance;
    return Math.min(MOST, ((evidence[index] ?? 0) + placed) * gain);
  });
}

/** What all bets are worth together, at least 0: the e-value. */
export function eValue(evidence: Evidence): number {
  return evidence.reduce((sum, worth) => sum + worth, 0) / ALTERNATIVES.length;
}
