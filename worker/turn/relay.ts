/**
 * Calls that are not turns: counting tokens, listing models. The key is checked with the wallet; nothing is
 * charged, limited or held.
 */
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { modelNamed } from '../../durable-objects/core/catalogue/names.ts';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';
import type { VerifiedKey } from '../auth/virtual-key.ts';
import { errorResponse } from '../envelope.ts';
import type { ProviderRequest } from '../providers/provider.ts';
import { withModel } from '../providers/request-model.ts';
import { authenticate, keyRejected, walletAway } from './authenticate.ts';
import { bodyRefused, exchangeBody, type TakenBody, takeBody } from './body.ts';
import { type Dialect, NATIVE, type Translation } from './dialect.ts';
import { type Edge, walletOfKey } from './edge.ts';
import { downstreamHeaders, upstreamHeaders } from './forward.ts';
import { type BodyProblem, parseBody } from './inspect.ts';
import { clientLeft, credentialRefused, isCredentialRefusal, pathOf, upstreamAway } from './upstream.ts';
import { callWallet, WALLET_LIMIT_MS } from './wallet-call.ts';

/** A request to pass on, but for what is the provider's. */
type Relayed = Pick<ProviderRequest, 'path' | 'method' | 'model' | 'body'> & { headers: Headers };

/** Relays a GET and its answer unchanged, but for credentials and the organisation's limits. */
export async function relay(request: Request, edge: Edge): Promise<Response> {
  const key = await admit(request, edge);
  if (key instanceof Response) return key;
  const relayed = { path: pathOf(request), method: 'GET' as const, model: null, body: null };
  return await passOn({ ...relayed, headers: request.headers }, key, request.signal, edge);
}

/** Relays `POST /v1/messages/count_tokens`, and what means the same in another dialect. */
export async function relayCount(request: Request, edge: Edge, dialect: Dialect = NATIVE): Promise<Response> {
  const key = await admit(request, edge);
  if (key instanceof Response) return await dialect.refuse(key);
  const taken = await takeBody(request);
  if (!taken.ok) return await dialect.refuse(bodyRefused(taken.error, edge.requestId));
  const translated = dialect.translate(taken.value.bytes, request);
  if (!translated.ok) {
    taken.value.release();
    return await dialect.refuse(bodyProblem(translated.error, edge));
  }
  const body = exchangeBody(taken.value, translated.value.bytes);
  try {
    return await translated.value.answer(await count(translated.value, body, key, request.signal, edge));
  } finally {
    body.release();
  }
}

async function count(
  { headers, path }: Translation,
  { bytes }: TakenBody,
  key: VerifiedKey,
  signal: AbortSignal,
  edge: Edge,
): Promise<Response> {
  const counted = countedBody(bytes, edge.bindings.modelAliases);
  if (!counted.ok) return bodyProblem(counted.error, edge);
  return await passOn({ path, method: 'POST', headers, ...counted.value }, key, signal, edge);
}

/** The body with its model by the first-party name; one without a model is for the provider to refuse. */
function countedBody(
  bytes: Uint8Array,
  aliases: ReadonlyMap<string, string>,
): Result<Pick<ProviderRequest, 'model' | 'body'>, BodyProblem> {
  const parsed = parseBody(bytes);
  if (!parsed.ok) return err(parsed.error);
  const written = parsed.value.model;
  if (typeof written !== 'string') return ok({ model: null, body: bytes });
  const model = modelNamed(written, aliases, builtinCatalogue);
  return ok({ model, body: model === written ? bytes : withModel(bytes, model) });
}

function bodyProblem({ path, message }: BodyProblem, edge: Edge): Response {
  return errorResponse('invalid_request_error', `${path}: ${message}`, { requestId: edge.requestId });
}

/** The key of a request that its wallet lets pass, or the answer that turns it away. */
export async function admit(request: Request, edge: Edge): Promise<VerifiedKey | Response> {
  const key = await authenticate(request, edge);
  if (key instanceof Response) return key;
  const wallet = () => walletOfKey(edge, key);
  const authorized = await callWallet(() => wallet().authorize(key.costCenter, key.keyId), WALLET_LIMIT_MS);
  if (!authorized || authorized.status === 'unavailable') return walletAway(edge.requestId);
  return authorized.status === 'key_rejected' ? keyRejected(key, authorized.problem, edge.requestId) : key;
}

async function passOn(
  relayed: Relayed,
  key: VerifiedKey,
  signal: AbortSignal,
  edge: Edge,
): Promise<Response> {
  const [provider] = edge.providers;
  try {
    const isSimulator = provider.name === 'simulator';
    const headers = upstreamHeaders(relayed.headers, edge.bindings.anthropicVersion, isSimulator);
    const response = await provider.send({ ...relayed, headers, signal });
    if (isCredentialRefusal(response.status)) {
      return await credentialRefused(response, edge, key.costCenter, null, () => walletOfKey(edge, key));
    }
    const answered = downstreamHeaders(response.headers);
    if (!answered.has('request-id')) answered.set('request-id', edge.requestId);
    return new Response(response.body, { status: response.status, headers: answered });
  } catch (error) {
    return signal.aborted ? clientLeft(edge.requestId) : upstreamAway(error, edge.requestId);
  }
}
