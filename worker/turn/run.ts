/**
 * One turn, step by step: authenticate, inspect, open, then send (adapt, forward, meter, settle). Between the
 * request and the upstream only one call is awaited, the wallet's open.
 */
import type { OpenRequest } from '../../durable-objects/wallet/rpc.ts';
import { errorResponse } from '../envelope.ts';
import { withAskLink } from './ask-more.ts';
import { startRunning, type Turn } from './attempt.ts';
import { authenticate, keyRejected, walletAway } from './authenticate.ts';
import { bodyRefused, takeBody } from './body.ts';
import { type Edge, walletOfKey } from './edge.ts';
import { inspect } from './inspect.ts';
import { refusedTurn, turnHeaders } from './reply.ts';
import { send } from './send.ts';
import { callWallet, WALLET_LIMIT_MS } from './wallet-call.ts';

/** Answers `POST /v1/messages`. */
export async function runTurn(request: Request, edge: Edge): Promise<Response> {
  const receivedAtMs = Date.now();
  const id = `turn_${crypto.randomUUID()}`;
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
    const turn = { id, key, request, facts: inspected.value, taken: taken.value };
    return await openAndSend(turn, edge, receivedAtMs);
  } finally {
    taken.value.release();
  }
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
