/** Deletes from the bucket what is no segment's: objects that were begun and given up, or replaced. */
import { claimLeftovers, forgetLeftovers } from '../store/archive-leftovers.ts';
import { askBucket } from './segment-object.ts';

/** The bucket deletes up to 1,000 in one call. */
const AT_ONCE = 500;

/** Deletes the leftovers that nobody can still be writing; throws ArchiveAway, and the next run deletes them. */
export async function deleteLeftovers(db: D1Database, bucket: R2Bucket): Promise<void> {
  const keys = await claimLeftovers(db, AT_ONCE);
  if (keys.length === 0) return;
  await askBucket(bucket.delete(keys));
  await forgetLeftovers(db, keys);
}
