/**
 * Months (UTC) as finance books them: what was booked in each, and the closing. The roll-ups tell what is booked
 * where; D1 itself books what comes after a closing in a later month (triggers of migration 0006).
 */
import { sql } from 'drizzle-orm';
import { commitAct } from './audit-chain.ts';
import type { Authorship } from './change.ts';
import { type Database, violates } from './database.ts';
import { closedMonths } from './tables.ts';

export interface Month {
  /** 'yyyy-mm' */
  month: string;
  /** Null: it is open. */
  closedAt: string | null;
  closedBy: string | null;
  reason: string | null;
  /** Entries booked in it, as far as days are rolled up; of a closed month those at its closing, for ever. */
  entries: number;
  /** Sums of nano-USD as text: they may pass 2^53. */
  chargedNanoUsd: string;
  listNanoUsd: string;
  /** Those of them whose turns were admitted in an earlier month, closed by then. */
  lateEntries: number;
  lateChargedNanoUsd: string;
  /** Its days with entries that no roll-up has yet, today among them. */
  pendingDays: number;
}

const COUNT = sql.raw('charges + corrections + refusals + failures');

/** What is booked in the month that `month` names: that of its own days, and what came late to closed ones. */
function bookedIn(month: ReturnType<typeof sql>) {
  const columns = sql`${COUNT} AS entries, charged_nano_usd, list_nano_usd`;
  return sql`(
    SELECT ${columns}, 0 AS late FROM daily_rollups
    WHERE day BETWEEN ${month} || '-01' AND ${month} || '-31' AND booked_month = ${month}
    UNION ALL
    SELECT ${columns}, 1 FROM daily_rollups
    WHERE booked_month = ${month} AND booked_month <> substr(day, 1, 7)
  )`;
}

/** Newest first, the present month included; `before` is the last month seen. */
export async function listMonths(
  database: Database,
  presentMonth: string,
  page: { before: string | null; limit: number },
): Promise<Month[]> {
  const booked = (figure: string) => sql`(SELECT ${sql.raw(figure)} FROM ${bookedIn(sql`m.month`)})`;
  const text = (sum: string) => `CAST(coalesce(${sum}, 0) AS TEXT)`;
  return await database.all<Month>(sql`
    WITH months AS (
      SELECT substr(day, 1, 7) AS month FROM rollup_days
      UNION SELECT month FROM closed_months
      UNION SELECT booked_month FROM late_bookings
      UNION SELECT ${presentMonth}
    ), shown AS (
      SELECT month FROM months WHERE month < ${page.before ?? '9999-99'} ORDER BY month DESC LIMIT ${page.limit}
    )
    SELECT m.month, c.closed_at AS closedAt, c.closed_by AS closedBy, c.reason,
      coalesce(c.entries, ${booked('coalesce(sum(entries), 0)')}) AS entries,
      coalesce(CAST(c.charged_nano_usd AS TEXT), ${booked(text('sum(charged_nano_usd)'))}) AS chargedNanoUsd,
      coalesce(CAST(c.list_nano_usd AS TEXT), ${booked(text('sum(list_nano_usd)'))}) AS listNanoUsd,
      ${booked('coalesce(sum(entries * late), 0)')} AS lateEntries,
      ${booked(text('sum(charged_nano_usd * late)'))} AS lateChargedNanoUsd,
      (SELECT count(DISTINCT day) FROM rollup_days
       WHERE dirty = 1 AND day BETWEEN m.month || '-01' AND m.month || '-31') AS pendingDays
    FROM shown m LEFT JOIN closed_months c ON c.month = m.month
    ORDER BY m.month DESC`);
}

export async function findMonth(
  database: Database,
  month: string,
  presentMonth: string,
): Promise<Month | null> {
  const page = { before: `${month}~`, limit: 1 };
  const [found] = await listMonths(database, presentMonth, page);
  return found?.month === month ? found : null;
}

export type Closing = 'closed' | 'closed_before' | 'not_rolled_up';

/**
 * Closes a month that is over, with what is booked in it, and tells the audit log, all in one transaction. Closes
 * nothing where a day up to its end has entries that no roll-up has: its sums would not be those of the ledger.
 */
export async function closeMonth(
  database: Database,
  { month, nextMonth, reason }: { month: string; nextMonth: string; reason: string | null },
  authorship: Authorship,
): Promise<Closing> {
  const isRolledUp = sql`NOT EXISTS (SELECT 1 FROM rollup_days WHERE dirty = 1 AND day < ${`${nextMonth}-01`})`;
  const sum = (column: string) =>
    sql<number>`(SELECT coalesce(sum(${sql.raw(column)}), 0) FROM ${bookedIn(sql`${month}`)})`;
  const act = {
    action: 'month.close',
    costCenter: null,
    target: month,
    before: { month, state: 'open' },
    after: { month, state: 'closed', reason },
  };
  const closing = database.insert(closedMonths).values({
    month,
    // A batch cannot branch, but a null where none may be undoes all of it.
    closedAt: sql`CASE WHEN ${isRolledUp} THEN ${authorship.at} END`,
    closedBy: authorship.actor,
    reason,
    entries: sum('entries'),
    chargedNanoUsd: sum('charged_nano_usd'),
    listNanoUsd: sum('list_nano_usd'),
  });
  try {
    await commitAct(database, { act, authorship, provided: sql`TRUE`, statements: [closing] });
    return 'closed';
  } catch (error) {
    if (violates(error, 'UNIQUE constraint failed: closed_months.month')) return 'closed_before';
    if (violates(error, 'NOT NULL constraint failed: closed_months.closed_at')) return 'not_rolled_up';
    throw error;
  }
}
