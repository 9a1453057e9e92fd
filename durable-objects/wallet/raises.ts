/** The wallet's copy of temporary raises: what lifts a budget for whom, and until when. */
import { z } from 'zod';
import { MAX_LIMIT_NANO_USD, type NanoUsd, nanoUsd } from '../core/money.ts';
import type { Renaming } from '../core/pseudonym.ts';
import type { CopiedTable } from './configuration-copy.ts';

interface Raise {
  budget: string;
  /** Null: for every subject of the budget. */
  subject: string | null;
  extraNanoUsd: number;
  untilMs: number;
}

const pulledSchema = z.object({
  id: z.string(),
  budget: z.string(),
  subject: z.string().nullable(),
  extra_nano_usd: z.number().int(),
  until: z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
  ended_at: z.string().nullable(),
});

interface RaiseRow extends Record<string, SqlStorageValue> {
  budget: string;
  subject: string | null;
  extra_nano_usd: number;
  until_ms: number;
}

export class Raises implements CopiedTable {
  readonly query =
    'SELECT id, budget, subject, extra_nano_usd, until, ended_at FROM raises WHERE cost_center = ? AND revision > ?';
  readonly #sql: SqlStorage;
  /** Those nobody ended; few. */
  #raises: readonly Raise[] = [];

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.reload();
  }

  /** What raises add to a budget's limit for a subject at an instant; at most what a limit can be. */
  extra(budget: string, subject: string, nowMs: number): NanoUsd {
    let sum = 0;
    for (const raise of this.#raises) {
      if (raise.budget !== budget || raise.untilMs <= nowMs) continue;
      if (raise.subject === null || raise.subject === subject) sum += raise.extraNanoUsd;
    }
    return nanoUsd(Math.min(sum, MAX_LIMIT_NANO_USD));
  }

  keep(rows: readonly unknown[]): void {
    for (const raise of z.array(pulledSchema).parse(rows)) {
      this.#sql.exec(
        'INSERT OR REPLACE INTO raises VALUES (?, ?, ?, ?, ?, ?)',
        raise.id,
        raise.budget,
        raise.subject,
        raise.extra_nano_usd,
        raise.until,
        raise.ended_at === null ? 0 : 1,
      );
    }
  }

  /** Drops raises that are over. */
  forgetBefore(nowMs: number): void {
    this.#sql.exec('DELETE FROM raises WHERE ended = 1 OR until_ms <= ?', nowMs);
    this.reload();
  }

  rename({ developer, pseudonym }: Renaming): void {
    this.#sql.exec('UPDATE raises SET subject = ? WHERE subject = ?', pseudonym, developer);
    this.reload();
  }

  reload(): void {
    const query = 'SELECT budget, subject, extra_nano_usd, until_ms FROM raises WHERE ended = 0';
    this.#raises = [...this.#sql.exec<RaiseRow>(query)].map((row) => ({
      budget: row.budget,
      subject: row.subject,
      extraNanoUsd: row.extra_nano_usd,
      untilMs: row.until_ms,
    }));
  }
}
