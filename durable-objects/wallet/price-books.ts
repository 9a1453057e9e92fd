/**
 * The prices turns were held with, list and contract as one numbered value: a turn is settled and corrected by the
 * book it was opened with, whatever was deployed or negotiated since. A book is written with the first turn opened
 * under it, so there are as few as there are changes.
 */
import type { Catalogue } from '../core/catalogue/types.ts';

/** How long a book is kept after the next one: longer than any turn can run and be reported on. */
const KEPT_MS = 7 * 86_400_000;

interface Book {
  id: number;
  catalogue: Catalogue;
}

export class PriceBooks {
  readonly #sql: SqlStorage;
  /** The newest book; null where it was not read or made yet. */
  #newest: Book | null = null;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** A transaction was rolled back: what it wrote is not there. */
  reload(): void {
    this.#newest = null;
  }

  /** The number of the book with these prices. Call inside a transaction. */
  numberOf(catalogue: Catalogue, nowMs: number): number {
    if (this.#newest?.catalogue === catalogue) return this.#newest.id;
    const document = JSON.stringify(catalogue);
    const [newest] = this.#sql
      .exec<{ id: number; document: string }>('SELECT id, document FROM price_books ORDER BY id DESC LIMIT 1')
      .toArray();
    const id = newest?.document === document ? newest.id : this.#add(document, nowMs);
    this.#newest = { id, catalogue };
    return id;
  }

  #add(document: string, nowMs: number): number {
    const insert = 'INSERT INTO price_books (made_at_ms, document) VALUES (?, ?) RETURNING id';
    return this.#sql.exec<{ id: number }>(insert, nowMs, document).one().id;
  }

  /** The prices of a book; null where there is none of this number any more. */
  find(id: number): Catalogue | null {
    if (this.#newest?.id === id) return this.#newest.catalogue;
    const [row] = this.#sql
      .exec<{ document: string }>('SELECT document FROM price_books WHERE id = ?', id)
      .toArray();
    // JSON this object wrote itself.
    return row ? (JSON.parse(row.document) as Catalogue) : null;
  }

  forgetBefore(nowMs: number): void {
    this.#sql.exec(
      `DELETE FROM price_books WHERE EXISTS
       (SELECT 1 FROM price_books later WHERE later.id > price_books.id AND later.made_at_ms < ?)`,
      nowMs - KEPT_MS,
    );
  }
}
