/** An upstream's answers that Bursar gives its own words: none at all, and a refusal of Bursar's credential. */
import type { WalletRpc } from '../../durable-objects/wallet/rpc.ts';
import { errorResponse } from '../envelope.ts';
import type { Edge } from './edge.ts';
import { callWallet } from './wallet-call.ts';

const ALERT_LIMIT_MS = 10_000;

/** The request's path and query, as the client sent them. */
export function pathOf(request: Request): string {
  const { pathname, search } = new URL(request.url);
  return pathname + search;
}

export function upstreamAway(
  error: unknown,
  requestId: string,
  headers: Record<string, string> = {},
): Response {
  console.warn({ message: 'the upstream could not be reached', error: String(error) });
  return errorResponse('api_error', 'The model provider could not be reached; nothing was charged.', {
    requestId,
    status: 502,
    headers,
  });
}

/** Nobody reads it: the client is gone. 499 is what logs call that. */
export function clientLeft(requestId: string): Response {
  return errorResponse('api_error', 'The client left.', { requestId, status: 499 });
}

export function isCredentialRefusal(status: number): boolean {
  return status === 401 || status === 403;
}

/**
 * The upstream refused Bursar's own credential: an admin's matter that no developer can mend, so it is a 502
 * here and an alert there.
 */
export async function credentialRefused(
  response: Response,
  edge: Edge,
  costCenter: string,
  turnId: string | null,
  wallet: () => WalletRpc,
  headers: Record<string, string> = {},
): Promise<Response> {
  const { status } = response;
  await response.body?.cancel();
  const [provider] = edge.providers;
  const facts = { provider: provider.name, credential: provider.credentialId, status };
  const event = { on: 'upstream_credential', turnId, facts };
  edge.waitUntil(callWallet(() => wallet().raise(costCenter, event), ALERT_LIMIT_MS));
  const message = `The model provider refused the gateway's own credential (${status}); your administrator has to look at it. Nothing was charged.`;
  return errorResponse('api_error', message, { requestId: edge.requestId, status: 502, headers });
}
