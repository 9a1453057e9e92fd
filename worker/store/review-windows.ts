/** What was spent by day, or by session, as finely as the budgets of a policy need it to be told apart. */
import { sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import type { EventSpan } from './review-events.ts';

/** What is told apart; the rest is added up, and its column is null. */
export interface SpendGrain {
  developers: boolean;
  keys: boolean;
  models: boolean;
}

export interface DaySpend {
  /** UTC. */
  day: string;
  developer: string | null;
  keyId: string | null;
  model: string | null;
  nanoUsd: string;
}

export interface SessionSpend {
  session: string;
  model: string | null;
  nanoUsd: string;
}

/** A month of a thousand developers on every day with a model each; a Worker's memory holds several of that. */
const MAX_ROWS = 50_000;

/**
 * By UTC day: from roll-ups, and from entries of days that got some since, each once. Null where there are more rows
 * than can be added up here.
 */
export async function readDaySpend(
  database: Database,
  { costCenter, from, to }: EventSpan,
  { developers, keys, models }: SpendGrain,
): Promise<DaySpend[] | null> {
  const column = (name: string, isTold: boolean) => sql.raw(isTold ? name : 'NULL');
  const [first, end] = [from.slice(0, 10), to.slice(0, 10)];
  const rows = await database.all<DaySpend>(sql`
    SELECT day, ${column('developer', developers)} AS developer, ${column('key_id', keys)} AS keyId,
      ${column('model_served', models)} AS model, CAST(sum(charged_nano_usd) AS TEXT) AS nanoUsd
    FROM (
      SELECT r.day, r.developer, r.key_id, r.model_served, r.charged_nano_usd FROM daily_rollups r
      WHERE r.day >= ${first} AND r.day < ${end} AND r.cost_center = ${costCenter} AND (
        r.part > 0 OR NOT (SELECT u.dirty FROM rollup_days u WHERE u.day = r.day AND u.cost_center = r.cost_center)
      )
      UNION ALL
      SELECT u.day, e.developer, e.key_id, e.model_served, e.charged_nano_usd
      FROM rollup_days u CROSS JOIN ledger_entries e INDEXED BY ledger_entries_by_admission
        ON e.cost_center = u.cost_center AND e.admitted_at >= u.day AND e.admitted_at < date(u.day, '+1 day')
      WHERE u.day >= ${first} AND u.day < ${end} AND u.cost_center = ${costCenter} AND u.dirty = 1
        AND NOT EXISTS (
          SELECT 1 FROM archive_segments a INDEXED BY archive_segments_being_restored
          WHERE a.day = u.day AND a.cost_center = u.cost_center AND a.state = 'restoring'
            AND e.admitted_at BETWEEN a.first_admitted_at AND a.last_admitted_at
            AND e.entry_id BETWEEN a.first_entry_id AND a.last_entry_id
        )
    )
    GROUP BY 1, 2, 3, 4 HAVING sum(charged_nano_usd) <> 0 LIMIT ${MAX_ROWS + 1}`);
  return rows.length > MAX_ROWS ? null : rows;
}

/** By session, from entries alone; null where there are more rows than can be added up here. */
export async function readSessionSpend(
  database: Database,
  { costCenter, from, to }: EventSpan,
): Promise<SessionSpend[] | null> {
  const rows = await database.all<SessionSpend>(sql`
    SELECT session, model_served AS model, CAST(sum(charged_nano_usd) AS TEXT) AS nanoUsd
    FROM ledger_entries INDEXED BY ledger_entries_by_admission
    WHERE cost_center = ${costCenter} AND admitted_at >= ${from} AND admitted_at < ${to}
    GROUP BY 1, 2 HAVING sum(charged_nano_usd) <> 0 LIMIT ${MAX_ROWS + 1}`);
  return rows.length > MAX_ROWS ? null : rows;
}
