/** How long a session lasts, and from when its own budgets count. */
import { QUARTER_MS } from './window.ts';

/** A session idle this long is over; one of the same name is then another (DESIGN, "35 idle days"). */
export const SESSION_KEPT_MS = 35 * 86_400_000;

/** Epoch ms, on a quarter-hour, from which the spend of a session that began at an instant counts. */
export function sessionWindowStart(startedAtMs: number): number {
  return Math.floor(startedAtMs / QUARTER_MS) * QUARTER_MS;
}
