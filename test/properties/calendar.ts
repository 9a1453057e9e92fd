/** Windows told by the local date alone, without knowing where one begins or ends. */
import type { WindowKind } from './reference-rules.ts';

const formats = new Map<string, Intl.DateTimeFormat>();
const names = new Map<string, string>();

/** The local date of an instant, as the UTC midnight of the same date. */
function localDate(timezone: string, ms: number): Date {
  let format = formats.get(timezone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
    });
    formats.set(timezone, format);
  }
  const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  const [year = Number.NaN, month = Number.NaN, day = Number.NaN] = [
    parts.get('year'),
    parts.get('month'),
    parts.get('day'),
  ];
  return new Date(Date.UTC(year, month - 1, day));
}

function computeName(window: WindowKind, timezone: string, ms: number): string {
  const date = localDate(timezone, ms);
  if (window === 'month') return date.toISOString().slice(0, 7);
  // Weeks are named by their Monday.
  if (window === 'week') date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7));
  return date.toISOString().slice(0, 10);
}

/** The same for all instants of one window of a time zone: "2035-03-25" or "2035-03". */
function windowName(window: WindowKind, timezone: string, ms: number): string {
  const key = `${window} ${timezone} ${ms}`;
  const known = names.get(key);
  if (known) return known;
  const name = computeName(window, timezone, ms);
  names.set(key, name);
  return name;
}

export function sameWindow(window: WindowKind, timezone: string, aMs: number, bMs: number): boolean {
  return windowName(window, timezone, aMs) === windowName(window, timezone, bMs);
}

const DAY_MS = 86_400_000;

/** The first instant after `ms` that is in another window: windows change on quarter-hours of UTC. */
export function windowEnd(window: WindowKind, timezone: string, ms: number): number {
  const quarter = 900_000;
  let inside = Math.floor(ms / quarter);
  let outside = Math.floor((ms + 33 * DAY_MS) / quarter);
  while (outside - inside > 1) {
    const middle = Math.floor((inside + outside) / 2);
    if (sameWindow(window, timezone, ms, middle * quarter)) inside = middle;
    else outside = middle;
  }
  return outside * quarter;
}
