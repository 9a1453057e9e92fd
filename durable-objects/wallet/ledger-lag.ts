/** Entries that D1 does not take are nobody's loss, but a ledger that stands still is to be known of. */
import { policyInForce } from './configuration.ts';
import type { WalletState } from './state.ts';

/** An outbox whose oldest document waits for so long is told of, once an hour. */
const LAG_TOLD_MS = 300_000;

export function tellLedgerLag(state: WalletState): void {
  const { alerts, clock, configuration, outbox } = state;
  const oldestAt = outbox.oldestAt();
  const nowMs = clock.now();
  const known = configuration.current();
  if (oldestAt === null || !known || nowMs - Date.parse(oldestAt) < LAG_TOLD_MS) return;
  const { costCenter } = known;
  const policyVersion = policyInForce(known, nowMs, null)?.version ?? null;
  const turn = { costCenter, turnId: null, session: null, developer: null, policyVersion };
  const facts = { outbox_depth: outbox.depth(), oldest_at: oldestAt };
  state.commit(() => alerts.tell('ledger_lag', costCenter, turn, facts, nowMs));
}
