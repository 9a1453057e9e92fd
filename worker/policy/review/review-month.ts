/** The month a review is about: its span, and the part of the month before that it is held against. */

const MONTH = /^(?<year>\d{4})-(?<month>0[1-9]|1[0-2])$/;
/** Reports know no day before (migration 0005). */
const FIRST_MONTH = '2024-01';

export interface ReviewMonth {
  /** 'yyyy-mm', UTC as everything here. */
  month: string;
  /** Half-open, ISO 8601; `to` is the end of the month, however much of it is over. */
  from: string;
  to: string;
  isFinished: boolean;
  /** The month before, and where what it is compared by ends: as many days of it as are over, or begun, in this one. */
  previous: string;
  previousFrom: string;
  previousTo: string;
}

function monthAt(ms: number, offset = 0): string {
  const at = new Date(ms);
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + offset, 1)).toISOString().slice(0, 7);
}

function startOf(month: string): number {
  return Date.parse(`${month}-01T00:00:00.000Z`);
}

const DAY_MS = 86_400_000;

/**
 * The month asked for, the last finished one where none is (undefined), as of `nowMs` (epoch ms); else what was
 * expected in its place.
 */
export function reviewMonth(asked: string | undefined, nowMs: number): ReviewMonth | string {
  const month = asked ?? monthAt(nowMs, -1);
  if (!MONTH.test(month)) return 'expected a month such as "2026-10"';
  if (month < FIRST_MONTH) return `expected a month from ${FIRST_MONTH} on`;
  const fromMs = startOf(month);
  if (fromMs > nowMs) return 'expected a month that has begun (UTC)';
  const toMs = startOf(monthAt(fromMs, 1));
  const previous = monthAt(fromMs, -1);
  const isFinished = toMs <= nowMs;
  const begunMs = (Math.floor((nowMs - fromMs) / DAY_MS) + 1) * DAY_MS;
  const previousToMs = isFinished ? fromMs : Math.min(startOf(previous) + begunMs, fromMs);
  const iso = (ms: number) => new Date(ms).toISOString();
  return {
    month,
    from: iso(fromMs),
    to: iso(toMs),
    isFinished,
    previous,
    previousFrom: iso(startOf(previous)),
    previousTo: iso(previousToMs),
  };
}
