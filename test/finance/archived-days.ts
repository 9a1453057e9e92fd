/** Days that leave D1 for the bucket of the tests, and come back. */
import { env } from 'cloudflare:workers';
import { type Archived, archiveOldDays } from '../../worker/finance/archive.ts';
import { rollUpDays } from '../../worker/finance/roll-up.ts';
import { call } from '../routes/admin/admin-calls.ts';

declare global {
  namespace Cloudflare {
    interface Env {
      ARCHIVE: R2Bucket;
    }
  }
}

/** Rolls up and archives what is older than 90 days, by the test's clock. Throws where a segment failed. */
export async function archiveAll(bucket = env.ARCHIVE): Promise<Archived> {
  await rollUpDays(env.DB, Date.now());
  const sum: Archived = { segments: 0, entries: 0, failed: 0 };
  for (;;) {
    const { segments, entries, failed } = await archiveOldDays(env.DB, { bucket, hotDays: 90 }, Date.now());
    if (failed > 0) throw new Error(`${failed} segments failed`);
    if (segments === 0) return sum;
    sum.segments += segments;
    sum.entries += entries;
  }
}

export async function restoreDay(day: string, costCenter: string): Promise<void> {
  const answer = await call('POST', '/archive/restore', { day, cost_center: costCenter });
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
}

/** The bucket, but for these methods. */
export function bucketWith(change: Partial<R2Bucket>): R2Bucket {
  const { ARCHIVE: bucket } = env;
  return {
    put: bucket.put.bind(bucket),
    get: bucket.get.bind(bucket),
    head: bucket.head.bind(bucket),
    list: bucket.list.bind(bucket),
    delete: bucket.delete.bind(bucket),
    ...change,
  } as R2Bucket;
}

export interface StoredSegment {
  day: string;
  cost_center: string;
  part: number;
  state: string;
  object_key: string;
  sha256: string;
  entries: number;
  charged_nano_usd: number;
}

export async function segmentsOf(costCenter: string): Promise<StoredSegment[]> {
  const query = 'SELECT * FROM archive_segments WHERE cost_center = ? ORDER BY day, part';
  return (await env.DB.prepare(query).bind(costCenter).all<StoredSegment>()).results;
}

/** The text of an object, unpacked. */
export async function textOf(objectKey: string): Promise<string> {
  const object = await env.ARCHIVE.get(objectKey);
  if (!object) throw new Error(`${objectKey} is not in the bucket`);
  return await new Response(object.body.pipeThrough(new DecompressionStream('gzip'))).text();
}
