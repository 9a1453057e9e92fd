/**
 * Brings a day of a cost center back from the archive. The object is verified before anything changes; a restore
 * that was cut off is finished by the same call again. The object stays in the bucket.
 */
import { restoreEntries } from '../../durable-objects/ledger/archived.ts';
import {
  deleteSegmentSums,
  markRestored,
  markRestoring,
  type Segment,
  segmentsOf,
} from '../store/archive-segments.ts';
import { rollUpStatements, type Unit } from '../store/daily-rollups.ts';
import { verify } from './archive.ts';
import { unpack } from './ndjson.ts';

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
  for (const segment of away) {
    try {
      await verify(bucket, segment);
    } catch (error) {
      return { outcome: 'unreadable', problem: error instanceof Error ? error.message : String(error) };
    }
  }
  for (const segment of away) await restore(db, bucket, segment, new Date(nowMs).toISOString());
  return { outcome: 'restored', segments: await segmentsOf(db, unit) };
}

async function restore(db: D1Database, bucket: R2Bucket, segment: Segment, at: string): Promise<void> {
  const object = await bucket.get(segment.objectKey);
  if (!object) throw new Error(`${segment.objectKey} is not in the bucket`);
  const { day, costCenter } = segment;
  await markRestoring(db, segment).run();
  await restoreEntries(db, unpack(object.body));
  await db.batch([
    markRestored(db, segment, at),
    deleteSegmentSums(db, segment),
    ...rollUpStatements(db, { day, costCenters: [costCenter] }, at),
  ]);
}
