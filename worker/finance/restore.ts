/**
 * Brings a day of a cost center back from the archive. The object is verified before anything changes; a restore
 * that was cut off is finished by the same call again. The object stays in the bucket.
 */
import { restoreEntries } from '../../durable-objects/ledger/archived.ts';
import { listDevelopers } from '../store/archive-developers.ts';
import {
  deleteSegmentSums,
  markRestored,
  markRestoring,
  NO_STATE,
  type Segment,
  segmentsOf,
} from '../store/archive-segments.ts';
import { rollUpStatements, type Unit } from '../store/daily-rollups.ts';
import { violates } from '../store/database.ts';
import { ArchiveUnreadable, linesOf, openObject, verify } from './segment-object.ts';

export type Restored =
  | { outcome: 'restored'; segments: Segment[] }
  | { outcome: 'unknown' }
  /** An object is missing or damaged: `problem` says which. */
  | { outcome: 'unreadable'; problem: string };

/** Restores every archived segment of a unit. One that is restored already is left as it is. */
export async function restoreUnit(
  db: D1Database,
  bucket: R2Bucket,
  unit: Unit,
  nowMs: number,
): Promise<Restored> {
  const segments = await segmentsOf(db, unit);
  if (segments.length === 0) return { outcome: 'unknown' };
  const away = segments.filter(({ state }) => state === 'archived' || state === 'restoring');
  const developers: string[][] = [];
  for (const segment of away) {
    try {
      developers.push(await verify(bucket, segment));
    } catch (error) {
      return { outcome: 'unreadable', problem: error instanceof Error ? error.message : String(error) };
    }
  }
  const at = new Date(nowMs).toISOString();
  for (const [index, segment] of away.entries()) {
    await restore(db, bucket, segment, { developers: developers[index] ?? [], at });
  }
  return { outcome: 'restored', segments: await segmentsOf(db, unit) };
}

/** Throws ArchiveUnreadable where the segment got another object since it was verified: the next call takes that one. */
async function restore(
  db: D1Database,
  bucket: R2Bucket,
  segment: Segment,
  { developers, at }: { developers: readonly string[]; at: string },
): Promise<void> {
  const { day, costCenter } = segment;
  // Names are listed anew: those of a segment that is older than the list may be known from nothing else.
  try {
    await db.batch([markRestoring(db, segment), ...listDevelopers(db, segment, developers)]);
  } catch (error) {
    if (!violates(error, NO_STATE)) throw error;
    throw new ArchiveUnreadable(
      `${segment.objectKey} gave way to another object meanwhile; send the call again`,
    );
  }
  await restoreEntries(db, linesOf(segment, await openObject(bucket, segment)));
  await db.batch([
    markRestored(db, segment, at),
    deleteSegmentSums(db, segment),
    ...rollUpStatements(db, { day, costCenters: [costCenter] }, at),
  ]);
}
