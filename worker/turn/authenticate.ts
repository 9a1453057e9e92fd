/** Who is calling: a key proves itself at the edge; whether it still may is the wallet's to know. */
import type { KeyProblem } from '../../durable-objects/wallet/rpc.ts';
import { credentialOf, type VerifiedKey, verifyKey } from '../auth/virtual-key.ts';
import { errorResponse } from '../envelope.ts';
import { ownCredentialProvider } from '../providers/own-credential.ts';
import type { Provider } from '../providers/provider.ts';
import type { Edge } from './edge.ts';

const WHY: Record<KeyProblem, string> = {
  unknown: 'is not known',
  revoked: 'was revoked',
  disabled: 'is disabled',
  expired: 'has expired',
};

/** A key that fails is final: no client should send it again by itself. */
function unauthorized(message: string, requestId: string): Response {
  return errorResponse('authentication_error', message, {
    requestId,
    headers: { 'x-should-retry': 'false' },
  });
}

/** The genuine key of a request, or the 401 that answers it. Touches no object and no database. */
export async function authenticate(request: Request, edge: Edge): Promise<VerifiedKey | Response> {
  const credential = credentialOf(request.headers);
  if (credential === null) {
    const message = 'No Bursar key: expected one as "Authorization: Bearer bk_…" or as "x-api-key: bk_…".';
    return unauthorized(message, edge.requestId);
  }
  const key = await verifyKey(credential, edge.bindings.keySecrets);
  return (
    key ??
    unauthorized('This is not a valid Bursar key; ask whoever gave it to you for a new one.', edge.requestId)
  );
}

/**
 * The upstream by the credential of the developer's own that came beside Bursar's key; null where there is none. Where
 * the deployment takes none, the 403 that says so: it must not go on at the organisation's cost by mistake.
 */
export async function ownUpstream(request: Request, edge: Edge): Promise<Provider | Response | null> {
  if (!request.headers.has('x-bursar-key')) return null;
  const { ownCredentials, providers } = edge.bindings;
  const own = await ownCredentialProvider(request.headers, providers);
  if (own === null || ownCredentials) return own;
  const message =
    'x-bursar-key: this gateway takes no credential of your own; send the Bursar key alone, as "Authorization: Bearer bk_…".';
  return errorResponse('permission_error', message, {
    requestId: edge.requestId,
    headers: { 'x-should-retry': 'false' },
  });
}

/** The answer to a genuine key that the wallet does not let pass. */
export function keyRejected(key: VerifiedKey, problem: KeyProblem, requestId: string): Response {
  return unauthorized(
    `The Bursar key ${key.keyId} of ${key.costCenter} ${WHY[problem]}; ask for a new one.`,
    requestId,
  );
}

/** The wallet could not be asked: nothing passes unmetered, and trying again helps. */
export function walletAway(requestId: string, headers: Record<string, string> = {}): Response {
  const message = 'The wallet of this cost center cannot be reached right now; the turn was not sent.';
  return errorResponse('overloaded_error', message, { requestId, headers });
}
