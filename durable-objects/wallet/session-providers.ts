/** Which provider answered a session last: its prompt cache is there, and nowhere else. */
import { cacheTtlMs } from '../core/history.ts';
import type { TurnFacts } from '../core/turn.ts';

/** A note this fresh is not written again: the time only tells whether the cache may still be warm. */
const FRESH_MS = 60_000;
/** No cache lives longer without being used. */
const KEPT_MS = 3_600_000;

interface Row extends Record<string, SqlStorageValue> {
  provider: string;
  at_ms: number;
}

export class SessionProviders {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** The provider's id, as long as what it cached may be warm; else null. */
  find({ session, cacheTtl }: Pick<TurnFacts, 'session' | 'cacheTtl'>, nowMs: number): string | null {
    const row = this.#read(session);
    return row && nowMs < row.at_ms + cacheTtlMs(cacheTtl) + FRESH_MS ? row.provider : null;
  }

  /** `provider` null: nobody knows. */
  note(session: string, provider: string | null, nowMs: number): void {
    if (provider === null) return;
    const known = this.#read(session);
    if (known?.provider === provider && nowMs < known.at_ms + FRESH_MS) return;
    const query = 'INSERT OR REPLACE INTO session_providers (session, provider, at_ms) VALUES (?, ?, ?)';
    this.#sql.exec(query, session, provider, nowMs);
  }

  forgetBefore(nowMs: number): void {
    this.#sql.exec('DELETE FROM session_providers WHERE at_ms < ?', nowMs - KEPT_MS - FRESH_MS);
  }

  #read(session: string): Row | null {
    const query = 'SELECT provider, at_ms FROM session_providers WHERE session = ?';
    return this.#sql.exec<Row>(query, session).toArray()[0] ?? null;
  }
}
