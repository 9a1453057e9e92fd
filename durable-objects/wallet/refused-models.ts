/** Pairs of models that did not work: turns that asked for one and were refused by the upstream on the other. */

/** A refusal is remembered this long: by then the upstream, or our idea of what it accepts, may have changed. */
const REMEMBERED_MS = 86_400_000;

export class RefusedModels {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Models not to be tried for turns that ask for this one. */
  of(asked: string, nowMs: number): string[] {
    const query = 'SELECT model FROM refused_models WHERE asked = ? AND until_ms > ?';
    return [...this.#sql.exec<{ model: string }>(query, asked, nowMs)].map((row) => row.model);
  }

  remember(asked: string, model: string, nowMs: number): void {
    this.#sql.exec(
      'INSERT OR REPLACE INTO refused_models (asked, model, until_ms) VALUES (?, ?, ?)',
      asked,
      model,
      nowMs + REMEMBERED_MS,
    );
  }

  forgetBefore(nowMs: number): void {
    this.#sql.exec('DELETE FROM refused_models WHERE until_ms <= ?', nowMs);
  }
}
