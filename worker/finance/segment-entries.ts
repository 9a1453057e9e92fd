/** The entries of archived segments as an export reads them: by admission and id, streamed from the bucket. */
import { columnsOf } from '../../durable-objects/ledger/archived-line.ts';
import { readSegment, type Segment } from '../store/archive-segments.ts';
import { type EntryColumns, EXPORTED_COLUMNS } from '../store/ledger-export.ts';
import { ArchiveUnreadable, linesOf, openObject } from './segment-object.ts';

/** A place in the order of one cost center's entries. */
export type Place = Pick<EntryColumns, 'admitted_at' | 'entry_id'>;

/** Below 0: `a` comes first; 0: the same entry. */
export function compare(a: Place, b: Place): number {
  if (a.admitted_at !== b.admitted_at) return a.admitted_at < b.admitted_at ? -1 : 1;
  if (a.entry_id !== b.entry_id) return a.entry_id < b.entry_id ? -1 : 1;
  return 0;
}

/** One segment that is being read; holds the entries of a piece of the object, and of one instant. */
export class SegmentReader {
  /** The next entry; null: there is none left. */
  head: EntryColumns | null = null;
  readonly #pieces: AsyncGenerator<EntryColumns[]>;
  #piece: EntryColumns[] = [];
  #at = 0;

  private constructor(pieces: AsyncGenerator<EntryColumns[]>) {
    this.#pieces = pieces;
  }

  /**
   * A reader of the entries behind `after`. Throws, as reading on does, ArchiveUnreadable where the object is missing
   * or not what was written, and ArchiveAway.
   */
  static async open(
    db: D1Database,
    bucket: R2Bucket,
    segment: Segment,
    after: Place,
  ): Promise<SegmentReader> {
    const reader = new SegmentReader(piecesOf(...(await openAsItIs(db, bucket, segment))));
    do await reader.advance();
    while (reader.head && compare(reader.head, after) <= 0);
    return reader;
  }

  async advance(): Promise<void> {
    this.#at += 1;
    while (this.#at >= this.#piece.length) {
      const next = await this.#pieces.next();
      this.#piece = next.done ? [] : next.value;
      this.#at = 0;
      if (next.done) break;
    }
    this.head = this.#piece[this.#at] ?? null;
  }

  /** Lets go of the object, read to its end or not. */
  async close(): Promise<void> {
    this.head = null;
    await this.#pieces.return(undefined);
  }
}

/** The object may have given way to another one since the segment was listed. */
async function openAsItIs(
  db: D1Database,
  bucket: R2Bucket,
  listed: Segment,
): Promise<[Segment, R2ObjectBody]> {
  try {
    return [listed, await openObject(bucket, listed)];
  } catch (error) {
    const segment = await readSegment(db, listed);
    if (!segment || segment.objectKey === listed.objectKey) throw error;
    return [segment, await openObject(bucket, segment)];
  }
}

/** In order; the entries of one instant, which are written in any order, are all in one piece. */
async function* piecesOf(segment: Segment, object: R2ObjectBody): AsyncGenerator<EntryColumns[]> {
  let piece: EntryColumns[] = [];
  for await (const lines of linesOf(segment, object)) {
    for (const line of lines) piece.push(entryOf(segment, line));
    const { admitted_at: instant } = piece.at(-1) ?? { admitted_at: '' };
    const first = piece.findIndex((entry) => entry.admitted_at === instant);
    yield piece.slice(0, first).sort(compare);
    piece = piece.slice(first);
  }
  yield piece.sort(compare);
}

function entryOf({ objectKey }: Segment, line: string): EntryColumns {
  try {
    return columnsOf(line, EXPORTED_COLUMNS);
  } catch (error) {
    throw new ArchiveUnreadable(`${objectKey} has a line that is no entry`, { cause: error });
  }
}
