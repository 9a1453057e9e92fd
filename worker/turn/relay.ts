/**
 * Calls that are not turns: counting tokens, listing models. The key is checked with the wallet; nothing is
 * charged, limited or held.
 */
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { modelNamed } from '../../durable-objects/core/catalogue/names.ts';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';
import type { VerifiedKey } from '../auth/virtual-key.ts';
import type { Provider, ProviderRequest } from '../providers/provider.ts';
import { withModel } from '../providers/request-model.ts';
import { authenticate, keyRejected, ownUpstream, walletAway } from './authenticate.ts';
import { bodyProblem, bodyRefused, type TakenBody, takeBody } from './body.ts';
import { type Dialect, NATIVE, type Translation } from './dialect.ts';
import { type Edge, walletOfKey } from './edge.ts';
import { nobodyServes } from './failover.ts';
import { downstreamHeaders, upstreamHeaders } from './forward.ts';
import { type BodyProblem, parseBody } from './inspect.ts';
import { type Nobody, providersFor } from './provider-order.ts';
import { translateBody } from './translate-body.ts';
import { isCredentialRefusal, troubleOf } from './trouble.ts';
import { clientLeft, credentialRefused, pathOf, tellCredentialRefused, upstreamAway } from './upstream.ts';
import { callWallet, WALLET_LIMIT_MS } from './wallet-call.ts';

/** A request to pass on, but for what is the provider's. */
type Relayed = Pick<ProviderRequest, 'path' | 'method' | 'model' | 'body'> & { headers: Headers };

/** Relays a GET and its answer unchanged, but for credentials and the organisation's limits. */
export async function relay(request: Request, edge: Edge): Promise<Response> {
  const caller = await admit(request, edge);
  if (caller instanceof Response) return caller;
  const relayed = { path: pathOf(request), method: 'GET' as const, model: null, body: null };
  return await passOn({ ...relayed, headers: request.headers }, caller, request.signal, edge);
}

/** Relays `POST /v1/messages/count_tokens`, and what means the same in another dialect. */
export async function relayCount(request: Request, edge: Edge, dialect: Dialect = NATIVE): Promise<Response> {
  const caller = await admit(request, edge);
  if (caller instanceof Response) return await dialect.refuse(caller);
  const taken = await takeBody(request);
  if (!taken.ok) return await dialect.refuse(bodyRefused(taken.error, edge.requestId));
  const translated = translateBody(dialect, taken.value, request);
  if (!translated.ok) return await dialect.refuse(bodyProblem(translated.error, edge.requestId));
  const { translation, body } = translated.value;
  try {
    return await translation.answer(await count(translation, body, caller, request.signal, edge));
  } finally {
    body.release();
  }
}

async function count(
  { headers, path }: Translation,
  { bytes }: TakenBody,
  caller: Caller,
  signal: AbortSignal,
  edge: Edge,
): Promise<Response> {
  const counted = countedBody(bytes, edge.bindings.modelAliases);
  if (!counted.ok) return bodyProblem(counted.error, edge.requestId);
  return await passOn({ path, method: 'POST', headers, ...counted.value }, caller, signal, edge);
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

/** Who asks: a key that its wallet lets pass, and a credential of the developer's own where one came with it. */
export interface Caller {
  key: VerifiedKey;
  own: Provider | null;
  /** Ids of the providers the policy allows; null: all. */
  allowed: readonly string[] | null;
}

/** The caller of a request, or the answer that turns it away. */
export async function admit(request: Request, edge: Edge): Promise<Caller | Response> {
  const key = await authenticate(request, edge);
  if (key instanceof Response) return key;
  const own = await ownUpstream(request, edge);
  if (own instanceof Response) return own;
  const wallet = () => walletOfKey(edge, key);
  const authorized = await callWallet(() => wallet().authorize(key.costCenter, key.keyId), WALLET_LIMIT_MS);
  if (!authorized || authorized.status === 'unavailable') return walletAway(edge.requestId);
  if (authorized.status === 'key_rejected') return keyRejected(key, authorized.problem, edge.requestId);
  return { key, own, allowed: authorized.providers };
}

/** Passes a call on to the first provider that has no trouble with it; nothing of it is billed. */
async function passOn(relayed: Relayed, caller: Caller, signal: AbortSignal, edge: Edge): Promise<Response> {
  const order = orderFor(relayed, caller, edge);
  if (!Array.isArray(order)) return nobodyServes(relayed.model ?? 'this model', order, edge.requestId, {});
  const [last, ...others] = order.slice(0, edge.bindings.failover.attempts).reverse();
  for (const provider of others.reverse()) {
    const answer = await sendTo(provider, relayed, signal, edge);
    if (signal.aborted) return clientLeft(edge.requestId);
    if (answer && !troubleOf(answer, Date.now()) && !isCredentialRefusal(answer.status)) {
      return relayedAnswer(answer, edge);
    }
    await answer?.body?.cancel().catch(() => undefined);
  }
  const answer = last ? await sendTo(last, relayed, signal, edge) : null;
  if (signal.aborted) return clientLeft(edge.requestId);
  if (!last || !answer) return upstreamAway({ isLate: false, isCharged: false }, edge.requestId);
  if (!isCredentialRefusal(answer.status) || caller.own) return relayedAnswer(answer, edge);
  tellCredentialRefused(last, answer.status, caller.key, null, edge);
  return await credentialRefused(answer, edge.requestId);
}

/** Counting shows a provider the whole prompt: it goes nowhere that a turn would not. */
function orderFor(
  { model }: Relayed,
  { key, own, allowed }: Caller,
  { providers }: Edge,
): Provider[] | Nobody {
  const wanted = { costCenter: key.costCenter, model, facts: null, allowed, last: null };
  return providersFor(wanted, own ? [own] : providers, Date.now());
}

/** Null where no answer came. */
async function sendTo(
  provider: Provider,
  relayed: Relayed,
  signal: AbortSignal,
  edge: Edge,
): Promise<Response | null> {
  const { anthropicVersion } = edge.bindings;
  const headers = upstreamHeaders(relayed.headers, anthropicVersion, provider.name === 'simulator');
  try {
    return await provider.send({ ...relayed, headers, signal });
  } catch (error) {
    if (!signal.aborted) console.warn({ message: 'the upstream could not be reached', error: String(error) });
    return null;
  }
}

function relayedAnswer(answer: Response, edge: Edge): Response {
  const headers = downstreamHeaders(answer.headers);
  if (!headers.has('request-id')) headers.set('request-id', edge.requestId);
  return new Response(answer.body, { status: answer.status, headers });
}
