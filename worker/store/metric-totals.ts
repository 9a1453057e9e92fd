/** What the ledger came to since its first entry, a row a cost center, kind and decision; ledger/append keeps it. */
import { sql } from 'drizzle-orm';
import type { EntryKind } from '../../durable-objects/ledger/entry.ts';
import type { Database } from './database.ts';

/** Sums are integers as text: over years they can be larger than a number holds exactly. */
export interface LedgerTotals {
  costCenter: string;
  kind: EntryKind;
  decision: string;
  entries: string;
  chargedNanoUsd: string;
  /** What corrections took back, above 0. */
  creditedNanoUsd: string;
  inputTokens: string;
  cacheWriteTokens: string;
  cacheReadTokens: string;
  outputTokens: string;
}

/** Those of the cost centers whose id is above `after` and at most `last`; null: no such end. By primary key. */
export async function listLedgerTotals(
  database: Database,
  { after, last }: { after: string | null; last: string | null },
): Promise<LedgerTotals[]> {
  return await database.all<LedgerTotals>(sql`
    SELECT cost_center AS costCenter, kind, decision,
      CAST(entries AS TEXT) AS entries,
      CAST(charged_nano_usd AS TEXT) AS chargedNanoUsd, CAST(credited_nano_usd AS TEXT) AS creditedNanoUsd,
      CAST(input_tokens AS TEXT) AS inputTokens, CAST(cache_write_tokens AS TEXT) AS cacheWriteTokens,
      CAST(cache_read_tokens AS TEXT) AS cacheReadTokens, CAST(output_tokens AS TEXT) AS outputTokens
    FROM ledger_totals
    WHERE cost_center > ${after ?? ''} ${last === null ? sql`` : sql`AND cost_center <= ${last}`}
    ORDER BY cost_center, kind, decision`);
}
