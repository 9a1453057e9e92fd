/** How far before an instant the windows reach that it falls in: whose spend a standing at that instant is made of. */
import { windowAt } from '../window.ts';
import type { WindowKind } from './types.ts';

/** Days begin first in the one and last in the other: no time zone's window begins outside of theirs. */
const OUTERMOST_ZONES = ['Pacific/Kiritimati', 'Etc/GMT+12'];
/** A session's spend is looked for so long before, like the wallet's own. */
const SESSION_MS = 40 * 86_400_000;
/** Turns that were open at the instant are looked for there, whatever the windows. */
const MIN_MS = 86_400_000;

/** The earliest beginning, in whatever time zone, of windows of these kinds at an instant, a day before it at least; epoch ms. */
export function reachOf(kinds: Iterable<WindowKind>, atMs: number): number {
  let earliestMs = atMs - MIN_MS;
  for (const kind of new Set(kinds)) {
    const starts =
      kind === 'session'
        ? [atMs - SESSION_MS]
        : OUTERMOST_ZONES.map((timezone) => windowAt(kind, timezone, atMs).startMs);
    earliestMs = Math.min(earliestMs, ...starts);
  }
  return earliestMs;
}
