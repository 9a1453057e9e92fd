/** Destinations that did not take something rest a while; those that are gone rest until their routes change. */

export class Rests {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  until(destination: string): number {
    const query = 'SELECT until_ms FROM rests WHERE destination = ?';
    return this.#sql.exec<{ until_ms: number }>(query, destination).toArray()[0]?.until_ms ?? 0;
  }

  rest(destination: string, untilMs: number): void {
    this.#sql.exec(
      `INSERT INTO rests VALUES (?1, ?2, NULL)
       ON CONFLICT DO UPDATE SET until_ms = ?2`,
      destination,
      untilMs,
    );
  }

  /** The receiver wants nothing more, as long as the routes are of this revision. */
  disable(destination: string, revision: number): void {
    this.#sql.exec(
      `INSERT INTO rests VALUES (?1, 0, ?2)
       ON CONFLICT DO UPDATE SET disabled_revision = ?2`,
      destination,
      revision,
    );
  }

  isDisabled(destination: string, revision: number): boolean {
    const query = 'SELECT disabled_revision AS at FROM rests WHERE destination = ?';
    return this.#sql.exec<{ at: number | null }>(query, destination).toArray()[0]?.at === revision;
  }

  /** It takes messages, or somebody wants it tried again. */
  wake(destination: string): void {
    this.#sql.exec('DELETE FROM rests WHERE destination = ?', destination);
  }
}
