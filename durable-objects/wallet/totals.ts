/** What the wallet counted, for whoever holds it against the ledger. Reads only: a difference is not mended here. */
import { addNanoUsd, nanoUsd } from '../core/money.ts';
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
  const developers = spend.byDeveloper({ startMs, endMs });
  return {
    costCenter,
    settledNanoUsd: developers.reduce((sum, each) => addNanoUsd(sum, each.settledNanoUsd), nanoUsd(0)),
    developers,
    undrainedEntries: outbox.entriesAdmitted(new Date(startMs).toISOString(), new Date(endMs).toISOString()),
    outboxDepth: outbox.depth(),
    oldestUndrainedAt: outbox.oldestAt(),
  };
}
