/** What is measured, and for how long: the whole plan in under ten minutes, the quick one in a minute and a half. */
import type { Answer } from './body.ts';

export const SIZES = [2 * 1024, 50 * 1024, 1024 * 1024] as const;
const CONNECTIONS = [1, 8, 32] as const;

/** Requests a second of a paced run: well under what any of the targets can do at any size. */
export const PACED_RATE = 40;

export interface Cell {
  bytes: number;
  connections: number;
  answer: 'whole' | 'streamed';
  ratePerSecond: number | null;
}

/** Turns of every way, so many that their CPU time can be told apart. */
export interface TurnsCell {
  bytes: number;
  answer: Exclude<Answer, 'held'>;
  /** A round begins so many on each way, if there is time for them, and waits for the last. */
  turns: number;
  roundMs: number;
  connections: number;
  rounds: number;
}

/** Latency of every way, paced. */
export interface WayCell {
  bytes: number;
  answer: 'whole' | 'streamed';
  connections: number;
}

export interface Plan {
  cells: Cell[];
  /** Each target's batches of a cell alternate with the others', so that a busy moment of the machine hits all. */
  rounds: number;
  batchMs: number;
  /** Per target and size, at 64 connections. */
  throughputMs: number;
  turns: TurnsCell[];
  /** Per way and round, paced. */
  wayBatchMs: number;
  wayCells: WayCell[];
}

/** What the ways are held against each other at. */
export const COMPARED_BYTES = 50 * 1024;

export function makePlan(isQuick: boolean): Plan {
  const cells = [null, PACED_RATE].flatMap((ratePerSecond) =>
    (['whole', 'streamed'] as const).flatMap((answer) =>
      SIZES.flatMap((bytes) =>
        CONNECTIONS.map((connections) => ({ bytes, connections, answer, ratePerSecond })),
      ),
    ),
  );
  const turns = turnsCells(isQuick);
  const wayCells = (isQuick ? [COMPARED_BYTES] : SIZES).flatMap((bytes) =>
    (isQuick ? (['streamed'] as const) : (['whole', 'streamed'] as const)).flatMap((answer) =>
      CONNECTIONS.map((connections) => ({ bytes, answer, connections })),
    ),
  );
  return isQuick
    ? { cells, rounds: 2, batchMs: 100, throughputMs: 700, wayBatchMs: 200, turns, wayCells }
    : { cells, rounds: 4, batchMs: 400, throughputMs: 4_000, wayBatchMs: 200, turns, wayCells };
}

/** Event by event an answer takes seconds, whatever the body: many at once, at one size. */
function turnsCells(isQuick: boolean): TurnsCell[] {
  const cell = {
    connections: 8,
    ...(isQuick ? { turns: 40, rounds: 3, roundMs: 1_000 } : { turns: 60, rounds: 5, roundMs: 4_000 }),
  };
  const atOnce = (isQuick ? [COMPARED_BYTES] : SIZES).flatMap((bytes) =>
    (['whole', 'streamed'] as const).map((answer) => ({ ...cell, bytes, answer })),
  );
  const singly = isQuick
    ? { turns: 24, connections: 24, rounds: 1 }
    : { turns: 48, connections: 48, rounds: 3 };
  return [...atOnce, { ...cell, ...singly, bytes: COMPARED_BYTES, answer: 'singly' }];
}
