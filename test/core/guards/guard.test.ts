import { expect, test } from 'vitest';
import { eValue, NO_EVIDENCE, weigh } from '../../../durable-objects/core/guards/evidence.ts';
import { hasTripped, UNWATCHED, type Watched, watch } from '../../../durable-objects/core/guards/guard.ts';
import {
  GUARD_SIGNALS,
  type GuardSignal,
  NO_TURNS,
  type Tally,
  toleratedRate,
} from '../../../durable-objects/core/guards/signals.ts';
import { type Chance, seeded } from './chance.ts';

interface Run {
  watched: Watched;
  /** Turns until it tripped; null where it did not. */
  trippedAt: number | null;
}

/** Watches turns that are bad at a rate until the guard trips or they end. */
function run(
  signal: GuardSignal,
  base: Tally,
  rateAt: (turn: number) => number,
  turns: number,
  chance: Chance,
): Run {
  let watched = UNWATCHED;
  for (let turn = 0; turn < turns; turn += 1) {
    watched = watch(signal, watched, base, { id: `turn-${turn}`, isBad: chance.happens(rateAt(turn)) });
    if (hasTripped(watched)) return { watched, trippedAt: turn + 1 };
  }
  return { watched, trippedAt: null };
}

const WELL_KNOWN: Record<GuardSignal, Tally> = {
  refusals: { turns: 5_000, bad: 5 },
  upstream_400s: { turns: 1_000, bad: 5 },
  increase_requests: { turns: 20_000, bad: 10 },
  outcome_errors: { turns: 3_000, bad: 240 },
};

test.each(GUARD_SIGNALS)('%s at the very rate that is tolerated trips in none of 1,000 runs', (signal) => {
  const base = WELL_KNOWN[signal];
  const tolerated = toleratedRate(signal, base);
  const runs = Array.from({ length: 1_000 }, (_, seed) =>
    run(signal, base, () => tolerated, 1_000, seeded(seed)),
  );
  expect(runs.filter(({ trippedAt }) => trippedAt !== null)).toEqual([]);
});

test.each(
  GUARD_SIGNALS,
)('%s of a base that nobody has seen yet are tolerated at a rate of their own', (signal) => {
  const tolerated = toleratedRate(signal, NO_TURNS);
  expect(tolerated).toBeGreaterThan(toleratedRate(signal, WELL_KNOWN[signal]));
  expect(tolerated).toBeLessThan(0.35);
});

test.each<[GuardSignal, number]>([
  ['refusals', 0.5],
  ['upstream_400s', 0.9],
  ['increase_requests', 0.1],
  ['outcome_errors', 1],
])('%s at a rate of %d trip within 20 bad turns, seen from the first turn on or from the 1,000th', (signal, rate) => {
  const base = signal === 'outcome_errors' ? WELL_KNOWN[signal] : NO_TURNS;
  for (const from of [0, 1_000]) {
    for (let seed = 0; seed < 100; seed += 1) {
      const rateAt = (turn: number): number => (turn < from ? 0 : rate);
      const { watched, trippedAt } = run(signal, base, rateAt, 5_000, seeded(seed));
      expect(trippedAt).not.toBeNull();
      expect(watched.bad).toBeLessThanOrEqual(20);
    }
  }
});

test('the more the base does it, the more is tolerated of the candidate', () => {
  const rates = [0, 10, 100, 500].map((bad) => toleratedRate('outcome_errors', { turns: 1_000, bad }));
  expect(rates).toEqual(rates.toSorted((a, b) => a - b));
  expect(rates.at(-1)).toBeGreaterThan(0.5);
});

test('the sum of bets gains nothing on average while the rate is what is tolerated', () => {
  // Exactly, over all that ten turns can be: the expectation never passes what was staked.
  const tolerated = 0.05;
  let expected = 0;
  for (let mask = 0; mask < 1_024; mask += 1) {
    let [evidence, chance] = [NO_EVIDENCE, 1];
    for (let turns = 0; turns < 10; turns += 1) {
      const isBad = (mask & (1 << turns)) !== 0;
      evidence = weigh(evidence, { turns, tolerated, isBad });
      chance *= isBad ? tolerated : 1 - tolerated;
    }
    expected += chance * eValue(evidence);
  }
  expect(expected).toBeGreaterThan(0.4);
  expect(expected).toBeLessThan(1);
});

test('a guard keeps the ids of the last 20 bad turns', () => {
  let watched = UNWATCHED;
  for (let turn = 0; turn < 30; turn += 1) {
    watched = watch('refusals', watched, NO_TURNS, { id: `turn-${turn}`, isBad: true });
  }
  expect(watched.badTurns).toHaveLength(20);
  expect(watched.badTurns.at(-1)).toBe('turn-29');
  expect(hasTripped(watched)).toBe(true);
});

test('four bad turns never trip, whatever the odds', () => {
  let watched = UNWATCHED;
  for (let turn = 0; turn < 4; turn += 1) {
    watched = watch('increase_requests', watched, NO_TURNS, { id: `turn-${turn}`, isBad: true });
  }
  expect(hasTripped(watched)).toBe(false);
});
