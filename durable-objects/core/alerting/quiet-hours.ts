/** When a route is quiet: times of day by the wall clock of its zone, over midnight and through changes of the clock. */
import { Temporal } from 'temporal-polyfill';
import { minuteOfDay } from '../window.ts';
import type { QuietHours } from './routes.ts';

/** Minutes after midnight of "HH:MM". */
function toMinute(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}

function isQuiet({ from, to, timezone }: QuietHours, atMs: number): boolean {
  const [minute, start, end] = [minuteOfDay(timezone, atMs), toMinute(from), toMinute(to)];
  return start < end ? minute >= start && minute < end : minute >= start || minute < end;
}

/**
 * When the quiet hours that hold the instant end (epoch ms): the first moment at which the wall clock is past them.
 * Null where the instant is not in them. Throws a RangeError on a zone the runtime does not know.
 */
export function quietUntil(hours: QuietHours, atMs: number): number | null {
  if (!isQuiet(hours, atMs)) return null;
  const local = Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(hours.timezone);
  const time = Temporal.PlainTime.from(hours.to);
  const isTomorrow = Temporal.PlainTime.compare(local.toPlainTime(), time) >= 0;
  const day = local.toPlainDate().add({ days: isTomorrow ? 1 : 0 });
  // The clock may show the end twice, or step over it.
  const ends = (['earlier', 'later'] as const).map(
    (disambiguation) =>
      day.toPlainDateTime(time).toZonedDateTime(hours.timezone, { disambiguation }).epochMilliseconds,
  );
  const change = local.getTimeZoneTransition('next');
  const candidates = [...ends, ...(change === null ? [] : [change.epochMilliseconds])].filter(
    (each) => each > atMs && !isQuiet(hours, each),
  );
  return Math.min(...candidates);
}
