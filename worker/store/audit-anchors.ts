/** What is still to be anchored, and what anchors say: they are events of the audit log. */
import { sql } from 'drizzle-orm';
import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import type { LedgerDay, WalletHead } from '../../durable-objects/ledger/audit-anchor.ts';
import type { Database } from './database.ts';
import type { PendingDay } from './ledger-days.ts';

const anchoredWallets = sqliteTable('anchored_wallets', {
  costCenter: text('cost_center').primaryKey(),
  sequence: integer().notNull(),
  day: text().notNull(),
});

const anchoredLedgerDays = sqliteTable(
  'anchored_ledger_days',
  {
    day: text().notNull(),
    costCenter: text('cost_center').notNull(),
    entries: integer().notNull(),
    hash: text().notNull(),
    rolledUpAt: text('rolled_up_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.day, table.costCenter] })],
);

/** Whether a day has an anchor. */
export async function isAnchored(database: Database, day: string): Promise<boolean> {
  const query = sql`SELECT 1 FROM audit_events WHERE action = 'audit.anchor' AND target = ${day} LIMIT 1`;
  return (await database.all(query)).length > 0;
}

/** Heads of wallets' chains that moved since their last anchor, of cost centers that this day has none of. */
export async function movedWallets(database: Database, day: string, limit: number): Promise<WalletHead[]> {
  return await database.all<WalletHead>(sql`
    SELECT h.cost_center, h.sequence,
      (SELECT min(hash) FROM wallet_audit_events w WHERE w.cost_center = h.cost_center AND w.sequence = h.sequence) AS hash
    FROM (
      SELECT c.id AS cost_center,
        (SELECT max(sequence) FROM wallet_audit_events w WHERE w.cost_center = c.id) AS sequence
      FROM cost_centers c
    ) h LEFT JOIN anchored_wallets a ON a.cost_center = h.cost_center
    WHERE h.sequence > coalesce(a.sequence, 0) AND coalesce(a.day, '') < ${day}
    ORDER BY h.cost_center LIMIT ${limit}`);
}

export interface AnchoredDay {
  pending: PendingDay;
  item: LedgerDay;
}

/** Unless one of these days was anchored in the meantime. */
export function areNotAnchored(days: readonly AnchoredDay[]) {
  return sql`NOT EXISTS (
    SELECT 1 FROM json_each(${bookkeepingOf(days)}) d JOIN anchored_ledger_days a
      ON a.day = d.value ->> '$.day' AND a.cost_center = d.value ->> '$.cost_center'
    WHERE a.rolled_up_at = d.value ->> '$.rolled_up_at'
  )`;
}

function bookkeepingOf(days: readonly AnchoredDay[]): string {
  return JSON.stringify(
    days.map(({ pending, item: { day, cost_center, entries, hash } }) => ({
      day,
      cost_center,
      entries,
      hash,
      rolled_up_at: pending.rolledUpAt,
    })),
  );
}

/** Notes how far the anchors have come with these days. */
export function noteDays(database: Database, days: readonly AnchoredDay[]) {
  const fields = ['day', 'cost_center', 'entries', 'hash', 'rolled_up_at'].map(
    (field) => sql`value ->> ${`$.${field}`}`,
  );
  const rows = sql`SELECT ${sql.join(fields, sql`, `)} FROM json_each(${bookkeepingOf(days)}) WHERE true`;
  const { day, costCenter } = anchoredLedgerDays;
  const set = {
    entries: sql`excluded.entries`,
    hash: sql`excluded.hash`,
    rolledUpAt: sql`excluded.rolled_up_at`,
  };
  return database
    .insert(anchoredLedgerDays)
    .select(rows)
    .onConflictDoUpdate({ target: [day, costCenter], set });
}

/** Notes that these heads are anchored. */
export function noteWallets(database: Database, day: string, wallets: readonly WalletHead[]) {
  const rows = sql`
    SELECT value ->> '$.cost_center', value ->> '$.sequence', ${day}
    FROM json_each(${JSON.stringify(wallets)}) WHERE true`;
  const set = { sequence: sql`excluded.sequence`, day: sql`excluded.day` };
  return database
    .insert(anchoredWallets)
    .select(rows)
    .onConflictDoUpdate({ target: anchoredWallets.costCenter, set });
}
