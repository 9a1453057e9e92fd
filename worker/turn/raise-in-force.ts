/** A raise that is committed, on its way to where it counts: the wallet, and the incidents it ends. */
import type { Bindings } from '../bindings.ts';
import type { CostCenter } from '../store/cost-centers.ts';
import { resolveIncidents } from '../store/delivery-call.ts';
import type { Raise } from '../store/raises.ts';
import { isConfirmed } from './wallet-confirm.ts';

/** Whether the wallet has the raise, so that the very next turn passes by it; open incidents are resolved. */
export async function isInForce(
  bindings: Bindings,
  owner: Pick<CostCenter, 'id' | 'jurisdiction'>,
  raise: Raise,
): Promise<boolean> {
  const [isKnown] = await Promise.all([
    isConfirmed(bindings, owner, raise.revision),
    resolveIncidents(bindings, owner, raise),
  ]);
  return isKnown;
}
