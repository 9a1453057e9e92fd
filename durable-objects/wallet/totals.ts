/** What the wallet counted, for whoever holds it against the ledger. Reads only: a difference is not mended here. */
import { addNanoUsd, type NanoUsd, nanoUsd } from '../core/money.ts';
import type { WalletTotals } from './rpc.ts';
import type { WalletState } from './state.ts';

/**
 * Totals of turns admitted in a span whose ends lie on quarter-hours, and what of them D1 may not have yet: both
 * of one instant, because nothing is awaited between.
 */
export function totalsOf(
  { spend, outbox }: Pick<WalletState, 'spend' | 'outbox'>,
  costCenter: string,
  { startMs, endMs }: { startMs: number; endMs: number },
): WalletTotals {
  const days = spend.byDayAndDeveloper({ startMs, endMs });
  const sumOf = (rows: readonly { settledNanoUsd: NanoUsd }[]): NanoUsd =>
    rows.reduce((sum, each) => addNanoUsd(sum, each.settledNanoUsd), nanoUsd(0));
  const byDeveloper = Map.groupBy(days, ({ developer }) => developer);
  return {
    costCenter,
    settledNanoUsd: sumOf(days),
    developers: [...byDeveloper].map(([developer, rows]) => ({ developer, settledNanoUsd: sumOf(rows) })),
    days: days.map(({ dayMs, ...rest }) => ({ day: new Date(dayMs).toISOString().slice(0, 10), ...rest })),
    undrainedEntries: outbox.entriesAdmitted(new Date(startMs).toISOString(), new Date(endMs).toISOString()),
    outboxDepth: outbox.depth(),
    oldestUndrainedAt: outbox.oldestAt(),
  };
}
