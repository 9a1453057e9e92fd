/**
 * What the wallet remembers of each session between its turns: the history of each thread, the step down that
 * sticks to it, and what its developer wishes. All of it ends with the session.
 */
import { type SessionHistory, threadOf } from '../core/history.ts';
import { type Renaming, withPseudonym } from '../core/pseudonym.ts';
import { SESSION_KEPT_MS } from '../core/session.ts';
import type { Step } from '../core/step.ts';
import type { TurnFacts } from '../core/turn.ts';

export type ThreadFacts = Pick<TurnFacts, 'session' | 'kind' | 'agent'>;

export class Sessions {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  history(facts: ThreadFacts): SessionHistory | null {
    const [row] = this.#sql
      .exec<{ history: string }>(
        'SELECT history FROM sessions WHERE session = ? AND thread = ?',
        facts.session,
        threadOf(facts),
      )
      .toArray();
    return row ? (JSON.parse(row.history) as SessionHistory) : null;
  }

  saveHistory(facts: ThreadFacts, history: SessionHistory): void {
    this.#sql.exec(
      'INSERT OR REPLACE INTO sessions (session, thread, at_ms, history) VALUES (?, ?, ?, ?)',
      facts.session,
      threadOf(facts),
      history.atMs,
      JSON.stringify(history),
    );
  }

  step(facts: ThreadFacts): Step | null {
    const [row] = this.#sql
      .exec<{ step: string }>(
        'SELECT step FROM steps WHERE session = ? AND thread = ?',
        facts.session,
        threadOf(facts),
      )
      .toArray();
    return row ? (JSON.parse(row.step) as Step) : null;
  }

  /** A null step ends the one there was. */
  saveStep(facts: ThreadFacts, step: Step | null, nowMs: number): void {
    const thread = threadOf(facts);
    if (step === null) {
      this.#sql.exec('DELETE FROM steps WHERE session = ? AND thread = ?', facts.session, thread);
      return;
    }
    this.#sql.exec(
      'INSERT OR REPLACE INTO steps (session, thread, at_ms, step) VALUES (?, ?, ?, ?)',
      facts.session,
      thread,
      nowMs,
      JSON.stringify(step),
    );
  }

  /** The model the developer asked to step the session down to; null where they did not. */
  preference(session: string, developer: string): string | null {
    const [row] = this.#sql
      .exec<{ model: string }>(
        'SELECT model FROM preferences WHERE session = ? AND developer = ?',
        session,
        developer,
      )
      .toArray();
    return row?.model ?? null;
  }

  /** A null model takes the wish back. */
  savePreference(session: string, developer: string, model: string | null, nowMs: number): void {
    if (model === null) {
      this.#sql.exec('DELETE FROM preferences WHERE session = ? AND developer = ?', session, developer);
      return;
    }
    this.#sql.exec(
      'INSERT OR REPLACE INTO preferences (session, developer, model, at_ms) VALUES (?, ?, ?, ?)',
      session,
      developer,
      model,
      nowMs,
    );
  }

  /** In wishes, and in the causes of steps down: a step of a developer's budget names them. */
  rename(renaming: Renaming): void {
    const { developer, pseudonym } = renaming;
    this.#sql.exec(
      'UPDATE OR REPLACE preferences SET developer = ? WHERE developer = ?',
      pseudonym,
      developer,
    );
    const query = 'SELECT session, thread, step FROM steps WHERE instr(step, json_quote(?)) > 0';
    const rows = this.#sql.exec<{ session: string; thread: string; step: string }>(query, developer);
    for (const { session, thread, step } of rows.toArray()) {
      const document = JSON.stringify(withPseudonym(JSON.parse(step), renaming));
      const update = 'UPDATE steps SET step = ? WHERE session = ? AND thread = ?';
      this.#sql.exec(update, document, session, thread);
    }
  }

  /** Forgets what is left of a session of the same name that was over long ago. */
  forgetOver(session: string, nowMs: number): void {
    for (const table of ['sessions', 'steps', 'preferences']) {
      const query = `DELETE FROM ${table} WHERE session = ? AND at_ms < ?`;
      this.#sql.exec(query, session, nowMs - SESSION_KEPT_MS);
    }
  }

  forgetBefore(nowMs: number): void {
    for (const table of ['sessions', 'steps', 'preferences']) {
      this.#sql.exec(
        `DELETE FROM ${table} WHERE at_ms < ?
         AND session NOT IN (SELECT session FROM session_spans WHERE last_at_ms >= ?)`,
        nowMs - SESSION_KEPT_MS,
        nowMs - SESSION_KEPT_MS,
      );
    }
  }
}
