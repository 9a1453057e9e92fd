/** Tells the guards in a wallet what the wallet does not see itself. */
import { withinTime } from '../../durable-objects/ledger/deadline.ts';
import type { Bindings } from '../bindings.ts';
import type { IncreaseRequest } from './increase-requests.ts';
import { walletOf } from './wallets.ts';

const ANSWER_WITHIN_MS = 2_000;

/** Of a developer's request for more; `session` null: they named none. Never rejects: what is lost is a count. */
export async function tellGuards(
  bindings: Pick<Bindings, 'wallets'>,
  { id, jurisdiction }: { id: string; jurisdiction: 'eu' | null },
  request: IncreaseRequest,
  session: string | null,
): Promise<void> {
  try {
    const wallet = walletOf(bindings, id, jurisdiction);
    await withinTime(wallet.requested(id, request.keyId, request.id, session), ANSWER_WITHIN_MS);
  } catch (error) {
    console.warn({ message: 'guards were not told of a request', id: request.id, error: String(error) });
  }
}
