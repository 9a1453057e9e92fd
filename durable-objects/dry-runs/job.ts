/** Where the job is, in one row: what a slice moves in its transaction, so that after a kill the next goes on there. */

export type Phase = 'preparing' | 'seeding' | 'replaying' | 'telling' | 'over';

export interface JobState {
  /** The dry run's id. */
  id: string;
  phase: Phase;
  /** JSON of the phase's own; null at its beginning. */
  cursor: string | null;
  /** Entries of the span that were replayed, and those it had when they were counted. */
  rowsDone: number;
  rowsTotal: number;
  /** Milliseconds spent on the rows done. */
  workedMs: number;
  /** Epoch ms since when D1 has not answered; null: it did the last time. */
  waitingSinceMs: number | null;
  /** Why it failed, in a sentence; null where it did not. */
  error: string | null;
}

interface JobRow extends Record<string, SqlStorageValue> {
  id: string;
  phase: Phase;
  cursor: string | null;
  rows_done: number;
  rows_total: number;
  worked_ms: number;
  waiting_since_ms: number | null;
  error: string | null;
}

export class Job {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Null before it was started, and after it was emptied. */
  read(): JobState | null {
    const [row] = this.#sql.exec<JobRow>('SELECT * FROM job').toArray();
    if (!row) return null;
    return {
      id: row.id,
      phase: row.phase,
      cursor: row.cursor,
      rowsDone: row.rows_done,
      rowsTotal: row.rows_total,
      workedMs: row.worked_ms,
      waitingSinceMs: row.waiting_since_ms,
      error: row.error,
    };
  }

  /** Makes the job where there is none. */
  begin(id: string): void {
    this.#sql.exec(
      `INSERT INTO job (one, id, phase, rows_done, rows_total, worked_ms) VALUES (1, ?, 'preparing', 0, 0, 0)
       ON CONFLICT DO NOTHING`,
      id,
    );
  }

  /** Changes these fields; call it in the transaction with what they tell of. */
  move(changes: Partial<Omit<JobState, 'id'>>): void {
    const present = this.read();
    if (!present) return;
    const next = { ...present, ...changes };
    this.#sql.exec(
      `UPDATE job SET phase = ?, cursor = ?, rows_done = ?, rows_total = ?, worked_ms = ?, waiting_since_ms = ?, error = ?`,
      next.phase,
      next.cursor,
      next.rowsDone,
      next.rowsTotal,
      next.workedMs,
      next.waitingSinceMs,
      next.error,
    );
  }
}
