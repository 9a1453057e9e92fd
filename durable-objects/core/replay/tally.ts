/** The sums of a replay, as they are kept between slices. Sums over many turns may be more than a safe integer. */
import type { CalibrationDifference } from './types.ts';

export interface WorldTally {
  replayedNanoUsd: bigint;
  refused: number;
  lost: number;
  downgraded: number;
  routed: number;
  postponed: number;
}

/** A session that is paused, or was. */
export interface PausedTally {
  session: string;
  developer: string;
  atMs: number;
  budget: string;
  lost: number;
}

export interface DraftTally {
  priceNanoUsd: bigint;
  cacheNanoUsd: bigint;
  notHappenedNanoUsd: bigint;
  addedNanoUsd: bigint;
  /** Turns refused for good in reality that the draft serves. */
  servedRefusals: number;
  pausedSessions: number;
  /** Those that lost most, in no order. */
  worst: PausedTally[];
  /** Beginnings of the days with turns, epoch ms, in the draft's time zone. */
  days: number[];
}

export interface Tally {
  turns: number;
  actualNanoUsd: bigint;
  refusedByPeople: number;
  refusedForGood: number;
  sessionsRefused: number;
  worlds: WorldTally[];
  drafts: DraftTally[];
  decisionsEqual: number;
  differences: CalibrationDifference[];
}

export function emptyTally(worlds: number, drafts: number): Tally {
  return {
    turns: 0,
    actualNanoUsd: 0n,
    refusedByPeople: 0,
    refusedForGood: 0,
    sessionsRefused: 0,
    worlds: Array.from({ length: worlds }, () => ({
      replayedNanoUsd: 0n,
      refused: 0,
      lost: 0,
      downgraded: 0,
      routed: 0,
      postponed: 0,
    })),
    drafts: Array.from({ length: drafts }, () => ({
      priceNanoUsd: 0n,
      cacheNanoUsd: 0n,
      notHappenedNanoUsd: 0n,
      addedNanoUsd: 0n,
      servedRefusals: 0,
      pausedSessions: 0,
      worst: [],
      days: [],
    })),
    decisionsEqual: 0,
    differences: [],
  };
}

/** Paused sessions that are named in a result. */
const MOST_NAMED = 100;

/** Takes a paused session up among the worst, or what it lost since, if it is one of them. */
export function notePaused({ worst }: DraftTally, paused: PausedTally): void {
  const known = worst.find(({ session, atMs }) => session === paused.session && atMs === paused.atMs);
  if (known) known.lost = paused.lost;
  else if (worst.length < MOST_NAMED) worst.push(paused);
  else {
    const least = worst.reduce((a, b) => (b.lost < a.lost ? b : a));
    if (paused.lost > least.lost) worst[worst.indexOf(least)] = paused;
  }
}

const BIG = /^-?\d+n$/;

/** Text that `readTally` reads: whole sums are written with an `n`. */
export function tallyText(tally: Tally): string {
  return JSON.stringify(tally, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
}

export function readTally(text: string): Tally {
  return JSON.parse(text, (name, value: unknown) =>
    name.endsWith('NanoUsd') && typeof value === 'string' && BIG.test(value)
      ? BigInt(value.slice(0, -1))
      : value,
  ) as Tally;
}
