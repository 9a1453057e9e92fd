/** The wallet's clock and counters: it owns time, time never goes back, and order is numbered. */

interface ClockRow extends Record<string, SqlStorageValue> {
  now_ms: number;
  open_seq: number;
  settle_seq: number;
}

export class Clock {
  readonly #sql: SqlStorage;
  #row: ClockRow;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#row = this.#load();
  }

  #load(): ClockRow {
    return this.#sql.exec<ClockRow>('SELECT now_ms, open_seq, settle_seq FROM clock').one();
  }

  /** Epoch ms; not before any instant the wallet has written with. */
  now(): number {
    return Math.max(Date.now(), this.#row.now_ms);
  }

  /** The last number taken of each kind. */
  counts(): { openSeq: number; settleSeq: number } {
    const { open_seq: openSeq, settle_seq: settleSeq } = this.#row;
    return { openSeq, settleSeq };
  }

  /** Takes the next number of a kind and the instant it was taken at. Call inside a transaction. */
  tick(counter: 'open_seq' | 'settle_seq'): { nowMs: number; sequence: number } {
    const nowMs = this.now();
    const sequence = this.#row[counter] + 1;
    this.#row = { ...this.#row, now_ms: nowMs, [counter]: sequence };
    this.#sql.exec(`UPDATE clock SET now_ms = ?, ${counter} = ?`, nowMs, sequence);
    return { nowMs, sequence };
  }

  /** Forgets what a rolled-back transaction did in memory. */
  reload(): void {
    this.#row = this.#load();
  }
}
