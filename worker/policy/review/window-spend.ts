/**
 * How the windows of a budget were used: days, weeks and months of UTC, for roll-ups know no other, and sessions. In
 * another time zone a day is off by the hours between.
 */
import { findModel } from '../../../durable-objects/core/catalogue/lookup.ts';
import type { Catalogue } from '../../../durable-objects/core/catalogue/types.ts';
import type { Budget } from '../../../durable-objects/core/policy/types.ts';
import type { DaySpend, SessionSpend } from '../../store/review-windows.ts';

/** One subject in one window of a budget; windows without spend are none. */
export interface WindowSpend {
  subject: string;
  nanoUsd: bigint;
}

/** What there is to add up; null where there was too much of it. */
export interface SpendRows {
  costCenter: string;
  /** With the days after the month that its last weeks have. */
  days: readonly DaySpend[] | null;
  sessions: readonly SessionSpend[] | null;
  catalogue: Catalogue;
}

/** The first and the last day, exclusive, that a window may begin on: 'yyyy-mm-dd'. */
export interface Beginnings {
  from: string;
  to: string;
}

const DAY_MS = 86_400_000;

/** The day (UTC) on which the window of `day` began; weeks begin on Monday. */
function beginningOf(window: Budget['window'], day: string): string {
  if (window === 'month') return `${day.slice(0, 7)}-01`;
  if (window !== 'week') return day;
  const ms = Date.parse(day);
  const sinceMonday = (new Date(ms).getUTCDay() + 6) % 7;
  return new Date(ms - sinceMonday * DAY_MS).toISOString().slice(0, 10);
}

/** The rows of the budget, each with its subject and window; null where they are not known. */
function countedRows(budget: Budget, { costCenter, days, sessions }: SpendRows) {
  if (budget.window === 'session') {
    return sessions?.map(({ session, model, nanoUsd }) => ({
      subject: session,
      begins: null,
      model,
      nanoUsd,
    }));
  }
  return days?.map(({ day, developer, keyId, model, nanoUsd }) => ({
    subject: (budget.scope === 'developer' ? developer : budget.scope === 'key' ? keyId : null) ?? costCenter,
    begins: beginningOf(budget.window, day),
    model,
    nanoUsd,
  }));
}

/** Every window of the budget that began in the span and was spent in, in no order; null where that is not known. */
export function windowsOf(budget: Budget, rows: SpendRows, { from, to }: Beginnings): WindowSpend[] | null {
  const counted = countedRows(budget, rows);
  if (!counted) return null;
  const sums = new Map<string, WindowSpend>();
  for (const { subject, begins, model, nanoUsd } of counted) {
    if (begins !== null && (begins < from || begins >= to)) continue;
    if (budget.line !== null && findModel(rows.catalogue, model ?? '')?.line !== budget.line) continue;
    const name = `${begins} ${subject}`;
    const sum = sums.get(name) ?? { subject, nanoUsd: 0n };
    sums.set(name, { subject, nanoUsd: sum.nanoUsd + BigInt(nanoUsd) });
  }
  return [...sums.values()].filter((each) => each.nanoUsd > 0n);
}
