/**
 * The calendar of budgets: which day, week or month of an IANA time zone an instant falls in. A window runs from
 * local midnight to local midnight (to the first moment of the day, where daylight saving skips midnight), so
 * the day of a change is longer or shorter than 24 hours. Since 2012 every zone's offset and every change falls
 * on a quarter-hour of UTC, which is why the wallet's quarter-hour buckets sum any window exactly.
 */
import { Temporal } from 'temporal-polyfill';
import type { WindowKind } from './policy/types.ts';

/** The windows that the calendar tells; a session's is its own. */
export type CalendarWindow = Exclude<WindowKind, 'session'>;

/** Buckets of spend are quarter-hours of UTC. */
export const QUARTER_MS = 900_000;

/** A half-open span of time, epoch ms. */
export interface Window {
  startMs: number;
  endMs: number;
}

/** First day of the window that `day` falls in; weeks begin on Monday. */
function firstDay(kind: CalendarWindow, day: Temporal.PlainDate): Temporal.PlainDate {
  switch (kind) {
    case 'day':
      return day;
    case 'week':
      return day.subtract({ days: day.dayOfWeek - 1 });
    case 'month':
      return day.with({ day: 1 });
  }
}

const LENGTH = { day: { days: 1 }, week: { weeks: 1 }, month: { months: 1 } } satisfies Record<
  CalendarWindow,
  Temporal.DurationLike
>;

function computeWindow(kind: CalendarWindow, timezone: string, atMs: number): Window {
  const today = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(timezone).toPlainDate();
  const first = firstDay(kind, today);
  // Dates are added, not hours: the end is the first moment of the next window's first day, however long that takes.
  return {
    startMs: first.toZonedDateTime(timezone).epochMilliseconds,
    endMs: first.add(LENGTH[kind]).toZonedDateTime(timezone).epochMilliseconds,
  };
}

/** The last window computed of each kind and zone: calendar arithmetic takes 0.1 ms, and turns ask for the same. */
const lastWindows = new Map<string, Window>();

/**
 * The window of `kind` in `timezone` that holds the instant `atMs` (epoch ms): `startMs <= atMs < endMs`.
 * Throws a RangeError where `isTimezone(timezone)` is false.
 */
export function windowAt(kind: CalendarWindow, timezone: string, atMs: number): Window {
  const name = `${kind} ${timezone}`;
  const last = lastWindows.get(name);
  if (last && last.startMs <= atMs && atMs < last.endMs) return { ...last };
  const window = computeWindow(kind, timezone, atMs);
  lastWindows.set(name, window);
  return { ...window };
}

/** What was written last of each instant and zone: a turn shows the ends of the same few windows again and again. */
const writtenIso = new Map<string, string>();
const MAX_WRITTEN = 500;

/** An instant (epoch ms) as ISO 8601 to the second in a time zone, with its offset: "2026-11-24T00:00:00+01:00". */
export function zonedIso(ms: number, timezone: string): string {
  const name = `${ms} ${timezone}`;
  const known = writtenIso.get(name);
  if (known) return known;
  const iso = Temporal.Instant.fromEpochMilliseconds(ms)
    .toZonedDateTimeISO(timezone)
    .toString({ timeZoneName: 'never', smallestUnit: 'second' });
  if (writtenIso.size >= MAX_WRITTEN) writtenIso.clear();
  writtenIso.set(name, iso);
  return iso;
}

/** The quarter-hour last computed of each zone: no zone changes its offset within one. */
const lastQuarters = new Map<string, { quarter: number; minute: number }>();

/** Minutes after local midnight by the wall clock, from 0 to 1,439. Throws where `isTimezone(timezone)` is false. */
export function minuteOfDay(timezone: string, atMs: number): number {
  const quarter = Math.floor(atMs / QUARTER_MS);
  const known = lastQuarters.get(timezone);
  const within = Math.floor((atMs - quarter * QUARTER_MS) / 60_000);
  if (known?.quarter === quarter) return known.minute + within;
  const local = Temporal.Instant.fromEpochMilliseconds(quarter * QUARTER_MS).toZonedDateTimeISO(timezone);
  const minute = local.hour * 60 + local.minute;
  lastQuarters.set(timezone, { quarter, minute });
  return minute + within;
}

/** Whether the runtime knows an IANA zone of this name. Bare offsets ("+01:00") are none: they know no seasons. */
export function isTimezone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9+/_-]{0,63}$/.test(name)) return false;
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name);
    return true;
  } catch {
    return false;
  }
}
