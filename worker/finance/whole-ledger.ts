/**
 * The ledger in pages, for exports of any size: by cost center, then by admission and id, each entry once, whether it
 * is in D1 or archived. Memory holds a page of D1's and, of the segments of one day, what is being read of each.
 *
 * Entries move between D1 and the archive while an export runs. Each step reads D1's page and the books of the archive
 * in one transaction, and takes of both what lies in that step; an entry that is in both, as in a restore that was cut
 * off, comes once. One that reaches the ledger only now may or may not be in it.
 */
import type { Segment } from '../store/archive-segments.ts';
import {
  costCenterAfter,
  type EntryColumns,
  type EntryPosition,
  type ExportedEntry,
  type ExportSpan,
  type LedgerReading,
  type NameSince,
  readLedger,
} from '../store/ledger-export.ts';
import { checkObjects } from './archive-presence.ts';
import { compare, type Place, SegmentReader } from './segment-entries.ts';
import { ArchiveUnreadable } from './segment-object.ts';

export interface LedgerAccess {
  db: D1Database;
  /** Null: none is bound, so that nothing archived can be read. */
  bucket: R2Bucket | null;
}

/**
 * Every entry of the span after `after` (null: from its beginning), `pageSize` at once but for the last ones of a
 * cost center. Throws ArchiveUnreadable and ArchiveAway: before the first page where an object is missing.
 */
export async function* ledgerPages(
  access: LedgerAccess,
  span: ExportSpan,
  after: EntryPosition | null,
  pageSize: number,
): AsyncGenerator<ExportedEntry[]> {
  await checkObjects(access, span, after);
  let costCenter = span.costCenter ?? after?.cost_center ?? (await costCenterAfter(access.db, ''));
  let position = after;
  while (costCenter !== null) {
    position ??= { cost_center: costCenter, admitted_at: span.from, entry_id: '' };
    yield* inPages(costCenterEntries(access, position, span.to, pageSize), pageSize);
    position = null;
    costCenter = span.costCenter === null ? await costCenterAfter(access.db, costCenter) : null;
  }
}

/** The same rows, `size` at once. */
async function* inPages<Row>(batches: AsyncIterable<Row[]>, size: number): AsyncGenerator<Row[]> {
  let rest: Row[] = [];
  for await (const batch of batches) {
    rest = rest.length === 0 ? batch : rest.concat(batch);
    for (; rest.length >= size; rest = rest.slice(size)) yield rest.slice(0, size);
  }
  if (rest.length > 0) yield rest;
}

/** One cost center's entries after a position, at most about `pageSize` at once. */
async function* costCenterEntries(
  access: LedgerAccess,
  position: EntryPosition,
  to: string,
  pageSize: number,
): AsyncGenerator<ExportedEntry[]> {
  const archived = new ArchivedEntries(access);
  try {
    for (let after: EntryPosition | null = position; after; ) {
      const reading = await readLedger(access.db, after, to, pageSize);
      await archived.follow(reading.segments, after);
      const end = endOf(reading, pageSize);
      const { costCenterNames } = reading;
      for await (const batch of merged(reading.entries, archived, end, pageSize)) {
        yield batch.map((entry) =>
          Object.assign(entry, { cost_center_name: nameAt(costCenterNames, entry.admitted_at) }),
        );
      }
      after = end.admitted_at === to ? null : { cost_center: position.cost_center, ...end };
    }
  } finally {
    await archived.close();
  }
}

/** What it was called then, or first, if that was later. */
function nameAt(names: readonly NameSince[], at: string): string | null {
  const known = names.findLast(({ from_at }) => from_at <= at) ?? names[0];
  return known?.name ?? null;
}

/** Up to which place a reading has everything; no entry has an empty id. */
function endOf({ entries, segmentsUntil }: LedgerReading, pageSize: number): Place {
  const last = entries.length === pageSize ? entries.at(-1) : undefined;
  return last && last.admitted_at < segmentsUntil
    ? placeOf(last)
    : { admitted_at: segmentsUntil, entry_id: '' };
}

function placeOf({ admitted_at, entry_id }: Place): Place {
  return { admitted_at, entry_id };
}

/** Entries of D1 and of the archive up to `end`, in order. */
async function* merged(
  entries: readonly EntryColumns[],
  archived: ArchivedEntries,
  end: Place,
  size: number,
): AsyncGenerator<EntryColumns[]> {
  let batch: EntryColumns[] = [];
  for (let index = 0; ; ) {
    const entry = entries[index] ?? null;
    const other = await archived.peek(entry ?? end);
    const next = !other || (entry && compare(entry, other) <= 0) ? entry : other;
    if (!next || compare(next, end) > 0) break;
    if (next === entry) index += 1;
    if (other && compare(other, next) === 0) await archived.pass(next);
    batch.push(next);
    if (batch.length === size) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0) yield batch;
}

/** The segments of one cost center, each opened when its turn comes. */
class ArchivedEntries {
  readonly #access: LedgerAccess;
  /** By admission. */
  #unopened: Segment[] = [];
  #after: Place = { admitted_at: '', entry_id: '' };
  readonly #readers = new Map<string, SegmentReader>();

  constructor(access: LedgerAccess) {
    this.#access = access;
  }

  /** From here on these segments are read, behind `after`; one that isn't among them any more is back in D1. */
  async follow(segments: readonly Segment[], after: Place): Promise<void> {
    const names = new Set(segments.map(nameOf));
    for (const [name, reader] of this.#readers) {
      if (names.has(name)) continue;
      this.#readers.delete(name);
      await reader.close();
    }
    this.#unopened = segments.filter((segment) => !this.#readers.has(nameOf(segment)));
    this.#after = after;
  }

  /** The next entry, where it comes before `place` or is of the same instant; else null, or a later one. */
  async peek(place: Place): Promise<EntryColumns | null> {
    let first = this.#first();
    for (;;) {
      const [segment] = this.#unopened;
      const until = first && compare(first, place) < 0 ? first : place;
      if (!segment || segment.firstAdmittedAt > until.admitted_at) return first;
      this.#unopened.shift();
      this.#readers.set(nameOf(segment), await this.#open(segment));
      first = this.#first();
    }
  }

  /** Leaves an entry behind, in every segment that has it. */
  async pass(entry: Place): Promise<void> {
    for (const reader of this.#readers.values()) {
      if (reader.head && compare(reader.head, entry) === 0) await reader.advance();
    }
  }

  async close(): Promise<void> {
    for (const reader of this.#readers.values()) await reader.close();
  }

  #first(): EntryColumns | null {
    let first: EntryColumns | null = null;
    for (const { head } of this.#readers.values()) {
      if (head && (!first || compare(head, first) < 0)) first = head;
    }
    return first;
  }

  async #open(segment: Segment): Promise<SegmentReader> {
    const { db, bucket } = this.#access;
    if (bucket) return await SegmentReader.open(db, bucket, segment, this.#after);
    throw new ArchiveUnreadable(`no R2 bucket is bound as ARCHIVE, and ${segment.objectKey} is in it`);
  }
}

function nameOf({ day, part }: Segment): string {
  return `${day}/${part}`;
}
