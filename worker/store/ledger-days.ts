/** Finished days of the ledger, for anchors: which are to be hashed, and their hashes from the entries in D1. */
import {
  emptyDay,
  HASHED_COLUMNS,
  type HashedRow,
  withEntry,
} from '../../durable-objects/ledger/ledger-day.ts';
import type { Unit } from './daily-rollups.ts';

/** Segments whose entries are not, or not surely, all in D1. */
const IS_AWAY = `EXISTS (
  SELECT 1 FROM archive_segments s
  WHERE s.day = r.day AND s.cost_center = r.cost_center AND s.state IN ('verified', 'archived', 'restoring')
)`;

/** Entries that one call of D1 brings. */
export const PAGE_ENTRIES = 2_000;

export interface PendingDay extends Unit {
  rolledUpAt: string;
  /** What an earlier anchor says of the day; null: there is none. */
  entries: number | null;
  hash: string | null;
}

/** Days before `today` that were rolled up since they were anchored, oldest first; not those that are archived. */
export async function listPendingDays(db: D1Database, today: string, limit: number): Promise<PendingDay[]> {
  const { results } = await db
    .prepare(
      `SELECT r.day AS day, r.cost_center AS costCenter, r.rolled_up_at AS rolledUpAt, a.entries AS entries, a.hash AS hash
       FROM rollup_days r LEFT JOIN anchored_ledger_days a ON a.day = r.day AND a.cost_center = r.cost_center
       WHERE r.day < ?1 AND r.dirty = 0 AND r.rolled_up_at IS NOT a.rolled_up_at AND NOT ${IS_AWAY}
       ORDER BY r.day, r.cost_center LIMIT ?2`,
    )
    .bind(today, limit)
    .all<PendingDay>();
  return results;
}

/** Whether the entries of a day are in the archive, so that D1 alone cannot hash it. */
export async function isDayAway(db: D1Database, { day, costCenter }: Unit): Promise<boolean> {
  const query = `SELECT 1 FROM (SELECT ?1 AS day, ?2 AS cost_center) r WHERE ${IS_AWAY}`;
  return (await db.prepare(query).bind(day, costCenter).first()) !== null;
}

export interface HashedDay {
  entries: number;
  /** Nano-USD. */
  chargedNanoUsd: bigint;
  hash: string;
  /** The hash at each of the asked-for numbers of entries that the day reaches. */
  steps: ReadonlyMap<number, string>;
}

const COLUMNS = HASHED_COLUMNS.join(', ');
const CHARGED = HASHED_COLUMNS.indexOf('charged_nano_usd');
const PLACE = ['recorded_at', 'settle_seq', 'entry_id'] as const;
/** Demo traffic comes from no wallet, and in no order. */
const PAGE = `
  SELECT ${COLUMNS} FROM ledger_entries INDEXED BY ledger_entries_by_admission
  WHERE cost_center = ?1 AND admitted_at BETWEEN ?2 AND ?3 AND provider IS NOT 'demo'
    AND (${PLACE.join(', ')}) > (?4, ?5, ?6)
  ORDER BY ${PLACE.join(', ')} LIMIT ${PAGE_ENTRIES}`;

/** Hashes a day from its entries in D1, in the order in which the wallet wrote them. */
export async function hashLedgerDay(
  db: D1Database,
  { day, costCenter }: Unit,
  stepsAt: readonly number[] = [],
): Promise<HashedDay> {
  const steps = new Map<number, string>();
  let hash = emptyDay(costCenter, day);
  let entries = 0;
  let chargedNanoUsd = 0n;
  let place: (string | number | null)[] = ['', 0, ''];
  if (stepsAt.includes(0)) steps.set(0, hash);
  for (;;) {
    const span = [`${day}T00:00:00.000Z`, `${day}T23:59:59.999Z`];
    const rows = await db
      .prepare(PAGE)
      .bind(costCenter, ...span, ...place)
      .raw<(string | number | null)[]>();
    for (const row of rows) {
      hash = withEntry(hash, row satisfies HashedRow);
      entries += 1;
      chargedNanoUsd += BigInt(row[CHARGED] ?? 0);
      if (stepsAt.includes(entries)) steps.set(entries, hash);
    }
    const last = rows.at(-1);
    if (!last || rows.length < PAGE_ENTRIES) return { entries, chargedNanoUsd, hash, steps };
    place = PLACE.map((column) => last[HASHED_COLUMNS.indexOf(column)] ?? null);
  }
}
