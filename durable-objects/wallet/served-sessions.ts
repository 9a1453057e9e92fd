/**
 * How the main loop of each session was served last, and since when that is so: what a developer is shown of their
 * own sessions. A row a session and developer, since two developers may name theirs alike; written only where
 * something about it changed, so that most turns write nothing here.
 */
import type { Admission } from '../core/decision.ts';
import type { Renaming } from '../core/pseudonym.ts';
import type { TurnFacts } from '../core/turn.ts';

export interface ServedSession {
  session: string;
  /** As the client named it. */
  modelAsked: string;
  /** The model its turns are sent to. */
  model: string;
  decision: 'proceed' | 'downgrade' | 'route';
  /** The decisive one of the decision's reasons; null where there was none. */
  reason: string | null;
  /** When all of this came to be so, epoch ms. */
  sinceMs: number;
}

/** One that is listed: with when it was active. */
export interface ListedSession extends ServedSession {
  startedAtMs: number;
  lastAtMs: number;
}

interface Row extends Record<string, SqlStorageValue> {
  session: string;
  model_asked: string;
  model: string;
  decision: string;
  reason: string | null;
  since_ms: number;
}

interface ListedRow extends Row {
  started_at_ms: number;
  last_at_ms: number;
}

function toServed(row: Row): ServedSession {
  return {
    session: row.session,
    modelAsked: row.model_asked,
    model: row.model,
    // This class wrote it.
    decision: row.decision as ServedSession['decision'],
    reason: row.reason,
    sinceMs: row.since_ms,
  };
}

export class ServedSessions {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Null where this developer has no such session, whoever else has. */
  find(session: string, developer: string): ServedSession | null {
    const query = 'SELECT * FROM served_sessions WHERE session = ? AND developer = ?';
    const [row] = this.#sql.exec<Row>(query, session, developer).toArray();
    return row ? toServed(row) : null;
  }

  /**
   * Notes how a turn is served; since when stays as it was where nothing else differs. Only the main loop counts:
   * agents and titles come and go.
   */
  note(
    developer: string,
    { session, agent, kind, model: modelAsked }: Pick<TurnFacts, 'session' | 'agent' | 'kind' | 'model'>,
    { model, kind: decision, reasons }: Pick<Admission, 'model' | 'kind' | 'reasons'>,
    nowMs: number,
  ): void {
    if (kind !== 'main' || agent !== null) return;
    const served = { session, modelAsked, model, decision, reason: reasons[0] ?? null, sinceMs: nowMs };
    const known = this.find(served.session, developer);
    const isSame =
      known?.model === served.model &&
      known.modelAsked === served.modelAsked &&
      known.decision === served.decision &&
      known.reason === served.reason;
    if (isSame) return;
    this.#sql.exec(
      `INSERT OR REPLACE INTO served_sessions (session, developer, model_asked, model, decision, reason, since_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      served.session,
      developer,
      served.modelAsked,
      served.model,
      served.decision,
      served.reason,
      served.sinceMs,
    );
  }

  /** A developer's sessions active since an instant, the last active first. */
  activeSince(developer: string, sinceMs: number, limit: number): ListedSession[] {
    const rows = this.#sql.exec<ListedRow>(
      `SELECT s.*, p.started_at_ms, p.last_at_ms
       FROM served_sessions s JOIN session_spans p ON p.session = s.session
       WHERE s.developer = ? AND p.last_at_ms >= ? ORDER BY p.last_at_ms DESC, s.session LIMIT ?`,
      developer,
      sinceMs,
      limit,
    );
    return [...rows].map((row) => ({
      ...toServed(row),
      startedAtMs: row.started_at_ms,
      lastAtMs: row.last_at_ms,
    }));
  }

  rename({ developer, pseudonym }: Renaming): void {
    const update = 'UPDATE OR REPLACE served_sessions SET developer = ? WHERE developer = ?';
    this.#sql.exec(update, pseudonym, developer);
  }

  /** Forgets a session that was over long ago, before another of its name begins. */
  forget(session: string): void {
    this.#sql.exec('DELETE FROM served_sessions WHERE session = ?', session);
  }

  /** Drops sessions that are over; call after their spans were forgotten. */
  forgetOver(): void {
    this.#sql.exec('DELETE FROM served_sessions WHERE session NOT IN (SELECT session FROM session_spans)');
  }
}
