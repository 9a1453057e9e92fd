/** A change counts once the wallet has it: pushed after the commit, with a few quick tries. */
import type { Bindings } from '../bindings.ts';
import type { CostCenter } from '../store/cost-centers.ts';
import { walletOf } from '../store/wallets.ts';
import { callWallet } from './wallet-call.ts';

const CONFIRM_WITHIN_MS = 3_000;

/** Whether the wallet says in time that it has the configuration of `revision`, or a later one. */
export async function isConfirmed(
  bindings: Bindings,
  { id, jurisdiction }: Pick<CostCenter, 'id' | 'jurisdiction'>,
  revision: number,
): Promise<boolean> {
  const reply = await callWallet(
    () => walletOf(bindings, id, jurisdiction).refresh(id, revision),
    CONFIRM_WITHIN_MS,
  );
  return reply !== null && reply.revision >= revision;
}
