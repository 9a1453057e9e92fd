/** Slack's ids of people by e-mail, as it told them before. */
import type { KnownSlackUsers } from './destinations/slack.ts';

const KEPT_MS = 86_400_000;

export class SlackUsers implements KnownSlackUsers {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  get(email: string): string | null {
    const query = 'SELECT user_id FROM slack_users WHERE email = ? AND read_at_ms > ?';
    const [row] = this.#sql.exec<{ user_id: string }>(query, email, Date.now() - KEPT_MS).toArray();
    return row?.user_id ?? null;
  }

  put(email: string, userId: string): void {
    const known = this.get(email);
    if (known === userId) return;
    this.#sql.exec('INSERT OR REPLACE INTO slack_users VALUES (?, ?, ?)', email, userId, Date.now());
  }

  forget(email: string): void {
    this.#sql.exec('DELETE FROM slack_users WHERE email = ?', email);
  }

  /** Forgets those that are not used any more at an instant (epoch ms). */
  forgetStale(nowMs: number): void {
    this.#sql.exec('DELETE FROM slack_users WHERE read_at_ms <= ?', nowMs - KEPT_MS);
  }
}
