/** What the last answered turn of each session and thread tells of the thread's next one. */
import type { SessionHistory } from '../core/estimate.ts';
import type { TurnFacts } from '../core/turn.ts';

/** A session idle this long is over (DESIGN leaves session state 35 days). */
const SESSION_KEPT_MS = 35 * 86_400_000;

/**
 * The conversation within a session that a turn continues: the main loop, each agent, and the auxiliary turns,
 * whose short prompts say nothing of the main loop's.
 */
function threadOf({ kind, agent }: Pick<TurnFacts, 'kind' | 'agent'>): string {
  return kind === 'auxiliary' ? `auxiliary ${agent ?? ''}` : (agent ?? '');
}

export class Sessions {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  find(facts: TurnFacts): SessionHistory | null {
    const [row] = this.#sql
      .exec<{ history: string }>(
        'SELECT history FROM sessions WHERE session = ? AND thread = ?',
        facts.session,
        threadOf(facts),
      )
      .toArray();
    return row ? (JSON.parse(row.history) as SessionHistory) : null;
  }

  save(facts: TurnFacts, history: SessionHistory): void {
    this.#sql.exec(
      'INSERT OR REPLACE INTO sessions (session, thread, at_ms, history) VALUES (?, ?, ?, ?)',
      facts.session,
      threadOf(facts),
      history.atMs,
      JSON.stringify(history),
    );
  }

  forgetBefore(nowMs: number): void {
    this.#sql.exec('DELETE FROM sessions WHERE at_ms < ?', nowMs - SESSION_KEPT_MS);
  }
}
