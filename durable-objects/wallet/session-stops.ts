/** The wallet's copy of sessions that were stopped: they take no more turns until the stop is lifted. */
import { z } from 'zod';
import type { CopiedTable } from './configuration-copy.ts';

const pulledSchema = z.object({ session: z.string(), reason: z.string(), lifted_at: z.string().nullable() });

export class SessionStops implements CopiedTable {
  readonly query =
    'SELECT session, reason, lifted_at FROM session_stops WHERE cost_center = ? AND revision > ?';
  readonly #sql: SqlStorage;
  #reasons = new Map<string, string>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.reload();
  }

  /** Why the session was stopped; null where it was not. */
  reasonOf(session: string): string | null {
    return this.#reasons.get(session) ?? null;
  }

  keep(rows: readonly unknown[]): void {
    for (const stop of z.array(pulledSchema).parse(rows)) {
      if (stop.lifted_at === null) {
        this.#sql.exec('INSERT OR REPLACE INTO session_stops VALUES (?, ?)', stop.session, stop.reason);
      } else {
        this.#sql.exec('DELETE FROM session_stops WHERE session = ?', stop.session);
      }
    }
  }

  reload(): void {
    const query = 'SELECT session, reason FROM session_stops';
    const rows = this.#sql.exec<{ session: string; reason: string }>(query);
    this.#reasons = new Map([...rows].map((row) => [row.session, row.reason]));
  }
}
