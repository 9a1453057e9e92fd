/**
 * One turn, step by step: authenticate, inspect, open, then send (adapt, forward, meter, settle). Between the
 * request and the upstream only one call is awaited, the wallet's open.
 */
import type { OpenRequest } from '../../durable-objects/wallet/rpc.ts';
import type { VerifiedKey } from '../auth/virtual-key.ts';
import { errorResponse } from '../envelope.ts';
import { withAskLink } from './ask-more.ts';
import { startRunning, type Turn } from './attempt.ts';
import { authenticate, keyRejected, walletAway } from './authenticate.ts';
import { bodyRefused, exchangeBody, type TakenBody, takeBody } from './body.ts';
import { type Dialect, NATIVE, type Translation } from './dialect.ts';
import { type Edge, walletOfKey } from './edge.ts';
import { inspect } from './inspect.ts';
import { refusedTurn, turnHeaders } from './reply.ts';
import { send } from './send.ts';
import { callWallet, WALLET_LIMIT_MS } from './wallet-call.ts';

/** Answers `POST /v1/messages`, and what means the same in another dialect. */
export async function runTurn(request: Request, edge: Edge, dialect: Dialect = NATIVE): Promise<Response> {
  const receivedAtMs = Date.now();
  const key = await authenticate(request, edge);
  if (key instanceof Response) return await dialect.refuse(key);
  const taken = await takeBody(request);
  if (!taken.ok) return await dialect.refuse(bodyRefused(taken.error, edge.requestId));
  const translated = dialect.translate(taken.value.bytes, request);
  if (!translated.ok) {
    taken.value.release();
    const { path, message } = translated.error;
    const options = { requestId: edge.requestId };
    return await dialect.refuse(errorResponse('invalid_request_error', `${path}: ${message}`, options));
  }
  const body = exchangeBody(taken.value, translated.value.bytes);
  try {
    const answer = await inspectAndOpen(request, key, translated.value, body, receivedAtMs, edge);
    return await translated.value.answer(answer);
  } finally {
    body.release();
  }
}

async function inspectAndOpen(
  { signal }: Request,
  key: VerifiedKey,
  { headers, path }: Translation,
  taken: TakenBody,
  receivedAtMs: number,
  edge: Edge,
): Promise<Response> {
  const inspected = inspect(taken.bytes, headers, key.keyId, edge.bindings.modelAliases);
  if (!inspected.ok) {
    const { path: field, message } = inspected.error;
    return errorResponse('invalid_request_error', `${field}: ${message}`, { requestId: edge.requestId });
  }
  const id = `turn_${crypto.randomUUID()}`;
  const turn = { id, key, request: { headers, path, signal }, ...inspected.value, taken };
  return await openAndSend(turn, edge, receivedAtMs);
}

async function openAndSend(turn: Turn, edge: Edge, receivedAtMs: number): Promise<Response> {
  const { id, key, facts } = turn;
  const { costCenter, keyId } = key;
  const open: OpenRequest = { turnId: id, costCenter, keyId, receivedAtMs, facts };
  const reply = await callWallet(() => walletOfKey(edge, key).open(open), WALLET_LIMIT_MS);
  if (!reply) {
    giveUp(turn, edge);
    return walletAway(edge.requestId, unservedHeaders(id));
  }
  switch (reply.status) {
    case 'admitted':
      return await send(turn, reply, edge);
    case 'refused':
      return refusedTurn(await withAskLink(reply, turn, edge), id, edge.requestId);
    case 'key_rejected':
      return keyRejected(key, reply.problem, edge.requestId);
    case 'unavailable':
    case 'conflict':
    case 'nothing_left':
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
  startRunning(turn, turn.facts.model, 1, edge).failed('wallet_unreachable');
}
