/**
 * Reconciliation records and how far their jobs have come (migrations/0007_reconciliation.sql). Money is read and
 * written as text: sums over an organisation may be larger than a number holds exactly.
 */

import { type SQL, sql } from 'drizzle-orm';
import { timeOrderedId } from '../../durable-objects/ledger/time-ordered-id.ts';
import type { Database } from './database.ts';

export const RECONCILIATION_KINDS = ['upstream', 'wallets'] as const;
export type ReconciliationKind = (typeof RECONCILIATION_KINDS)[number];
export const RECONCILIATION_RESULTS = ['agrees', 'differs', 'outside', 'undrained'] as const;
export type ReconciliationResult = (typeof RECONCILIATION_RESULTS)[number];

/** One comparison, before it is known whether it says anything new. */
export interface Comparison {
  kind: ReconciliationKind;
  level: 'summary' | 'detail';
  result: ReconciliationResult;
  /** Half-open; ISO 8601 in UTC with milliseconds. */
  windowStart: string;
  windowEnd: string;
  costCenter: string | null;
  developer: string | null;
  apiKeyId: string | null;
  model: string | null;
  ledgerNanoUsd: bigint;
  counterpartNanoUsd: bigint;
  /** JSON; docs/reconciliation.md says what is in it. */
  evidence: Record<string, unknown>;
}

/** A record as it is stored; money in nano-USD as text. */
export interface Reconciliation
  extends Omit<Comparison, 'ledgerNanoUsd' | 'counterpartNanoUsd' | 'evidence'> {
  id: string;
  recordedAt: string;
  ledgerNanoUsd: string;
  counterpartNanoUsd: string;
  differenceNanoUsd: string;
  evidence: unknown;
}

type Row = Omit<Reconciliation, 'evidence'> & { evidence: string };

const COLUMNS = sql.raw(`reconciliation_id AS id, kind, level, result, recorded_at AS recordedAt,
  window_start AS windowStart, window_end AS windowEnd, cost_center AS costCenter, developer,
  api_key_id AS apiKeyId, model, CAST(ledger_nano_usd AS TEXT) AS ledgerNanoUsd,
  CAST(counterpart_nano_usd AS TEXT) AS counterpartNanoUsd,
  CAST(difference_nano_usd AS TEXT) AS differenceNanoUsd, evidence`);

function toReconciliation(row: Row): Reconciliation {
  return { ...row, evidence: JSON.parse(row.evidence) };
}

/** What a comparison is about: the same for every run that compares the same thing. */
export function subjectOf(
  about: Omit<Comparison, 'result' | 'ledgerNanoUsd' | 'counterpartNanoUsd' | 'evidence'>,
): string {
  const { kind, level, windowStart, windowEnd, costCenter, developer, apiKeyId, model } = about;
  return JSON.stringify([kind, level, windowStart, windowEnd, costCenter, developer, apiKeyId, model]);
}

/**
 * Keeps comparisons, each as a new record unless the newest one of its subject says the same (result and both
 * figures). Answers with the record that now holds for each, in their order. Rejects where D1 is away.
 */
export async function keepComparisons(
  database: Database,
  comparisons: readonly Comparison[],
  nowMs: number,
): Promise<Reconciliation[]> {
  const kept: Reconciliation[] = [];
  for (const comparison of comparisons) {
    const subject = subjectOf(comparison);
    const at = new Date(nowMs).toISOString();
    await database.run(insertUnlessSaid(comparison, { id: timeOrderedId(nowMs), subject, at }));
    const rows = await database.all<Row>(
      sql`SELECT ${COLUMNS} FROM reconciliations WHERE subject = ${subject} ORDER BY reconciliation_id DESC LIMIT 1`,
    );
    kept.push(...rows.map(toReconciliation));
  }
  return kept;
}

/** One statement, so that two runs at the same time do not both find that nothing was said. */
function insertUnlessSaid(
  comparison: Comparison,
  { id, subject, at }: { id: string; subject: string; at: string },
): SQL {
  const { kind, level, result, windowStart, windowEnd, costCenter, developer, apiKeyId, model } = comparison;
  const ledger = sql`CAST(${String(comparison.ledgerNanoUsd)} AS INTEGER)`;
  const counterpart = sql`CAST(${String(comparison.counterpartNanoUsd)} AS INTEGER)`;
  return sql`
    INSERT INTO reconciliations (reconciliation_id, kind, level, subject, result, recorded_at, window_start,
      window_end, cost_center, developer, api_key_id, model, ledger_nano_usd, counterpart_nano_usd, evidence)
    SELECT ${id}, ${kind}, ${level}, ${subject}, ${result}, ${at}, ${windowStart}, ${windowEnd}, ${costCenter},
      ${developer}, ${apiKeyId}, ${model}, ${ledger}, ${counterpart}, ${JSON.stringify(comparison.evidence)}
    WHERE NOT EXISTS (
      SELECT 1 FROM (
        SELECT result, ledger_nano_usd, counterpart_nano_usd FROM reconciliations
        WHERE subject = ${subject} ORDER BY reconciliation_id DESC LIMIT 1
      ) AS newest
      WHERE newest.result = ${result} AND newest.ledger_nano_usd = ${ledger}
        AND newest.counterpart_nano_usd = ${counterpart})`;
}

/** Null: any. */
export interface ReconciliationFilter {
  kind: ReconciliationKind | null;
  costCenter: string | null;
  /** Half-open span of the window's beginning; ISO 8601 in UTC with milliseconds. */
  from: string | null;
  to: string | null;
}

/** Newest first; `after` is the id of the last record seen. */
export async function listReconciliations(
  database: Database,
  { kind, costCenter, from, to }: ReconciliationFilter,
  page: { after: string | null; limit: number },
): Promise<Reconciliation[]> {
  const conditions = [
    sql`1 = 1`,
    ...(kind === null ? [] : [sql`kind = ${kind}`]),
    ...(costCenter === null ? [] : [sql`cost_center = ${costCenter}`]),
    ...(from === null ? [] : [sql`window_start >= ${from}`]),
    ...(to === null ? [] : [sql`window_start < ${to}`]),
    ...(page.after === null ? [] : [sql`reconciliation_id < ${page.after}`]),
  ];
  const where = sql.join(conditions, sql` AND `);
  const rows = await database.all<Row>(
    sql`SELECT ${COLUMNS} FROM reconciliations WHERE ${where} ORDER BY reconciliation_id DESC LIMIT ${page.limit}`,
  );
  return rows.map(toReconciliation);
}

/** The beginnings of the windows that a whole upstream run was kept of, from `from` (ISO 8601) on. */
export async function comparedDays(database: Database, from: string): Promise<Set<string>> {
  const rows = await database.all<{ windowStart: string }>(sql`
    SELECT DISTINCT window_start AS windowStart FROM reconciliations
    WHERE kind = 'upstream' AND level = 'summary' AND window_start >= ${from}`);
  return new Set(rows.map(({ windowStart }) => windowStart));
}

/** Details of these cost centers whose newest record is a finding, of windows within a span (ISO 8601). */
export async function openFindings(
  database: Database,
  costCenters: readonly string[],
  { from, to }: { from: string; to: string },
): Promise<Reconciliation[]> {
  const rows = await database.all<Row>(sql`
    SELECT ${COLUMNS} FROM reconciliations AS each
    WHERE cost_center IN (SELECT value FROM json_each(${JSON.stringify(costCenters)}))
      AND kind = 'wallets' AND level = 'detail' AND result <> 'agrees'
      AND window_start >= ${from} AND window_end <= ${to}
      AND NOT EXISTS (SELECT 1 FROM reconciliations AS later
        WHERE later.subject = each.subject AND later.reconciliation_id > each.reconciliation_id)`);
  return rows.map(toReconciliation);
}

/** What a job last noted of itself; null where it never ran. */
export async function readProgress(database: Database, kind: ReconciliationKind): Promise<unknown> {
  const [row] = await database.all<{ document: string }>(
    sql`SELECT document FROM reconciliation_progress WHERE kind = ${kind}`,
  );
  return row ? JSON.parse(row.document) : null;
}

export async function saveProgress(
  database: Database,
  kind: ReconciliationKind,
  document: unknown,
  at: string,
): Promise<void> {
  await database.run(sql`
    INSERT INTO reconciliation_progress (kind, document, updated_at)
    VALUES (${kind}, ${JSON.stringify(document)}, ${at})
    ON CONFLICT (kind) DO UPDATE SET document = excluded.document, updated_at = excluded.updated_at`);
}

/**
 * Takes the right to ask the upstream's report now, which is one a minute for all isolates. Answers with the
 * milliseconds still to wait; 0: it is taken.
 */
export async function claimPoll(database: Database, nowMs: number, everyMs: number): Promise<number> {
  const at = new Date(nowMs).toISOString();
  const claimed = await database.all<{ kind: string }>(sql`
    INSERT INTO reconciliation_progress (kind, document, updated_at) VALUES ('upstream', '{}', ${at})
    ON CONFLICT (kind) DO UPDATE SET updated_at = excluded.updated_at
    WHERE reconciliation_progress.updated_at <= ${new Date(nowMs - everyMs).toISOString()}
    RETURNING kind`);
  if (claimed.length > 0) return 0;
  const [row] = await database.all<{ updatedAt: string }>(
    sql`SELECT updated_at AS updatedAt FROM reconciliation_progress WHERE kind = 'upstream'`,
  );
  return Math.max(1, Date.parse(row?.updatedAt ?? at) + everyMs - nowMs);
}
