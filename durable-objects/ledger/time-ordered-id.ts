import { encodeTime, monotonicFactory, type ULIDFactory } from 'ulid';

/** Made at first use: no randomness may be drawn while a Worker's modules load. */
let next: ULIDFactory | null = null;

/** An id that sorts by `nowMs` (epoch ms) and, within a millisecond of one object, by the order of the calls. */
export function timeOrderedId(nowMs: number): string {
  next ??= monotonicFactory();
  return next(nowMs);
}

const TIME_CHARS = 10;

/** What sorts before every id made at an instant (epoch ms) or later, and after every one made before it. */
export function idBound(atMs: number): string {
  return encodeTime(atMs, TIME_CHARS);
}
