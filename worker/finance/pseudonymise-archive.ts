/**
 * A developer's name in the archive: each object that may hold it gives way to one with the pseudonym in its place and
 * nothing else changed. Every step can be the last one before a crash: the new object is kept in mind before it is
 * written, it is read back and compared before it is in the books, and the old one is kept in mind until it is deleted.
 */
import type { Renaming } from '../../durable-objects/core/pseudonym.ts';
import { pseudonymisedLine } from '../../durable-objects/ledger/archived-line.ts';
import {
  giveUpSegment,
  listSegmentsNaming,
  replaceObject,
  unlistDeveloper,
} from '../store/archive-developers.ts';
import { countLeftovers, noteObject } from '../store/archive-leftovers.ts';
import { readSegment, type Segment } from '../store/archive-segments.ts';
import { deleteLeftovers } from './leftovers.ts';
import { pack } from './ndjson.ts';
import { ArchiveAway, linesOf, newObjectKey, openObject, verify, writeObject } from './segment-object.ts';

/** What one call rewrites; an object has up to 20,000 entries. */
const OBJECTS_A_CALL = 50;
const ENTRIES_A_CALL = 40_000;
/** Objects that cannot be rewritten are told, and passed over; with so many it is not worth to look further. */
const PROBLEMS_A_CALL = 20;

export interface PseudonymisedArchive {
  /** Rewritten in this call. */
  objects: number;
  /** What stands in the way of the rest, a sentence each; further calls alone do not get past it. */
  pending: string[];
}

/**
 * Takes a developer out of archived objects, as many as one call does, and deletes the objects that were replaced.
 * Rejects where D1 is away.
 */
export async function pseudonymiseArchive(
  db: D1Database,
  bucket: R2Bucket | null,
  renaming: Renaming,
): Promise<PseudonymisedArchive> {
  const named = await listSegmentsNaming(db, renaming.developer, { after: null, limit: 1 });
  if (!bucket) {
    const why = 'no R2 bucket is bound as ARCHIVE, and archived objects may hold the name';
    return { objects: 0, pending: named.length > 0 ? [why] : [] };
  }
  const done = await renameInObjects(db, bucket, renaming);
  const pending = await deleteReplaced(db, bucket);
  return { objects: done.objects, pending: [...done.pending, ...pending] };
}

async function renameInObjects(
  db: D1Database,
  bucket: R2Bucket,
  renaming: Renaming,
): Promise<PseudonymisedArchive> {
  const done: PseudonymisedArchive = { objects: 0, pending: [] };
  let entries = 0;
  let after: Pick<Segment, 'day' | 'costCenter' | 'part'> | null = null;
  while (done.objects < OBJECTS_A_CALL && entries < ENTRIES_A_CALL) {
    const [key] = await listSegmentsNaming(db, renaming.developer, { after, limit: 1 });
    const segment = key ? await readSegment(db, key) : null;
    if (!segment || done.pending.length >= PROBLEMS_A_CALL) break;
    after = segment;
    try {
      if (await renameInSegment(db, bucket, segment, renaming)) done.objects += 1;
      entries += segment.entries;
    } catch (error) {
      // The name stays listed, so the mapping stays open.
      console.error({
        message: 'an archived object was not rewritten',
        key: segment.objectKey,
        error: String(error),
      });
      done.pending.push(error instanceof Error ? error.message : String(error));
    }
  }
  return done;
}

/** Takes the name out of one segment; true where its object was rewritten. Throws where the name is still in it. */
async function renameInSegment(
  db: D1Database,
  bucket: R2Bucket,
  segment: Segment,
  renaming: Renaming,
): Promise<boolean> {
  const { day, costCenter, part, state } = segment;
  if (state === 'restoring') {
    throw new Error(`${day} of ${costCenter} is on its way back from the archive: finish its restore first`);
  }
  if (state === 'writing' || state === 'verified') {
    await giveUpSegment(db, segment, newObjectKey(segment, part));
    return false;
  }
  const objectKey = newObjectKey(segment, part);
  const packed = await pack(renamedPages(segment, await openObject(bucket, segment), renaming));
  if (packed.sha256 === segment.sha256) {
    await unlistDeveloper(db, segment, renaming.developer);
    return false;
  }
  const rewritten = {
    ...segment,
    objectKey,
    sha256: packed.sha256,
    bytes: packed.bytes,
    compressedBytes: packed.compressed.byteLength,
  };
  await noteObject(db, objectKey);
  await writeObject(bucket, objectKey, packed, segment.entries);
  await verify(bucket, rewritten);
  if (await replaceObject(db, segment, rewritten, renaming)) return true;
  throw new Error(`${segment.objectKey} changed while it was rewritten`);
}

/** The lines of an object with the pseudonym in them; rejects, at the latest at the end, where it is damaged. */
async function* renamedPages(
  segment: Segment,
  object: R2ObjectBody,
  renaming: Renaming,
): AsyncGenerator<string[]> {
  for await (const lines of linesOf(segment, object)) {
    yield lines.map((line) => pseudonymisedLine(line, renaming));
  }
}

/** Deletes replaced objects; what of them is still there, in a sentence. */
async function deleteReplaced(db: D1Database, bucket: R2Bucket): Promise<string[]> {
  try {
    await deleteLeftovers(db, bucket);
  } catch (error) {
    if (!(error instanceof ArchiveAway)) throw error;
    return [`${error.message}: replaced objects are still in it`];
  }
  const waiting = await countLeftovers(db);
  if (waiting === 0) return [];
  return [
    `${waiting} unfinished objects can be deleted in a quarter of an hour, when nobody writes them any more`,
  ];
}
