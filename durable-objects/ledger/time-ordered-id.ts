import { encodeTime, monotonicFactory, type ULIDFactory } from 'ulid';

/** Made at first use: no randomness may be drawn while a Worker's modules load. */
let next: ULIDFactory | null = null;

/** An id that sorts by `nowMs` (epoch ms) and, within a millisecond of one object, by the order of the calls. */
export function timeOrderedId(nowMs: number): string {
  next ??= monotonicFactory();
  return next(nowMs);
}

const TIME_LENGTH = 10;

/** Not above any id of `atMs` (epoch ms) or later, and above every earlier one: the bound of a span of ids. */
export function leastIdAt(atMs: number): string {
  return encodeTime(atMs, TIME_LENGTH);
}
