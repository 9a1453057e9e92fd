/** What came of each draft, as JSON, until D1 has it. */
import { type Renaming, withPseudonym } from '../core/pseudonym.ts';
import type { ReplayResult } from '../core/replay/types.ts';
import type { KeptResult } from './rpc.ts';

/** D1 takes no row of 2 MB. */
const MAX_BYTES = 1_900_000;

export class Results {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Keeps each draft's result, whole in itself, with the number of its events that were not kept. Throws where one is larger than D1 can keep. */
  keep({ drafts, calibration, assumptions }: ReplayResult, eventsLeftOut: ReadonlyMap<number, number>): void {
    this.forget();
    for (const [draft, result] of drafts.entries()) {
      const text = JSON.stringify({
        ...result,
        events_left_out: eventsLeftOut.get(draft) ?? 0,
        calibration,
        assumptions,
      } satisfies KeptResult);
      const bytes = new TextEncoder().encode(text).byteLength;
      if (bytes > MAX_BYTES) {
        throw new Error(
          `the result of "${result.name}" has ${bytes} bytes, at most ${MAX_BYTES} can be kept: ask for fewer days`,
        );
      }
      this.#sql.exec('INSERT INTO results VALUES (?, ?)', draft, text);
    }
  }

  /** By the draft's place. */
  read(): ReadonlyMap<number, string> {
    const rows = this.#sql.exec<{ draft: number; result: string }>('SELECT draft, result FROM results');
    return new Map([...rows].map(({ draft, result }) => [draft, result]));
  }

  rename(renaming: Renaming): void {
    for (const [draft, text] of this.read()) {
      const renamed = JSON.stringify(withPseudonym(JSON.parse(text) as unknown, renaming));
      this.#sql.exec('UPDATE results SET result = ? WHERE draft = ?', renamed, draft);
    }
  }

  forget(): void {
    this.#sql.exec('DELETE FROM results');
  }
}
