/** When each session began and was last active: what its own budgets count from. */
import { SESSION_KEPT_MS, sessionWindowStart } from '../core/session.ts';

interface SpanRow extends Record<string, SqlStorageValue> {
  started_at_ms: number;
  last_at_ms: number;
}

export class SessionSpans {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  #find(session: string, nowMs: number): SpanRow | null {
    const [row] = this.#sql
      .exec<SpanRow>('SELECT started_at_ms, last_at_ms FROM session_spans WHERE session = ?', session)
      .toArray();
    return row && row.last_at_ms >= nowMs - SESSION_KEPT_MS ? row : null;
  }

  /** Whether a session of this name was active once and is over. */
  isOver(session: string, nowMs: number): boolean {
    const query = 'SELECT 1 FROM session_spans WHERE session = ? AND last_at_ms < ?';
    return this.#sql.exec(query, session, nowMs - SESSION_KEPT_MS).toArray().length > 0;
  }

  /** Epoch ms, on a quarter-hour, from which the session's spend counts; one that was never seen begins at `nowMs`. */
  startOf(session: string, nowMs: number): number {
    return sessionWindowStart(this.#find(session, nowMs)?.started_at_ms ?? nowMs);
  }

  /** When the session began and was last active, epoch ms; one that was never seen, or is over, at `nowMs`. */
  activity(session: string, nowMs: number): { startedAtMs: number; lastAtMs: number } {
    const known = this.#find(session, nowMs);
    return { startedAtMs: known?.started_at_ms ?? nowMs, lastAtMs: known?.last_at_ms ?? nowMs };
  }

  /** Notes that the session is active, for the first time or again. */
  touch(session: string, nowMs: number): void {
    const known = this.#find(session, nowMs);
    this.#sql.exec(
      'INSERT OR REPLACE INTO session_spans (session, started_at_ms, last_at_ms) VALUES (?, ?, ?)',
      session,
      known?.started_at_ms ?? nowMs,
      nowMs,
    );
  }

  /** Sessions active since an instant. */
  activeSince(sinceMs: number): string[] {
    const query = 'SELECT session FROM session_spans WHERE last_at_ms >= ?';
    return [...this.#sql.exec<{ session: string }>(query, sinceMs)].map((row) => row.session);
  }

  forgetBefore(nowMs: number): void {
    this.#sql.exec('DELETE FROM session_spans WHERE last_at_ms < ?', nowMs - SESSION_KEPT_MS);
  }
}
