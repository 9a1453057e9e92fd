/** How full D1 is, and how fast it fills. */

/** What Cloudflare gives a D1 database on the Workers Paid plan. */
export const MAX_DATABASE_BYTES = 10_000_000_000;

export interface StorageFacts {
  /** Of the whole database, indexes included, as D1 reports it. */
  bytes: number;
  /** Entries in D1: of days that are rolled up as of then, of others counted now. */
  ledgerEntries: number;
  oldestDay: string | null;
  rollupRows: number;
  alertEvents: number;
  auditEvents: number;
  archivedEntries: number;
  archivedBytes: number;
  /** Entries a day, the average over `paceDays` days that are over. */
  entriesADay: number;
  paceDays: number;
}

type Counted = Omit<StorageFacts, 'bytes'>;

/** The pace is that of the days from `firstDay` to before `today`, or as many of them as have entries behind them. */
export async function readStorage(
  db: D1Database,
  { firstDay, today }: { firstDay: string; today: string },
): Promise<StorageFacts> {
  const result = await db
    .prepare(
      `WITH units AS (
         SELECT r.day, CASE WHEN r.dirty = 0 THEN r.entries ELSE (
           SELECT count(*) FROM ledger_entries e INDEXED BY ledger_entries_by_admission
           WHERE e.cost_center = r.cost_center
             AND e.admitted_at BETWEEN r.day || 'T00:00:00.000Z' AND r.day || 'T23:59:59.999Z'
         ) END AS entries FROM rollup_days r WHERE r.dirty = 1 OR r.entries > 0
       ), pace AS (
         SELECT coalesce(sum(entries), 0) AS entries,
           coalesce(CAST(julianday(?2) - julianday(min(day)) AS INTEGER), 0) AS days
         FROM units WHERE day >= ?1 AND day < ?2
       )
       SELECT
         (SELECT coalesce(sum(entries), 0) FROM units) AS ledgerEntries,
         (SELECT min(day) FROM units) AS oldestDay,
         (SELECT count(*) FROM daily_rollups) AS rollupRows,
         (SELECT count(*) FROM alert_events) AS alertEvents,
         (SELECT count(*) FROM audit_events) AS auditEvents,
         (SELECT coalesce(sum(entries), 0) FROM archive_segments WHERE state = 'archived') AS archivedEntries,
         (SELECT coalesce(sum(compressed_bytes), 0) FROM archive_segments WHERE state <> 'writing') AS archivedBytes,
         CASE WHEN days > 0 THEN entries * 1.0 / days ELSE 0 END AS entriesADay,
         days AS paceDays
       FROM pace`,
    )
    .bind(firstDay, today)
    .run<Counted>();
  const [counted] = result.results;
  if (!counted) throw new Error('D1 counted nothing');
  return { ...counted, bytes: result.meta.size_after };
}
