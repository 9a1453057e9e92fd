/** Leases that ran out: their turns settle at the best figure known. */
import { expireTurn } from './settle.ts';
import type { WalletState } from './state.ts';

/** Leases settled in one alarm; more are served by the next one at once. */
const LEASES_AN_ALARM = 200;
/** A lease that could not be settled is tried again after this long. */
const POSTPONED_MS = 60_000;

export function expireLeases(state: WalletState): void {
  const nowMs = state.clock.now();
  for (const row of state.turns.runOut(nowMs, LEASES_AN_ALARM)) {
    // One transaction a turn: a turn that cannot be priced must not keep the others open.
    try {
      state.commit(() => expireTurn(state, row, 'lease_expired'));
    } catch (error) {
      state.turns.postpone(row.turnId, nowMs + POSTPONED_MS);
      console.error({ message: 'a lease could not be settled', turn: row.turnId, error: String(error) });
    }
  }
}
