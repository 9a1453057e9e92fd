/**
 * One turn, step by step: authenticate, inspect, open, adapt, forward, meter, settle. Between the request and
 * the upstream only one call is awaited, the wallet's open.
 */
import { ulid } from 'ulid';
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import type { OpenReply, OpenRequest } from '../../durable-objects/wallet/rpc.ts';
import type { VerifiedKey } from '../auth/virtual-key.ts';
import { errorResponse } from '../envelope.ts';
import { adaptBody } from './adapt.ts';
import { passThrough } from './answer-meter.ts';
import { authenticate, keyRejected, walletAway } from './authenticate.ts';
import { bodyRefused, type TakenBody, takeBody } from './body.ts';
import { type Edge, walletOfKey } from './edge.ts';
import { downstreamHeaders, upstreamHeaders } from './forward.ts';
import { type Inspected, inspect } from './inspect.ts';
import { WALLET_LIMIT_MS } from './relay.ts';
import { refusalResponse, standingHeaders, type TurnMark, turnHeaders } from './reply.ts';
import { RunningTurn } from './running-turn.ts';
import { clientLeft, credentialRefused, isCredentialRefusal, pathOf, upstreamAway } from './upstream.ts';
import { callWallet } from './wallet-call.ts';

type Admitted = Extract<OpenReply, { status: 'admitted' }>;

/** A turn that passed inspection, on its way to the wallet and the upstream. */
interface Turn {
  id: string;
  key: VerifiedKey;
  request: Request;
  inspected: Inspected;
  taken: TakenBody;
}

/** Answers `POST /v1/messages`. */
export async function runTurn(request: Request, edge: Edge): Promise<Response> {
  const receivedAtMs = Date.now();
  const id = `turn_${ulid(receivedAtMs)}`;
  const key = await authenticate(request, edge);
  if (key instanceof Response) return key;
  const taken = await takeBody(request);
  if (!taken.ok) return bodyRefused(taken.error, edge.requestId);
  try {
    const inspected = inspect(taken.value.bytes, request.headers, key.keyId);
    if (!inspected.ok) {
      const { path, message } = inspected.error;
      return errorResponse('invalid_request_error', `${path}: ${message}`, { requestId: edge.requestId });
    }
    const turn = { id, key, request, inspected: inspected.value, taken: taken.value };
    return await openAndSend(turn, edge, receivedAtMs);
  } finally {
    taken.value.release();
  }
}

async function openAndSend(turn: Turn, edge: Edge, receivedAtMs: number): Promise<Response> {
  const { id, key, inspected } = turn;
  const { costCenter, keyId } = key;
  const open: OpenRequest = { turnId: id, costCenter, keyId, receivedAtMs, facts: inspected.facts };
  const reply = await callWallet(() => walletOfKey(edge, key).open(open), WALLET_LIMIT_MS);
  if (!reply) {
    giveUp(turn, edge);
    return walletAway(edge.requestId, unservedHeaders(id));
  }
  switch (reply.status) {
    case 'admitted':
      return await send(turn, reply, edge);
    case 'refused': {
      const { refusal, reasons, standing } = reply;
      const mark: TurnMark = { turnId: id, model: null, decision: 'refuse', reasons, standing };
      return refusalResponse(refusal, mark, edge.requestId);
    }
    case 'key_rejected':
      return keyRejected(key, reply.problem, edge.requestId);
    case 'unavailable':
    case 'conflict':
      return walletAway(edge.requestId, unservedHeaders(id));
  }
}

function unservedHeaders(turnId: string): Record<string, string> {
  return turnHeaders({
    turnId,
    model: null,
    decision: 'refuse',
    reasons: ['wallet_unreachable'],
    standing: null,
  });
}

/** An open that answered too late may still have held money for a turn that is never sent. */
function giveUp(turn: Turn, edge: Edge): void {
  const running = run(turn, turn.inspected.facts.model, edge);
  running.failed('wallet_unreachable');
}

function run(turn: Turn, model: string, edge: Edge): RunningTurn {
  const { provider, bindings } = edge;
  const anthropicVersion = turn.request.headers.get('anthropic-version') ?? bindings.anthropicVersion;
  const running = new RunningTurn({
    turnId: turn.id,
    facts: turn.inspected.facts,
    model,
    answer: { provider: provider.name, upstreamCredential: provider.credentialId, anthropicVersion },
    wallet: () => walletOfKey(edge, turn.key),
  });
  edge.waitUntil(running.settled);
  return running;
}

/** The client's bytes as they are, or fitted to the model the decision chose. */
function bodyFor({ inspected, taken }: Turn, model: string): Uint8Array {
  if (model === inspected.facts.model) return taken.bytes;
  return adaptBody(taken.bytes, inspected.body, findModel(builtinCatalogue, model), model);
}

async function send(turn: Turn, admitted: Admitted, edge: Edge): Promise<Response> {
  const { model, decision, reasons, standing } = admitted;
  const { request } = turn;
  const { provider, bindings } = edge;
  const marks = turnHeaders({ turnId: turn.id, model, decision, reasons, standing });
  const running = run(turn, model, edge);
  const upstream = new AbortController();
  const leave = (): void => upstream.abort();
  request.signal.addEventListener('abort', leave, { once: true });
  if (request.signal.aborted) {
    running.failed('client_gone');
    return clientLeft(edge.requestId);
  }
  try {
    const response = await provider.send({
      path: pathOf(request),
      method: 'POST',
      headers: upstreamHeaders(request.headers, bindings.anthropicVersion, provider.name === 'simulator'),
      body: bodyFor(turn, model),
      signal: upstream.signal,
    });
    if (isCredentialRefusal(response.status)) {
      running.headArrived(response, null);
      running.failed('upstream_credential');
      const wallet = () => walletOfKey(edge, turn.key);
      return await credentialRefused(response, edge, turn.key.costCenter, turn.id, wallet, marks);
    }
    return answer(response, running, turn, admitted, edge, marks, leave);
  } catch (error) {
    if (request.signal.aborted) {
      running.ended('client_gone');
      return clientLeft(edge.requestId);
    }
    running.failed('upstream_unreachable');
    return upstreamAway(error, edge.requestId, marks);
  }
}

/** The upstream's answer on its way to the client, metered where it is one that costs. */
function answer(
  response: Response,
  running: RunningTurn,
  turn: Turn,
  admitted: Admitted,
  edge: Edge,
  marks: Record<string, string>,
  abort: () => void,
): Response {
  const headers = downstreamHeaders(response.headers);
  const own = { ...marks, ...(response.ok ? standingHeaders(admitted.standing) : {}) };
  for (const [name, value] of Object.entries(own)) headers.set(name, value);
  if (!headers.has('request-id')) headers.set('request-id', edge.requestId);
  const contentType = response.headers.get('content-type') ?? '';
  running.headArrived(response, response.ok ? edge.provider.meter(contentType) : null);
  if (!response.ok) {
    running.failed(`http_${response.status}`);
    return new Response(response.body, { status: response.status, headers });
  }
  if (!response.body) {
    running.ended('complete');
    return new Response(null, { status: response.status, headers });
  }
  const observer = {
    seen: (chunk: Uint8Array) => running.seen(chunk),
    ended: (ending: 'complete' | 'client_gone' | 'upstream_cut') => running.ended(ending),
  };
  const body = passThrough(response.body, observer, turn.request.signal, abort);
  return new Response(body, { status: response.status, headers });
}
