/**
 * The archive: entries older than the hot days leave D1, in three steps that can each be the last one before a
 * crash. Written: the object is in the bucket, nothing else has changed. Verified: it was read back, and its count,
 * sums and digest are those of the rows. Archived: rows are deleted and their roll-ups kept, in one transaction that
 * first counts again what it deletes. What was cut off begins anew in the next run, under the same part and with
 * another object. A row whose developer got a pseudonym meanwhile is not in the segment: then nothing is deleted.
 */
import { dropEntries, readEntries } from '../../durable-objects/ledger/archived.ts';
import type { ArchiveBindings } from '../bindings.ts';
import {
  beginSegment,
  deleteSegmentSums,
  lastOfFirst,
  listOldUnits,
  markArchived,
  markVerified,
  NO_STATE,
  nextPart,
  type Segment,
} from '../store/archive-segments.ts';
import { insertSums, rollUpStatements, type Unit, wholeDay } from '../store/daily-rollups.ts';
import { violates } from '../store/database.ts';
import { pack } from './ndjson.ts';
import { dayOf } from './roll-up.ts';
import { newObjectKey, verify, writeObject } from './segment-object.ts';

const DAY_MS = 86_400_000;
/** Deleting so many rows is one statement of D1, which has 30 s. */
const ROWS_A_SEGMENT = 20_000;
/** What one run does: some seven hundred of the thousand statements that D1 takes of it. */
const SEGMENTS_A_RUN = 50;
const ROWS_A_RUN = 100_000;
/** What was restored stays in D1 for as long. */
const RESTORED_DAYS = 30;

export interface Archived {
  segments: number;
  entries: number;
  /** Segments that were not finished; their entries are all in D1. */
  failed: number;
}

/** Archives what is older than the hot days, oldest first, as much as one run does. */
export async function archiveOldDays(
  db: D1Database,
  archive: ArchiveBindings,
  nowMs: number,
): Promise<Archived> {
  const old = {
    endDay: dayOf(nowMs - (archive.hotDays - 1) * DAY_MS),
    restoredSince: new Date(nowMs - RESTORED_DAYS * DAY_MS).toISOString(),
  };
  const done: Archived = { segments: 0, entries: 0, failed: 0 };
  for (const unit of await listOldUnits(db, old, SEGMENTS_A_RUN)) {
    for (;;) {
      if (done.segments + done.failed >= SEGMENTS_A_RUN || done.entries >= ROWS_A_RUN) return done;
      try {
        const segment = await archiveNext(db, archive.bucket, unit, nowMs);
        if (!segment) break;
        done.segments += 1;
        done.entries += segment.entries;
      } catch (error) {
        done.failed += 1;
        console.error({ message: 'a day was not archived', ...unit, error: String(error) });
        break;
      }
    }
  }
  return done;
}

/** Archives a unit's next entries; null where it has none. Throws where a step failed, and then no row is gone. */
async function archiveNext(
  db: D1Database,
  bucket: R2Bucket,
  unit: Unit,
  nowMs: number,
): Promise<Segment | null> {
  const written = await write(db, bucket, unit, nowMs);
  if (!written) return null;
  await verify(bucket, written);
  const at = new Date(nowMs).toISOString();
  if (!(await markVerified(db, written, at))) throw new Error(`${written.objectKey} was given up meanwhile`);
  await drop(db, written, at);
  return written;
}

async function write(db: D1Database, bucket: R2Bucket, unit: Unit, nowMs: number): Promise<Segment | null> {
  const day = wholeDay(unit.day, [unit.costCenter]);
  const lastAdmittedAt = (await lastOfFirst(db, unit, ROWS_A_SEGMENT)) ?? day.lastAdmittedAt;
  const facts = new SegmentFacts();
  const entries = readEntries(db, { ...unit, firstAdmittedAt: day.firstAdmittedAt, lastAdmittedAt });
  const packed = await pack(facts.watch(entries));
  if (facts.entries === 0) return null;
  const part = await nextPart(db, unit);
  const segment: Segment = {
    ...unit,
    ...facts.columns(),
    part,
    state: 'writing',
    objectKey: newObjectKey(unit, part),
    sha256: packed.sha256,
    bytes: packed.bytes,
    compressedBytes: packed.compressed.byteLength,
    writtenAt: new Date(nowMs).toISOString(),
    verifiedAt: null,
    archivedAt: null,
    restoredAt: null,
  };
  await begin(db, segment, facts.developers);
  await writeObject(bucket, segment.objectKey, packed, segment.entries);
  return segment;
}

/**
 * Notes what is about to be written. A developer may be pseudonymised since the rows were read: then nothing is
 * written under the old name, and the next run reads them under the new one.
 */
async function begin(db: D1Database, segment: Segment, developers: ReadonlySet<string>): Promise<void> {
  const { day, costCenter, part } = segment;
  try {
    if (await beginSegment(db, segment, [...developers])) return;
  } catch (error) {
    if (!violates(error, NO_STATE)) throw error;
    throw new Error(`entries of ${costCenter} on ${day} changed while they were read`);
  }
  throw new Error(`another run archived part ${part} of ${costCenter} on ${day}`);
}

/** Counts, sums and names of the lines as they pass. */
class SegmentFacts {
  entries = 0;
  readonly developers = new Set<string>();
  #chargedNanoUsd = 0;
  #listNanoUsd = 0;
  #firstAdmittedAt = '';
  #lastAdmittedAt = '';
  #firstEntryId = '';
  #lastEntryId = '';

  async *watch(pages: ReturnType<typeof readEntries>): AsyncGenerator<string[]> {
    for await (const page of pages) {
      for (const { entryId, developer, admittedAt, chargedNanoUsd, listNanoUsd } of page) {
        this.developers.add(developer);
        if (this.entries === 0) {
          this.#firstAdmittedAt = admittedAt;
          this.#firstEntryId = entryId;
        }
        this.entries += 1;
        this.#chargedNanoUsd += chargedNanoUsd;
        this.#listNanoUsd += listNanoUsd;
        this.#lastAdmittedAt = admittedAt;
        if (entryId < this.#firstEntryId) this.#firstEntryId = entryId;
        if (entryId > this.#lastEntryId) this.#lastEntryId = entryId;
      }
      yield page.map((each) => each.line);
    }
  }

  columns() {
    return {
      entries: this.entries,
      chargedNanoUsd: this.#chargedNanoUsd,
      listNanoUsd: this.#listNanoUsd,
      firstAdmittedAt: this.#firstAdmittedAt,
      lastAdmittedAt: this.#lastAdmittedAt,
      firstEntryId: this.#firstEntryId,
      lastEntryId: this.#lastEntryId,
    };
  }
}

async function drop(db: D1Database, segment: Segment, at: string): Promise<void> {
  const { day, costCenter } = segment;
  try {
    await db.batch([
      deleteSegmentSums(db, segment),
      insertSums(db, { ...segment, costCenters: [costCenter] }, segment.part),
      dropEntries(db, segment, segment),
      markArchived(db, segment, at),
      ...rollUpStatements(db, { day, costCenters: [costCenter] }, at),
    ]);
  } catch (error) {
    if (!violates(error, NO_STATE)) throw error;
    throw new Error(`entries came to ${costCenter} on ${day}, or another run did, while it was archived`);
  }
}
