/** Asks the wallet where the holder of a request's key stands; no turn, nothing is held or charged. */
import type { CallerView } from '../../durable-objects/wallet/rpc.ts';
import type { VerifiedKey } from '../auth/virtual-key.ts';
import { errorResponse } from '../envelope.ts';
import { authenticate, keyRejected } from './authenticate.ts';
import { type Edge, walletOfKey } from './edge.ts';
import { callWallet, WALLET_LIMIT_MS } from './wallet-call.ts';

/** The caller of a request with a virtual key, or the answer that turns it away. `session` null: none in particular. */
export async function callerOf(
  request: Request,
  edge: Edge,
  session: string | null,
): Promise<CallerView | Response> {
  const key = await authenticate(request, edge);
  return key instanceof Response ? key : await callerOfKey(key, edge, session);
}

/** The same for a key that proved itself already. */
export async function callerOfKey(
  key: VerifiedKey,
  edge: Edge,
  session: string | null,
): Promise<CallerView | Response> {
  const ask = () => walletOfKey(edge, key).caller(key.costCenter, key.keyId, session);
  const reply = await callWallet(ask, WALLET_LIMIT_MS);
  if (!reply || reply.status === 'unavailable') {
    const message = 'The wallet of this cost center cannot be reached right now; ask again in a moment.';
    return errorResponse('overloaded_error', message, { requestId: edge.requestId });
  }
  return reply.status === 'known' ? reply.caller : keyRejected(key, reply.problem, edge.requestId);
}
