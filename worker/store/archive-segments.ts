/** The archive's own books: one row an object in the bucket, and the states it goes through (migration 0006). */
import { listDevelopers } from './archive-developers.ts';
import type { Unit } from './daily-rollups.ts';

export interface Segment {
  day: string;
  costCenter: string;
  part: number;
  state: 'writing' | 'verified' | 'archived' | 'restoring' | 'restored';
  objectKey: string;
  entries: number;
  chargedNanoUsd: number;
  listNanoUsd: number;
  firstAdmittedAt: string;
  lastAdmittedAt: string;
  firstEntryId: string;
  lastEntryId: string;
  /** Of the NDJSON before compression, hexadecimal. */
  sha256: string;
  bytes: number;
  compressedBytes: number;
  writtenAt: string;
  verifiedAt: string | null;
  archivedAt: string | null;
  restoredAt: string | null;
}

const COLUMNS: Record<keyof Segment, string> = {
  day: 'day',
  costCenter: 'cost_center',
  part: 'part',
  state: 'state',
  objectKey: 'object_key',
  entries: 'entries',
  chargedNanoUsd: 'charged_nano_usd',
  listNanoUsd: 'list_nano_usd',
  firstAdmittedAt: 'first_admitted_at',
  lastAdmittedAt: 'last_admitted_at',
  firstEntryId: 'first_entry_id',
  lastEntryId: 'last_entry_id',
  sha256: 'sha256',
  bytes: 'bytes',
  compressedBytes: 'compressed_bytes',
  writtenAt: 'written_at',
  verifiedAt: 'verified_at',
  archivedAt: 'archived_at',
  restoredAt: 'restored_at',
};
const FIELDS = Object.keys(COLUMNS) as (keyof Segment)[];
/** The columns of a segment, for a SELECT. */
export const SELECTED = FIELDS.map((field) => `${COLUMNS[field]} AS "${field}"`).join(', ');
const SAME = 'day = ?1 AND cost_center = ?2 AND part = ?3';
const KEY = ['day', 'cost_center', 'part'];
/** Whose entries are in the bucket and not, or not surely all, in D1. */
export const AWAY = "state IN ('archived', 'restoring')";

/** How a batch fails that would leave a segment in a state it must not be in: a null where none may be. */
export const NO_STATE = 'NOT NULL constraint failed: archive_segments.state';

const parameterOf = (field: keyof Segment): string => `?${FIELDS.indexOf(field) + 1}`;
const NAMES = `?${FIELDS.length + 1}`;
/** Every entry of the segment's span is, in D1 too, of one of the developers the segment is noted with. */
const HAS_SAME_NAMES = `NOT EXISTS (
  SELECT 1 FROM ledger_entries INDEXED BY ledger_entries_by_admission
  WHERE cost_center = ${parameterOf('costCenter')}
    AND admitted_at BETWEEN ${parameterOf('firstAdmittedAt')} AND ${parameterOf('lastAdmittedAt')}
    AND developer NOT IN (SELECT value FROM json_each(${NAMES})))`;

const BEGIN = `
  INSERT INTO archive_segments (${Object.values(COLUMNS).join(', ')})
  SELECT ${FIELDS.map((field) => (field === 'state' ? `CASE WHEN ${HAS_SAME_NAMES} THEN 'writing' END` : parameterOf(field))).join(', ')}
  WHERE true ON CONFLICT (${KEY.join(', ')}) DO UPDATE SET ${Object.values(COLUMNS)
    .filter((column) => !KEY.includes(column))
    .map((column) => `${column} = excluded.${column}`)
    .join(', ')} WHERE state IN ('writing', 'verified') RETURNING part`;

/**
 * Notes that a segment is about to be written, and whose entries it holds; one of the same part that was never
 * finished gives way, and its object becomes a leftover. False where another run has finished that part. Rejects
 * where entries of the span have other names by now (a null where none may be: `archive_segments.state`).
 */
export async function beginSegment(
  db: D1Database,
  segment: Segment,
  developers: readonly string[],
): Promise<boolean> {
  const names = JSON.stringify(developers);
  const [begun] = await db.batch([
    db.prepare(BEGIN).bind(...FIELDS.map((field) => segment[field]), names),
    ...listDevelopers(db, segment, developers),
  ]);
  return begun?.results.length === 1;
}

/** Marks a segment verified; false where its part has been begun anew, or given up, since. */
export async function markVerified(db: D1Database, segment: Segment, at: string): Promise<boolean> {
  const marked = await db
    .prepare(
      `UPDATE archive_segments SET state = 'verified', verified_at = ?4
       WHERE ${SAME} AND state = 'writing' AND object_key = ?5 RETURNING part`,
    )
    .bind(segment.day, segment.costCenter, segment.part, at, segment.objectKey)
    .all();
  return marked.results.length === 1;
}

/** The number of the next segment of a unit: that of one begun and never finished, else a new one. */
export async function nextPart(db: D1Database, { day, costCenter }: Unit): Promise<number> {
  const part = await db
    .prepare(
      `SELECT coalesce(min(part) FILTER (WHERE state IN ('writing', 'verified')), max(part) + 1, 1) AS part
       FROM archive_segments WHERE day = ?1 AND cost_center = ?2`,
    )
    .bind(day, costCenter)
    .first<number>('part');
  return part ?? 1;
}

/**
 * Marks a segment archived, or undoes its whole batch where entries of its span are still in D1, or its part is
 * another run's by now (a null where none may be: `archive_segments.state`).
 */
export function markArchived(db: D1Database, segment: Segment, at: string): D1PreparedStatement {
  return db
    .prepare(
      `UPDATE archive_segments SET archived_at = ?4, state = CASE WHEN state = 'verified' AND object_key = ?7
       AND NOT EXISTS (
         SELECT 1 FROM ledger_entries WHERE cost_center = ?2 AND admitted_at BETWEEN ?5 AND ?6
       ) THEN 'archived' END WHERE ${SAME}`,
    )
    .bind(
      segment.day,
      segment.costCenter,
      segment.part,
      at,
      segment.firstAdmittedAt,
      segment.lastAdmittedAt,
      segment.objectKey,
    );
}

/**
 * Marks a segment as coming back from its object, or undoes its whole batch where it has another object by now (a
 * null where none may be: `archive_segments.state`).
 */
export function markRestoring(
  db: D1Database,
  { day, costCenter, part, objectKey }: Segment,
): D1PreparedStatement {
  return db
    .prepare(
      `UPDATE archive_segments SET state = CASE WHEN object_key = ?4 THEN 'restoring' END
       WHERE ${SAME} AND ${AWAY}`,
    )
    .bind(day, costCenter, part, objectKey);
}

/** Marks a segment restored, or undoes its whole batch where fewer entries are in D1 than it has. */
export function markRestored(db: D1Database, segment: Segment, at: string): D1PreparedStatement {
  return db
    .prepare(
      `UPDATE archive_segments SET restored_at = ?4, state = CASE WHEN entries <= (
         SELECT count(*) FROM ledger_entries
         WHERE cost_center = ?2 AND admitted_at BETWEEN ?5 AND ?6 AND entry_id BETWEEN ?7 AND ?8
       ) THEN 'restored' END WHERE ${SAME} AND state = 'restoring'`,
    )
    .bind(
      segment.day,
      segment.costCenter,
      segment.part,
      at,
      segment.firstAdmittedAt,
      segment.lastAdmittedAt,
      segment.firstEntryId,
      segment.lastEntryId,
    );
}

/** The roll-ups of a segment go with its entries: they are there while those are not. */
export function deleteSegmentSums(db: D1Database, { day, costCenter, part }: Segment): D1PreparedStatement {
  return db.prepare(`DELETE FROM daily_rollups WHERE ${SAME}`).bind(day, costCenter, part);
}

/** By day, cost center and part; `after` is the last one seen. Days are half-open, null is any. */
export async function listSegments(
  db: D1Database,
  filter: { costCenter: string | null; from: string | null; to: string | null },
  page: { after: Pick<Segment, 'day' | 'costCenter' | 'part'> | null; limit: number },
): Promise<Segment[]> {
  const after = page.after ?? { day: '', costCenter: '', part: 0 };
  const { results } = await db
    .prepare(
      `SELECT ${SELECTED} FROM archive_segments
       WHERE (day, cost_center, part) > (?1, ?2, ?3) AND cost_center = coalesce(?4, cost_center)
         AND day >= coalesce(?5, day) AND day < coalesce(?6, '~') ORDER BY day, cost_center, part LIMIT ?7`,
    )
    .bind(after.day, after.costCenter, after.part, filter.costCenter, filter.from, filter.to, page.limit)
    .all<Segment>();
  return results;
}

/** All segments of one unit. */
export async function segmentsOf(db: D1Database, { day, costCenter }: Unit): Promise<Segment[]> {
  const { results } = await db
    .prepare(`SELECT ${SELECTED} FROM archive_segments WHERE day = ?1 AND cost_center = ?2 ORDER BY part`)
    .bind(day, costCenter)
    .all<Segment>();
  return results;
}

/** The segment as it is now; null where there is none of that part. */
export async function readSegment(
  db: D1Database,
  { day, costCenter, part }: Pick<Segment, 'day' | 'costCenter' | 'part'>,
): Promise<Segment | null> {
  const query = db.prepare(`SELECT ${SELECTED} FROM archive_segments WHERE ${SAME}`);
  return await query.bind(day, costCenter, part).first<Segment>();
}

/**
 * Units before `endDay` whose entries can leave D1, oldest first: rolled up, and not brought back since
 * `restoredSince` (somebody is looking at them).
 */
export async function listOldUnits(
  db: D1Database,
  { endDay, restoredSince }: { endDay: string; restoredSince: string },
  limit: number,
): Promise<Unit[]> {
  const { results } = await db
    .prepare(
      `SELECT day, cost_center AS costCenter FROM rollup_days r
       WHERE entries > 0 AND dirty = 0 AND day < ?1 AND NOT EXISTS (
         SELECT 1 FROM archive_segments s WHERE s.day = r.day AND s.cost_center = r.cost_center
           AND (s.state = 'restoring' OR s.state = 'restored' AND s.restored_at >= ?2)
       ) ORDER BY day, cost_center LIMIT ?3`,
    )
    .bind(endDay, restoredSince, limit)
    .all<Unit>();
  return results;
}

/** When the last entry of a unit's first `rows` was admitted; null where the unit has fewer. */
export async function lastOfFirst(db: D1Database, unit: Unit, rows: number): Promise<string | null> {
  return await db
    .prepare(
      `SELECT admitted_at FROM ledger_entries INDEXED BY ledger_entries_by_admission
       WHERE cost_center = ?1 AND admitted_at BETWEEN ?2 || 'T00:00:00.000Z' AND ?2 || 'T23:59:59.999Z'
       ORDER BY admitted_at LIMIT 1 OFFSET ?3`,
    )
    .bind(unit.costCenter, unit.day, rows - 1)
    .first<string>('admitted_at');
}
