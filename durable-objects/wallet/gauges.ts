/** How a wallet is doing right now; reads only, and costs no transaction. */
import type { WalletGauges } from './rpc.ts';
import type { WalletState } from './state.ts';

export function gaugesOf({ turns, outbox, clock }: WalletState): WalletGauges {
  const open = turns.openTurns();
  const oldestMs = outbox.oldestMs();
  return {
    holdsOpen: open.length,
    heldNanoUsd: open.reduce((sum, { opened }) => sum + opened.heldNanoUsd, 0),
    outboxDepth: outbox.depth(),
    outboxOldestMs: oldestMs === null ? 0 : Math.max(0, clock.now() - oldestMs),
  };
}
