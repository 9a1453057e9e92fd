/** How a wallet is doing right now; reads only, and costs no transaction. */
import type { HoldView, WalletGauges } from './rpc.ts';
import type { WalletState } from './state.ts';

export function gaugesOf({ turns, outbox, telemetry, clock }: WalletState): WalletGauges {
  const open = turns.openTurns();
  const oldestAt = outbox.oldestAt();
  const { sent, lost } = telemetry.counts();
  return {
    holdsOpen: open.length,
    heldNanoUsd: open.reduce((sum, { opened }) => sum + opened.heldNanoUsd, 0),
    outboxDepth: outbox.depth(),
    outboxOldestMs: oldestAt === null ? 0 : Math.max(0, clock.now() - Date.parse(oldestAt)),
    telemetrySent: sent,
    telemetryLost: lost,
  };
}

export function holdViews({ turns }: WalletState): HoldView[] {
  return turns.openTurns().map(({ turnId, opened, leaseExpiresAtMs, openedAtMs }) => {
    const { request, developer, heldNanoUsd, model } = opened;
    return {
      turnId,
      attempt: opened.attempt,
      developer,
      keyId: request.keyId,
      session: request.facts.session,
      model: model ?? request.facts.model,
      heldNanoUsd,
      openedAt: new Date(openedAtMs).toISOString(),
      leaseExpiresAt: new Date(leaseExpiresAtMs).toISOString(),
    };
  });
}
