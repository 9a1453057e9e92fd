/** The archived segments whose entries a reader of D1 misses: those that are archived, or on their way back. */
import { AWAY, SELECTED, type Segment } from './archive-segments.ts';

/** A span of `admitted_at` in one cost center or in all (null); half-open, ISO 8601 in UTC. */
export interface SegmentSpan {
  costCenter: string | null;
  from: string;
  to: string;
}

/**
 * The segments of one cost center that hold entries of a span and are not, or not surely, in D1, by admission: those
 * of the first days, until there are `limit`, and then those of a whole last day.
 */
export function segmentsFrom(
  db: D1Database,
  { costCenter, from, to }: SegmentSpan & { costCenter: string },
  limit: number,
): D1PreparedStatement {
  const found = `archive_segments WHERE cost_center = ?1 AND day BETWEEN substr(?2, 1, 10) AND substr(?3, 1, 10)
    AND ${AWAY} AND last_admitted_at >= ?2 AND first_admitted_at < ?3`;
  return db
    .prepare(
      `SELECT ${SELECTED} FROM ${found}
       AND day <= coalesce((SELECT day FROM ${found} ORDER BY day LIMIT 1 OFFSET ?4), '~')
       ORDER BY first_admitted_at, part`,
    )
    .bind(costCenter, from, to, limit - 1);
}

/**
 * Segments of a span that are not, or not surely, in D1, by the keys of their objects; `after` is the last key seen.
 * `since`: only what comes after this admission in its cost center, and further cost centers; null: from the first.
 */
export async function listByObjectKey(
  db: D1Database,
  { costCenter, from, to }: SegmentSpan,
  since: { costCenter: string; admittedAt: string } | null,
  page: { after: string; limit: number },
): Promise<Segment[]> {
  const { results } = await db
    .prepare(
      `SELECT ${SELECTED} FROM archive_segments
       WHERE ${AWAY} AND cost_center = coalesce(?1, cost_center) AND last_admitted_at >= ?2 AND first_admitted_at < ?3
         AND (cost_center > ?4 OR cost_center = ?4 AND last_admitted_at >= ?5)
         AND object_key > ?6 ORDER BY object_key LIMIT ?7`,
    )
    .bind(costCenter, from, to, since?.costCenter ?? '', since?.admittedAt ?? '', page.after, page.limit)
    .all<Segment>();
  return results;
}

/** What of a span of admission is archived; null where nothing is. */
export async function sumAway(
  db: D1Database,
  { costCenter, from, to }: { costCenter: string | null; from: string | null; to: string | null },
): Promise<{ entries: number; firstDay: string; lastDay: string } | null> {
  const sums = await db
    .prepare(
      `SELECT coalesce(sum(entries), 0) AS entries, min(day) AS firstDay, max(day) AS lastDay FROM archive_segments
       WHERE ${AWAY} AND cost_center = coalesce(?1, cost_center)
         AND last_admitted_at >= coalesce(?2, '') AND first_admitted_at < coalesce(?3, '~')`,
    )
    .bind(costCenter, from, to)
    .first<{ entries: number; firstDay: string; lastDay: string }>();
  return sums && sums.entries > 0 ? sums : null;
}
