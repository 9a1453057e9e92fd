/**
 * A guard over a candidate: a policy version that is tried by a share of sessions, or that went live lately. It counts
 * each signal of the candidate against its base, and trips where it is all but impossible that the candidate does no
 * worse than is tolerated. The figures are values, moved on by each turn, in a book that its owner keeps.
 */
import { type Evidence, eValue, NO_EVIDENCE, weigh } from './evidence.ts';
import type { Observation, Side } from './observe.ts';
import {
  GUARD_SIGNALS,
  type GuardSignal,
  NO_TURNS,
  type Tally,
  TOLERANCES,
  toleratedRate,
} from './signals.ts';

/** One signal of a candidate. */
export interface Watched extends Tally {
  evidence: Evidence;
  /** Ids of the bad turns, the last of them. */
  badTurns: readonly string[];
}

export const UNWATCHED: Watched = { ...NO_TURNS, evidence: NO_EVIDENCE, badTurns: [] };

/** A candidate that is no worse than tolerated trips with a chance of at most 1 in this, all signals and turns together. */
export const FALSE_ALARM_ONE_IN = 100_000;
/** The e-value at which a signal trips: each has its part of the chance. */
export const TRIPS_AT = FALSE_ALARM_ONE_IN * GUARD_SIGNALS.length;
/** Fewer bad turns than this never trip, whatever the odds. */
const LEAST_BAD = 5;
/** Ids of bad turns that are kept as evidence. */
const BAD_TURNS_KEPT = 20;

/** Where the figures of one candidate are kept. */
export interface GuardBook {
  /** Of the candidate. */
  watched(signal: GuardSignal): Watched;
  /** Of its base, with what is known of it from before. */
  base(signal: GuardSignal): Tally;
  /** Bad turns of a subject that counted. */
  badOf(side: Side, signal: GuardSignal, subject: string): number;
  saveWatched(signal: GuardSignal, watched: Watched): void;
  addToBase(signal: GuardSignal, isBad: boolean): void;
  addBadOf(side: Side, signal: GuardSignal, subject: string): void;
}

/** Counts an observation; true where it trips the guard. */
export function count(book: GuardBook, { signal, side, subject, turnId, isBad }: Observation): boolean {
  if (book.badOf(side, signal, subject) >= TOLERANCES[signal].badOfSubject) return false;
  if (isBad) book.addBadOf(side, signal, subject);
  if (side === 'base') {
    book.addToBase(signal, isBad);
    return false;
  }
  const watched = watch(signal, book.watched(signal), book.base(signal), { id: turnId, isBad });
  book.saveWatched(signal, watched);
  return isBad && hasTripped(watched);
}

/** A candidate's figures after one more turn; `base` is what was counted of its base up to now. */
export function watch(
  signal: GuardSignal,
  watched: Watched,
  base: Tally,
  { id, isBad }: { id: string; isBad: boolean },
): Watched {
  const { turns, bad, evidence, badTurns } = watched;
  const tolerated = toleratedRate(signal, base);
  return {
    turns: turns + 1,
    bad: isBad ? bad + 1 : bad,
    evidence: weigh(evidence, { turns, tolerated, isBad }),
    badTurns: isBad ? [...badTurns, id].slice(-BAD_TURNS_KEPT) : badTurns,
  };
}

export function hasTripped({ bad, evidence }: Watched): boolean {
  return bad >= LEAST_BAD && eValue(evidence) >= TRIPS_AT;
}
