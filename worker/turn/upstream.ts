/** An upstream's answers that Bursar gives its own words: none at all, and a refusal of Bursar's credential. */
import type { VerifiedKey } from '../auth/virtual-key.ts';
import { errorResponse } from '../envelope.ts';
import type { Provider } from '../providers/provider.ts';
import { type Edge, walletOfKey } from './edge.ts';
import { callWallet } from './wallet-call.ts';

const ALERT_LIMIT_MS = 10_000;

/** The request's path and query, as the client sent them. */
export function pathOf(request: Request): string {
  const { pathname, search } = new URL(request.url);
  return pathname + search;
}

/** The answer where no provider gave one. */
export function upstreamAway(
  { isLate, isCharged }: { isLate: boolean; isCharged: boolean },
  requestId: string,
  headers: Record<string, string> = {},
): Response {
  const what = isLate ? 'did not begin to answer in time' : 'could not be reached';
  const charged = isCharged ? 'what was read of the request has been charged' : 'nothing was charged';
  const message = `The model provider ${what}; ${charged}.`;
  return errorResponse('api_error', message, { requestId, status: isLate ? 504 : 502, headers });
}

/** The answer where the provider's own was cut, and nothing of it went to the client. */
export function brokenOff(requestId: string, headers: Record<string, string>): Response {
  const message = 'The answer of the model provider broke off; what came of it has been charged.';
  return errorResponse('api_error', message, { requestId, status: 502, headers });
}

/** Nobody reads it: the client is gone. 499 is what logs call that. */
export function clientLeft(requestId: string): Response {
  return errorResponse('api_error', 'The client left.', { requestId, status: 499 });
}

/** A provider refused Bursar's own credential: an admin's matter that no developer can mend, so there is an alert. */
export function tellCredentialRefused(
  provider: Provider,
  status: number,
  key: VerifiedKey,
  turnId: string | null,
  edge: Edge,
): void {
  const facts = {
    provider: provider.name,
    provider_instance: provider.id,
    credential: provider.credentialId,
    status,
  };
  const event = { on: 'upstream_credential', turnId, facts };
  const raise = () => walletOfKey(edge, key).raise(key.costCenter, event);
  edge.waitUntil(callWallet(raise, ALERT_LIMIT_MS));
}

/** What a developer is told of it: a 502. */
export async function credentialRefused(
  response: Response,
  requestId: string,
  headers: Record<string, string> = {},
): Promise<Response> {
  const { status } = response;
  await response.body?.cancel();
  const message = `The model provider refused the gateway's own credential (${status}); your administrator has to look at it. Nothing was charged.`;
  return errorResponse('api_error', message, { requestId, status: 502, headers });
}
