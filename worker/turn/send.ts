/**
 * The turn's second half: send it, and answer with what comes back. A step down that the upstream refuses because
 * of the model is decided anew by the wallet, under the same turn id, before the client has seen a byte.
 */
import type { OpenReply } from '../../durable-objects/wallet/rpc.ts';
import { isShort, passThrough, passWhole } from './answer-meter.ts';
import { withAskLink } from './ask-more.ts';
import { type Admitted, type Answered, attemptTurn, type Turn } from './attempt.ts';
import { type Edge, walletOfKey } from './edge.ts';
import { downstreamHeaders } from './forward.ts';
import { isAboutModel, type ModelRefusal } from './model-refusal.ts';
import { refusedTurn, standingHeaders, turnHeaders } from './reply.ts';
import { credentialRefused, isCredentialRefusal } from './upstream.ts';
import { callWallet, WALLET_LIMIT_MS } from './wallet-call.ts';

/** Statuses by which an upstream can say that it does not want the model. */
const MODEL_REFUSALS = [400, 403, 404];

/** Sends an admitted turn to the provider and answers with what comes back. */
export async function send(turn: Turn, first: Admitted, edge: Edge): Promise<Response> {
  let admitted = first;
  // Each round takes one model away, so this ends with the cascade.
  for (let attempt = 1; ; attempt += 1) {
    const answered = await attemptTurn(turn, admitted, attempt, edge);
    if (answered instanceof Response) return answered;
    const refused = await refusedModel(turn, admitted, answered.response);
    const { response, refusal } = refused ?? { response: answered.response, refusal: null };
    if (!refusal) return await reply(turn, admitted, { ...answered, response }, edge);
    const cause = { kind: 'model_refused' as const, remember: refusal.remember };
    const request = { turnId: turn.id, attempt, cause };
    const reopened = await callWallet(() => walletOfKey(edge, turn.key).reopen(request), WALLET_LIMIT_MS);
    const next = await nextStep(reopened, turn, edge);
    if (!next) {
      answered.running.undecided();
      return await reply(turn, admitted, { ...answered, response }, edge);
    }
    answered.running.abandon();
    if (next instanceof Response) return next;
    admitted = next;
  }
}

/**
 * What to do after the wallet decided anew; null where it did not, or was not heard: the upstream's error is passed
 * on, and the attempt's failure lets go of what is held for it or for one after it.
 */
async function nextStep(
  reopened: OpenReply | null,
  turn: Turn,
  edge: Edge,
): Promise<Admitted | Response | null> {
  switch (reopened?.status) {
    case 'admitted':
      return reopened;
    case 'refused':
      return refusedTurn(await withAskLink(reopened, turn, edge), turn.id, edge.requestId);
    default:
      return null;
  }
}

/**
 * The upstream's error to a turn that was stepped down, still to be read, and whether it is about the model; null
 * for all else.
 */
async function refusedModel(
  { facts }: Turn,
  { model }: Admitted,
  response: Response,
): Promise<{ refusal: ModelRefusal | null; response: Response } | null> {
  if (model === facts.model || !MODEL_REFUSALS.includes(response.status)) return null;
  // An error whose body breaks off says nothing, but it is an error all the same.
  const body = await response.arrayBuffer().catch(() => new ArrayBuffer(0));
  const refusal = isAboutModel(response.status, new TextDecoder().decode(body));
  return { refusal, response: new Response(body, response) };
}

/** The provider's answer to the turn, settled as it ends. */
async function reply(turn: Turn, admitted: Admitted, answered: Answered, edge: Edge): Promise<Response> {
  const { response, running, abort } = answered;
  const { id, key, request } = turn;
  const marks = turnHeaders({ ...admitted, turnId: id });
  if (!isCredentialRefusal(response.status)) {
    return await answer(response, running, { marks, admitted, edge, signal: request.signal, abort });
  }
  running.headArrived(response, null);
  running.failed('upstream_credential');
  return await credentialRefused(response, edge, key.costCenter, id, () => walletOfKey(edge, key), marks);
}

interface AnswerContext {
  marks: Record<string, string>;
  admitted: Admitted;
  edge: Edge;
  signal: AbortSignal;
  abort: () => void;
}

/** The upstream's answer on its way to the client, metered where it is one that costs. */
async function answer(
  response: Response,
  running: Answered['running'],
  context: AnswerContext,
): Promise<Response> {
  const { marks, admitted, edge, signal, abort } = context;
  const { status } = response;
  const headers = downstreamHeaders(response.headers);
  const own = { ...marks, ...(response.ok ? standingHeaders(admitted.standing) : {}) };
  for (const [name, value] of Object.entries(own)) headers.set(name, value);
  if (!headers.has('request-id')) headers.set('request-id', edge.requestId);
  const contentType = response.headers.get('content-type') ?? '';
  running.headArrived(response, response.ok ? edge.providers[0].meter(contentType) : null);
  if (!response.ok) {
    running.failed(`http_${status}`);
    return new Response(response.body, { status, headers });
  }
  if (!response.body) {
    running.ended('complete');
    return new Response(null, { status, headers });
  }
  const pass = isShort(response.headers) ? passWhole : passThrough;
  return new Response(await pass(response.body, running, signal, abort), { status, headers });
}
