/**
 * Whose entries the objects of the archive hold (migration 0011), so that a developer who left is found in them
 * without reading them all. A segment may be listed under a name it does not hold, never the other way round.
 */
import type { Renaming } from '../../durable-objects/core/pseudonym.ts';
import type { Segment } from './archive-segments.ts';

type SegmentKey = Pick<Segment, 'day' | 'costCenter' | 'part'>;

const SAME = 'day = ?1 AND cost_center = ?2 AND part = ?3';
/** The segment's object is still, or by now, this one. */
const HAS_OBJECT = `EXISTS (SELECT 1 FROM archive_segments WHERE ${SAME} AND object_key = ?4)`;

/** Lists a segment under these names and no others, where it has this object. For one batch. */
export function listDevelopers(
  db: D1Database,
  { day, costCenter, part, objectKey }: SegmentKey & Pick<Segment, 'objectKey'>,
  developers: readonly string[],
): D1PreparedStatement[] {
  const values = [day, costCenter, part, objectKey, JSON.stringify(developers)];
  return [
    `DELETE FROM archive_segment_developers WHERE ${SAME} AND ${HAS_OBJECT}
       AND developer NOT IN (SELECT value FROM json_each(?5))`,
    `INSERT INTO archive_segment_developers (developer, day, cost_center, part)
     SELECT value, ?1, ?2, ?3 FROM json_each(?5) WHERE ${HAS_OBJECT} ON CONFLICT DO NOTHING`,
  ].map((query) => db.prepare(query).bind(...values));
}

/** A developer's first segments after `after` (null: from the first), by day, cost center and part. */
export async function listSegmentsNaming(
  db: D1Database,
  developer: string,
  { after, limit }: { after: SegmentKey | null; limit: number },
): Promise<SegmentKey[]> {
  const { day, costCenter, part } = after ?? { day: '', costCenter: '', part: 0 };
  const { results } = await db
    .prepare(
      `SELECT day, cost_center AS costCenter, part FROM archive_segment_developers
       WHERE developer = ?1 AND (day, cost_center, part) > (?2, ?3, ?4) ORDER BY day, cost_center, part LIMIT ?5`,
    )
    .bind(developer, day, costCenter, part, limit)
    .all<SegmentKey>();
  return results;
}

/** Takes a developer off a segment whose object turned out not to hold them. */
export async function unlistDeveloper(db: D1Database, segment: Segment, developer: string): Promise<void> {
  const query = `DELETE FROM archive_segment_developers WHERE ${SAME} AND ${HAS_OBJECT} AND developer = ?5`;
  const { day, costCenter, part, objectKey } = segment;
  await db.prepare(query).bind(day, costCenter, part, objectKey, developer).run();
}

/**
 * Puts another object in the place of an archived segment's, in one transaction with its list of names and the
 * pseudonym's count; the old object becomes a leftover. False where the segment has changed since it was read.
 * Rejects where the new object is being deleted, or the mapping is closed.
 */
export async function replaceObject(
  db: D1Database,
  before: Segment,
  after: Pick<Segment, 'objectKey' | 'sha256' | 'bytes' | 'compressedBytes'>,
  { developer, pseudonym }: Renaming,
): Promise<boolean> {
  const { day, costCenter, part } = before;
  const key = [day, costCenter, part, after.objectKey] as const;
  const [replaced] = await db.batch([
    db
      .prepare(
        `UPDATE archive_segments SET object_key = ?4, sha256 = ?5, bytes = ?6, compressed_bytes = ?7
         WHERE ${SAME} AND object_key = ?8 AND state IN ('archived', 'restored') RETURNING part`,
      )
      .bind(...key, after.sha256, after.bytes, after.compressedBytes, before.objectKey),
    db
      .prepare(
        `UPDATE archive_segment_developers SET developer = ?6 WHERE ${SAME} AND ${HAS_OBJECT} AND developer = ?5`,
      )
      .bind(...key, developer, pseudonym),
    db
      .prepare(
        `UPDATE pseudonyms SET archived_objects = archived_objects + 1 WHERE pseudonym = ?5 AND ${HAS_OBJECT}`,
      )
      .bind(...key, pseudonym),
  ]);
  return replaced?.results.length === 1;
}

/**
 * Gives up a segment that was never finished: all of its entries are in D1, and the next run begins it anew. Its
 * object becomes a leftover, and a run that is at it finds `objectKey` in its place and fails. Nothing where it was
 * finished, or begun anew, since it was read.
 */
export async function giveUpSegment(db: D1Database, segment: Segment, objectKey: string): Promise<void> {
  const { day, costCenter, part } = segment;
  await db.batch([
    db
      .prepare(
        `UPDATE archive_segments SET state = 'writing', verified_at = NULL, object_key = ?4, entries = 0
         WHERE ${SAME} AND object_key = ?5 AND state IN ('writing', 'verified')`,
      )
      .bind(day, costCenter, part, objectKey, segment.objectKey),
    ...listDevelopers(db, { day, costCenter, part, objectKey }, []),
  ]);
}
