/** When a message that was not taken is tried again. There is no jitter: a destination has one object, and rests. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
/** Waits between tries; after the last one a message is a dead letter. */
const WAITS_MS = [5 * SECOND_MS, 30 * SECOND_MS, 2 * MINUTE_MS, 10 * MINUTE_MS, 30 * MINUTE_MS];
/** A destination that did not take a message gets nothing else for so long. */
export const REST_MS = 5 * SECOND_MS;

/** Ms until the next try after so many; null where it is given up. What the destination asked for is the least. */
export function waitAfter(tries: number, retryAfterMs: number | null): number | null {
  const wait = WAITS_MS[tries - 1];
  return wait === undefined ? null : Math.max(wait, retryAfterMs ?? 0);
}
