/** The replay's state and what it told, in the object's tables. */
import { type Renaming, withPseudonym } from '../core/pseudonym.ts';
import type { ReplayEvent, ReplayStore } from '../core/replay/types.ts';
import type { EventFilter, KeptEvent } from './rpc.ts';

/** Characters of one piece: at three bytes each still under the 2 MB that a row may have. */
const PIECE_CHARS = 600_000;
/** Events renamed at once. */
const RENAMED_AT_ONCE = 500;

interface EventRow extends Record<string, SqlStorageValue> {
  id: number;
  draft: number;
  document: string;
}

export class ReplayState implements ReplayStore {
  readonly #sql: SqlStorage;
  /** Events kept; later ones are only counted. */
  mostEvents = Number.POSITIVE_INFINITY;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  read(key: string): string | null {
    const pieces = this.#sql
      .exec<{ value: string }>('SELECT value FROM state WHERE key = ? ORDER BY piece', key)
      .toArray();
    return pieces.length === 0 ? null : pieces.map(({ value }) => value).join('');
  }

  write(key: string, value: string | null): void {
    this.#sql.exec('DELETE FROM state WHERE key = ?', key);
    if (value === null) return;
    for (const [piece, text] of piecesOf(value).entries()) {
      this.#sql.exec('INSERT INTO state VALUES (?, ?, ?)', key, piece, text);
    }
  }

  event(draft: number, event: ReplayEvent): void {
    const { kind, session, developer } = event;
    const { rowsWritten } = this.#sql.exec(
      `INSERT INTO events (draft, kind, session, developer, document) SELECT ?, ?, ?, ?, ?
       WHERE coalesce((SELECT max(id) FROM events) - (SELECT min(id) FROM events) + 1, 0) < ?`,
      draft,
      kind,
      session,
      developer,
      JSON.stringify(event),
      this.mostEvents,
    );
    if (rowsWritten > 0) return;
    const count = 'INSERT INTO left_out VALUES (?, 1) ON CONFLICT DO UPDATE SET events = events + 1';
    this.#sql.exec(count, draft);
  }

  /** How many events were not kept, by draft. */
  eventsLeftOut(): ReadonlyMap<number, number> {
    const rows = this.#sql.exec<{ draft: number; events: number }>('SELECT draft, events FROM left_out');
    return new Map([...rows].map(({ draft, events }) => [draft, events]));
  }

  /** In order of id, from after `after` on. */
  events(filter: EventFilter, { after, limit }: { after: number; limit: number }): KeptEvent[] {
    const asked = Object.entries(filter).filter(([, value]) => value !== null);
    const where = ['id > ?', ...asked.map(([column]) => `${column} = ?`)].join(' AND ');
    const query = `SELECT id, draft, document FROM events WHERE ${where} ORDER BY id LIMIT ?`;
    const values = asked.map(([, value]) => value as SqlStorageValue);
    return this.#sql
      .exec<EventRow>(query, after, ...values, limit)
      .toArray()
      .map(({ id, draft, document }) => ({ id, draft, ...(JSON.parse(document) as ReplayEvent) }));
  }

  /** Drops the state: the replay is over, or begins anew. */
  forget(): void {
    this.#sql.exec('DELETE FROM state');
  }

  /** Drops what was told. */
  forgetEvents(): void {
    this.#sql.exec('DELETE FROM events');
    this.#sql.exec('DELETE FROM left_out');
  }

  /** Puts a pseudonym in a developer's place in every event. */
  rename(renaming: Renaming): void {
    const { developer } = renaming;
    const named = `SELECT id, draft, document FROM events
      WHERE id > ? AND (developer = ? OR instr(document, json_quote(?)) > 0) ORDER BY id LIMIT ${RENAMED_AT_ONCE}`;
    for (let after = 0; ; ) {
      const rows = this.#sql.exec<EventRow>(named, after, developer, developer).toArray();
      for (const { id, document } of rows) {
        const event = withPseudonym(JSON.parse(document) as ReplayEvent, renaming);
        this.#sql.exec(
          'UPDATE events SET developer = ?, document = ? WHERE id = ?',
          event.developer,
          JSON.stringify(event),
          id,
        );
      }
      after = rows.at(-1)?.id ?? after;
      if (rows.length < RENAMED_AT_ONCE) return;
    }
  }
}

function piecesOf(value: string): string[] {
  const pieces: string[] = [];
  let start = 0;
  do {
    let end = Math.min(start + PIECE_CHARS, value.length);
    // Half of a surrogate pair is no text that SQLite could keep.
    if (end < value.length && (value.charCodeAt(end - 1) & 0xfc00) === 0xd800) end -= 1;
    pieces.push(value.slice(start, end));
    start = end;
  } while (start < value.length);
  return pieces;
}
