/** Codes of links that were used: each works once. Kept until the code would have ended anyway. */

export class RedeemedCodes {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Marks a code as used; false where it was already. `untilMs`: when the code ends by itself. */
  redeem(code: string, untilMs: number): boolean {
    const insert = 'INSERT OR IGNORE INTO redeemed_codes (code, until_ms) VALUES (?, ?) RETURNING code';
    return this.#sql.exec(insert, code, untilMs).toArray().length === 1;
  }

  forgetBefore(nowMs: number): void {
    this.#sql.exec('DELETE FROM redeemed_codes WHERE until_ms < ?', nowMs);
  }
}
