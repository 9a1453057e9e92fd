/**
 * One turn, step by step: authenticate, inspect, open, then send (adapt, forward, meter, settle). Between the
 * request and the upstream only one call is awaited, the wallet's open.
 */
import { LIST_MILLIONTHS } from '../../durable-objects/core/provider-settings.ts';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import type { OpenRequest } from '../../durable-objects/wallet/rpc.ts';
import { withAskLink } from './ask-more.ts';
import { startRunning, type Turn } from './attempt.ts';
import { authenticate, keyRejected, ownUpstream, walletAway } from './authenticate.ts';
import { bodyProblem, bodyRefused, type TakenBody, takeBody } from './body.ts';
import { type Dialect, NATIVE, type Translation } from './dialect.ts';
import { type Edge, walletOfKey } from './edge.ts';
import { inspect } from './inspect.ts';
import { refusedTurn, turnHeaders } from './reply.ts';
import { send } from './send.ts';
import { translateBody } from './translate-body.ts';
import { callWallet, WALLET_LIMIT_MS } from './wallet-call.ts';

/** Answers `POST /v1/messages`, and what means the same in another dialect. */
export async function runTurn(request: Request, edge: Edge, dialect: Dialect = NATIVE): Promise<Response> {
  const receivedAtMs = Date.now();
  const key = await authenticate(request, edge);
  if (key instanceof Response) return await dialect.refuse(key);
  const own = await ownUpstream(request, edge);
  if (own instanceof Response) return await dialect.refuse(own);
  const taken = await takeBody(request);
  if (!taken.ok) return await dialect.refuse(bodyRefused(taken.error, edge.requestId));
  const translated = translateBody(dialect, taken.value, request);
  if (!translated.ok) {
    return await dialect.refuse(bodyProblem(translated.error, edge.requestId));
  }
  const { translation, body } = translated.value;
  try {
    const answer = await inspectAndOpen({ request, key, own, body, receivedAtMs }, translation, edge);
    return await translation.answer(answer);
  } finally {
    body.release();
  }
}

interface Taken extends Pick<Turn, 'key' | 'own'> {
  request: Request;
  body: TakenBody;
  receivedAtMs: number;
}

async function inspectAndOpen(
  { request: { signal }, key, own, body: taken, receivedAtMs }: Taken,
  { headers, path }: Translation,
  edge: Edge,
): Promise<Response> {
  const inspected = inspect(taken.bytes, headers, key.keyId, edge.bindings.modelAliases);
  if (!inspected.ok) return bodyProblem(inspected.error, edge.requestId);
  const id = `turn_${crypto.randomUUID()}`;
  const { writtenModel, facts } = inspected.value;
  const turn = {
    id,
    key,
    own,
    request: { headers, path, signal },
    facts: paidFor(facts, own, edge),
    writtenModel,
    taken,
  };
  return await openAndSend(turn, edge, receivedAtMs);
}

/** The facts with who pays the turn, and how dear the dearest provider is that it may go to. */
function paidFor(facts: TurnFacts, own: Turn['own'], { providers }: Edge): TurnFacts {
  if (own) return { ...facts, ownCredential: true };
  const providerMillionths = Math.max(...providers.map(({ priceMillionths }) => priceMillionths));
  if (providerMillionths === LIST_MILLIONTHS) return facts;
  return { ...facts, modifiers: { ...facts.modifiers, providerMillionths } };
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
