/** A segment's object in the bucket: its key, its lines, and whether it holds what the books say. */
import type { Segment } from '../store/archive-segments.ts';
import type { Unit } from '../store/daily-rollups.ts';
import { type Packed, unpack } from './ndjson.ts';

/** An archived object cannot be read as it was written; `message` names it and says why. */
export class ArchiveUnreadable extends Error {
  override readonly name = 'ArchiveUnreadable';
}

/** The bucket does not answer. */
export class ArchiveAway extends Error {
  override readonly name = 'ArchiveAway';
}

/** A key that no object has had: what is once written under a key never changes. */
export function newObjectKey({ day, costCenter }: Unit, part: number): string {
  const bytes = crypto.getRandomValues(new Uint8Array(4));
  const suffix = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return `ledger/${day}/${costCenter}/part-${part}-${suffix}.ndjson.gz`;
}

/** Writes an object; throws ArchiveAway. */
export async function writeObject(bucket: R2Bucket, objectKey: string, packed: Packed, entries: number) {
  const put = bucket.put(objectKey, packed.compressed, {
    httpMetadata: { contentType: 'application/gzip' },
    customMetadata: { sha256: packed.sha256, entries: String(entries) },
  });
  await askBucket(put);
}

/** The answer of the bucket; throws ArchiveAway where there is none. */
export async function askBucket<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw new ArchiveAway(`the bucket of the archive does not answer (${String(error)})`, { cause: error });
  }
}

/** Opens a segment's object. Throws ArchiveUnreadable where it is not in the bucket, ArchiveAway. */
export async function openObject(bucket: R2Bucket, { objectKey }: Segment): Promise<R2ObjectBody> {
  const object = await askBucket(bucket.get(objectKey));
  if (!object) throw new ArchiveUnreadable(`${objectKey} is not in the bucket`);
  return object;
}

/**
 * The lines of a segment's object, some at once. Throws ArchiveUnreadable where it is no gzip, and after the last line where
 * digest or count are not the segment's: what was read before is only known to be right once it has ended.
 */
export async function* linesOf(segment: Segment, object: R2ObjectBody): AsyncGenerator<string[]> {
  let sha256 = '';
  let entries = 0;
  try {
    const onEnd = (digest: string) => {
      sha256 = digest;
    };
    for await (const lines of unpack(object.body, onEnd)) {
      entries += lines.length;
      yield lines;
    }
  } catch (error) {
    throw new ArchiveUnreadable(`${segment.objectKey} cannot be read: ${String(error)}`, { cause: error });
  }
  if (sha256 !== segment.sha256 || entries !== segment.entries) throw differs(segment);
}

function differs({ objectKey }: Segment): ArchiveUnreadable {
  return new ArchiveUnreadable(`${objectKey} does not hold what was written`);
}

/**
 * Reads a segment's object and compares count, sums and digest with the books; whose entries it holds. Throws
 * ArchiveUnreadable where they differ or it is not there, ArchiveAway.
 */
export async function verify(bucket: R2Bucket, segment: Segment): Promise<string[]> {
  const developers = new Set<string>();
  let chargedNanoUsd = 0;
  let listNanoUsd = 0;
  for await (const lines of linesOf(segment, await openObject(bucket, segment))) {
    for (const line of lines) {
      const entry: { developer: string; charged_nano_usd: number; list_nano_usd: number } = JSON.parse(line);
      developers.add(entry.developer);
      chargedNanoUsd += entry.charged_nano_usd;
      listNanoUsd += entry.list_nano_usd;
    }
  }
  if (chargedNanoUsd !== segment.chargedNanoUsd || listNanoUsd !== segment.listNanoUsd)
    throw differs(segment);
  return [...developers];
}
