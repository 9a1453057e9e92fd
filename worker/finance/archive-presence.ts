/**
 * Whether the objects of a span's archived days are all there, by listing the bucket: one call for up to 1,000 of
 * them. What is in them is only known once they are read.
 */
import { readSegment, type Segment } from '../store/archive-segments.ts';
import { listByObjectKey } from '../store/away-segments.ts';
import type { EntryPosition, ExportSpan } from '../store/ledger-export.ts';
import { ArchiveUnreadable, askBucket } from './segment-object.ts';
import type { LedgerAccess } from './whole-ledger.ts';

const AT_ONCE = 1_000;
/** Sorts behind every key. */
const LAST_KEY = '~';

/**
 * Throws ArchiveUnreadable where an object that an export of `span` after `position` needs is missing or has another
 * size than was written, or where no bucket is bound; ArchiveAway. Names the first such object.
 */
export async function checkObjects(
  { db, bucket }: LedgerAccess,
  span: ExportSpan,
  position: EntryPosition | null,
): Promise<void> {
  const since = position && { costCenter: position.cost_center, admittedAt: position.admitted_at };
  let known = { sizes: new Map<string, number>(), upTo: '' };
  for (let after = ''; ; ) {
    const segments = await listByObjectKey(db, span, since, { after, limit: AT_ONCE });
    for (const segment of segments) {
      const { objectKey, compressedBytes } = segment;
      if (!bucket) throw new ArchiveUnreadable(`no R2 bucket is bound as ARCHIVE, and ${objectKey} is in it`);
      if (objectKey > known.upTo) known = await listFrom(bucket, objectKey);
      if (known.sizes.get(objectKey) !== compressedBytes) await checkObject({ db, bucket }, segment);
    }
    const last = segments.at(-1);
    if (!last || segments.length < AT_ONCE) return;
    after = last.objectKey;
  }
}

/** Objects from this key on, and up to which key there are no others. */
async function listFrom(bucket: R2Bucket, objectKey: string) {
  const { objects, truncated } = await askBucket(
    bucket.list({ startAfter: objectKey.slice(0, -1), limit: AT_ONCE }),
  );
  const upTo = truncated ? (objects.at(-1)?.key ?? objectKey) : LAST_KEY;
  return { sizes: new Map(objects.map(({ key, size }) => [key, size])), upTo };
}

/** Looks at one segment again: its object may have given way to another one since it was listed. */
async function checkObject(
  { db, bucket }: { db: D1Database; bucket: R2Bucket },
  listed: Segment,
): Promise<void> {
  const { objectKey, compressedBytes } = (await readSegment(db, listed)) ?? listed;
  const object = await askBucket(bucket.head(objectKey));
  if (!object) throw new ArchiveUnreadable(`${objectKey} is not in the bucket`);
  if (object.size !== compressedBytes) {
    throw new ArchiveUnreadable(`${objectKey} has ${object.size} bytes, and ${compressedBytes} were written`);
  }
}
