/**
 * Closing a month: its days are rolled up, then its sums stand for ever. What comes to it later is booked in a
 * later month and points back by `corrects`.
 */
import type { Authorship } from '../store/change.ts';
import { openDatabase } from '../store/database.ts';
import { type Closing, closeMonth, findMonth, type Month } from '../store/months.ts';
import { rollUpDays } from './roll-up.ts';

export type Closed = { outcome: 'not_over' } | { outcome: Closing; month: Month | null };

/** Times that entries may come between the roll-up and the closing before the caller is asked to try again. */
const TRIES = 3;

/** 'yyyy-mm' of an instant, in UTC. */
export function monthOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 7);
}

export function monthAfter(month: string): string {
  const [year = 0, number = 0] = month.split('-').map(Number);
  return monthOf(Date.UTC(year, number, 1));
}

export async function closeMonthOf(
  db: D1Database,
  { month, reason, nowMs }: { month: string; reason: string | null; nowMs: number },
  authorship: Authorship,
): Promise<Closed> {
  const nextMonth = monthAfter(month);
  const presentMonth = monthOf(nowMs);
  if (month >= presentMonth) return { outcome: 'not_over' };
  const database = openDatabase(db);
  let outcome: Closing = 'not_rolled_up';
  for (let tries = 0; tries < TRIES && outcome === 'not_rolled_up'; tries += 1) {
    await rollUpDays(db, nowMs, { endDay: `${nextMonth}-01` });
    outcome = await closeMonth(database, { month, nextMonth, reason }, authorship);
  }
  return { outcome, month: await findMonth(database, month, presentMonth) };
}
