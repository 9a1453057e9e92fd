/**
 * How entries leave D1 for the archive, and come back as lines (archived-line.ts). Rows are deleted here and nowhere
 * else, and D1 lets only those go that a verified segment holds, names included (migration 0011).
 */
import { ENTRY_COLUMNS, insertEntries } from './append.ts';
import { lineOf } from './archived-line.ts';

const COLUMNS = Object.keys(ENTRY_COLUMNS);

/** Entries of a cost center by admission; both ends are inclusive, ISO 8601 in UTC. */
export interface EntrySpan {
  costCenter: string;
  firstAdmittedAt: string;
  lastAdmittedAt: string;
}

/** What must be gone or there, to the row and the nano-USD. */
export interface EntrySums {
  entries: number;
  chargedNanoUsd: number;
}

/** What the archive keeps of each line beside its text. */
export interface ArchivedEntry {
  line: string;
  entryId: string;
  developer: string;
  admittedAt: string;
  chargedNanoUsd: number;
  listNanoUsd: number;
}

/** About 2 MB. */
const PAGE_ROWS = 1_000;

const READ_PAGE = `
  SELECT rowid, entry_id, developer, admitted_at, charged_nano_usd, list_nano_usd, ${COLUMNS.map((name) => `"${name}"`).join(', ')}
  FROM ledger_entries INDEXED BY ledger_entries_by_admission
  WHERE cost_center = ?1 AND admitted_at BETWEEN ?2 AND ?3 AND (admitted_at > ?2 OR rowid > ?4)
  ORDER BY admitted_at, rowid LIMIT ${PAGE_ROWS}`;

type Row = [rowid: number, string, string, string, number, number, ...values: unknown[]];

/** The entries of a span in the order of their admission, page by page. */
export async function* readEntries(db: D1Database, span: EntrySpan): AsyncGenerator<ArchivedEntry[]> {
  let after = { admittedAt: span.firstAdmittedAt, rowid: 0 };
  for (;;) {
    const rows = await db
      .prepare(READ_PAGE)
      .bind(span.costCenter, after.admittedAt, span.lastAdmittedAt, after.rowid)
      .raw<Row>();
    const last = rows.at(-1);
    if (!last) return;
    yield rows.map(([, entryId, developer, admittedAt, chargedNanoUsd, listNanoUsd, ...values]) => ({
      line: lineOf(values),
      entryId,
      developer,
      admittedAt,
      chargedNanoUsd,
      listNanoUsd,
    }));
    if (rows.length < PAGE_ROWS) return;
    after = { admittedAt: last[3], rowid: last[0] };
  }
}

/**
 * Deletes the entries of a span where they are exactly those of a verified segment: no entry is ever changed but for
 * a name, and a new name is not in the segment's list, so as many rows are the same rows. Deletes nothing otherwise.
 */
export function dropEntries(db: D1Database, span: EntrySpan, sums: EntrySums): D1PreparedStatement {
  return db
    .prepare(
      `DELETE FROM ledger_entries
       WHERE cost_center = ?1 AND admitted_at BETWEEN ?2 AND ?3 AND (?4, ?5) = (
         SELECT count(*), coalesce(sum(charged_nano_usd), 0) FROM ledger_entries
         WHERE cost_center = ?1 AND admitted_at BETWEEN ?2 AND ?3
       )`,
    )
    .bind(span.costCenter, span.firstAdmittedAt, span.lastAdmittedAt, sums.entries, sums.chargedNanoUsd);
}

/** A D1 parameter may be 2 MB, and a character takes up to 3 bytes. */
const CHUNK_CHARACTERS = 600_000;

/** Puts lines back, each once: what is there already is left as it is. */
export async function restoreEntries(
  db: D1Database,
  batches: AsyncIterable<readonly string[]>,
): Promise<void> {
  let chunk: string[] = [];
  let characters = 0;
  for await (const lines of batches) {
    for (const line of lines) {
      if (chunk.length > 0 && characters + line.length > CHUNK_CHARACTERS) {
        await insertEntries(db, chunk).run();
        chunk = [];
        characters = 0;
      }
      chunk.push(line);
      characters += line.length;
    }
  }
  if (chunk.length > 0) await insertEntries(db, chunk).run();
}
