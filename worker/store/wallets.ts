/** Where a cost center's objects are: a wallet, a delivery of alerts, and one a dry run, in its jurisdiction. */
import type { AlertDeliveryRpc } from '../../durable-objects/alerts/rpc.ts';
import type { DryRunRpc } from '../../durable-objects/dry-runs/rpc.ts';
import type { WalletRpc } from '../../durable-objects/wallet/rpc.ts';
import type { Bindings } from '../bindings.ts';

type Wallets = Pick<Bindings, 'wallets'>;

/** The wallet of a cost center. Throws where the jurisdiction is one the platform does not know. */
export function walletOf({ wallets }: Wallets, costCenter: string, jurisdiction: 'eu' | null): WalletRpc {
  const namespace = jurisdiction === null ? wallets : wallets.jurisdiction(jurisdiction);
  return namespace.get(namespace.idFromName(costCenter));
}

/**
 * The delivery of alerts of a cost center, or of the organisation (ORGANISATION). Throws where the jurisdiction is one the
 * platform does not know.
 */
export function alertDeliveryOf(
  { alerts }: Pick<Bindings, 'alerts'>,
  costCenter: string,
  jurisdiction: 'eu' | null,
): AlertDeliveryRpc {
  const namespace = jurisdiction === null ? alerts : alerts.jurisdiction(jurisdiction);
  return namespace.get(namespace.idFromName(costCenter));
}

/** The job of a dry run. Throws where the jurisdiction is one the platform does not know. */
export function dryRunOf(
  { dryRuns }: Pick<Bindings, 'dryRuns'>,
  id: string,
  jurisdiction: 'eu' | null,
): DryRunRpc {
  const namespace = jurisdiction === null ? dryRuns : dryRuns.jurisdiction(jurisdiction);
  return namespace.get(namespace.idFromName(id));
}

/** Whether this platform can keep a wallet within a jurisdiction; a local one cannot. */
export function offersJurisdiction({ wallets }: Wallets, jurisdiction: 'eu'): boolean {
  try {
    wallets.jurisdiction(jurisdiction);
    return true;
  } catch {
    return false;
  }
}
