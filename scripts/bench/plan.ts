/** What is measured, and for how long: the whole plan in under five minutes, the quick one in under one. */
import type { Answer } from './body.ts';

export const SIZES = [2 * 1024, 50 * 1024, 1024 * 1024] as const;
const CONNECTIONS = [1, 8, 32] as const;

/** Requests a second of a paced run: well under what any of the targets can do at any size. */
const PACED_RATE = 40;

export interface Cell {
  bytes: number;
  connections: number;
  answer: Exclude<Answer, 'held'>;
  ratePerSecond: number | null;
}

export interface Plan {
  cells: Cell[];
  /** Each target's batches of a cell alternate with the others', so that a busy moment of the machine hits all. */
  rounds: number;
  batchMs: number;
  /** Per target and size, at 64 connections. */
  throughputMs: number;
}

export function makePlan(isQuick: boolean): Plan {
  const cells = [null, PACED_RATE].flatMap((ratePerSecond) =>
    (['whole', 'streamed'] as const).flatMap((answer) =>
      SIZES.flatMap((bytes) =>
        CONNECTIONS.map((connections) => ({ bytes, connections, answer, ratePerSecond })),
      ),
    ),
  );
  return isQuick
    ? { cells, rounds: 2, batchMs: 120, throughputMs: 900 }
    : { cells, rounds: 4, batchMs: 400, throughputMs: 4_000 };
}
