/**
 * Calls that are not turns: counting tokens, listing models. The key is checked with the wallet; nothing is
 * charged, limited or held.
 */
import { authenticate, keyRejected, walletAway } from './authenticate.ts';
import { bodyRefused, takeBody } from './body.ts';
import { type Edge, walletOfKey } from './edge.ts';
import { downstreamHeaders, upstreamHeaders } from './forward.ts';
import { clientLeft, credentialRefused, isCredentialRefusal, pathOf, upstreamAway } from './upstream.ts';
import { callWallet, WALLET_LIMIT_MS } from './wallet-call.ts';

/** Relays a request and its answer unchanged, but for credentials and the organisation's limits. */
export async function relay(request: Request, edge: Edge): Promise<Response> {
  const key = await authenticate(request, edge);
  if (key instanceof Response) return key;
  const wallet = () => walletOfKey(edge, key);
  const authorized = await callWallet(() => wallet().authorize(key.costCenter, key.keyId), WALLET_LIMIT_MS);
  if (!authorized || authorized.status === 'unavailable') return walletAway(edge.requestId);
  if (authorized.status === 'key_rejected') return keyRejected(key, authorized.problem, edge.requestId);
  const taken = request.method === 'POST' ? await takeBody(request) : null;
  if (taken && !taken.ok) return bodyRefused(taken.error, edge.requestId);
  try {
    const [provider] = edge.providers;
    const response = await provider.send({
      path: pathOf(request),
      method: request.method === 'POST' ? 'POST' : 'GET',
      model: null,
      headers: upstreamHeaders(
        request.headers,
        edge.bindings.anthropicVersion,
        provider.name === 'simulator',
      ),
      body: taken ? taken.value.bytes : null,
      signal: request.signal,
    });
    if (isCredentialRefusal(response.status)) {
      return await credentialRefused(response, edge, key.costCenter, null, wallet);
    }
    const headers = downstreamHeaders(response.headers);
    if (!headers.has('request-id')) headers.set('request-id', edge.requestId);
    return new Response(response.body, { status: response.status, headers });
  } catch (error) {
    return request.signal.aborted ? clientLeft(edge.requestId) : upstreamAway(error, edge.requestId);
  } finally {
    if (taken?.ok) taken.value.release();
  }
}
