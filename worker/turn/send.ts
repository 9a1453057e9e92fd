/**
 * The turn's second half: adapt, forward, meter. What lives as long as the answer streams must not hold on to
 * the request's bytes or their parsed form: 64 open streams of 1 MB bodies would fill an isolate.
 */
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import type { OpenReply } from '../../durable-objects/wallet/rpc.ts';
import type { VerifiedKey } from '../auth/virtual-key.ts';
import { adaptBody } from './adapt.ts';
import { isShort, passThrough, passWhole } from './answer-meter.ts';
import type { TakenBody } from './body.ts';
import { type Edge, walletOfKey } from './edge.ts';
import { downstreamHeaders, upstreamHeaders } from './forward.ts';
import { parseBody } from './inspect.ts';
import { standingHeaders, turnHeaders } from './reply.ts';
import { RunningTurn } from './running-turn.ts';
import { clientLeft, credentialRefused, isCredentialRefusal, pathOf, upstreamAway } from './upstream.ts';

/** A version is a date; what else a client sends there is recorded cut to this. */
const MAX_VERSION_LENGTH = 32;

export type Admitted = Extract<OpenReply, { status: 'admitted' }>;

/** A turn that passed inspection, on its way to the wallet and the upstream. */
export interface Turn {
  id: string;
  key: VerifiedKey;
  request: Request;
  facts: TurnFacts;
  taken: TakenBody;
}

/** Starts keeping the turn's lease; the Worker stays alive until it is settled. */
export function startRunning(turn: Turn, model: string, edge: Edge): RunningTurn {
  const { provider, bindings } = edge;
  const { key } = turn;
  const anthropicVersion = turn.request.headers.get('anthropic-version')?.slice(0, MAX_VERSION_LENGTH);
  const running = new RunningTurn({
    turnId: turn.id,
    facts: turn.facts,
    model,
    answer: {
      provider: provider.name,
      upstreamCredential: provider.credentialId,
      anthropicVersion: anthropicVersion ?? bindings.anthropicVersion,
    },
    wallet: () => walletOfKey(edge, key),
  });
  edge.waitUntil(running.settled);
  return running;
}

/** The client's bytes as they are, or fitted to the model the decision chose. */
function bodyFor({ facts, taken }: Turn, model: string, running: RunningTurn): Uint8Array {
  if (model === facts.model) return taken.bytes;
  try {
    // Parsed anew: few turns are adapted, and keeping the parsed body would cost all of them its memory.
    const body = parseBody(taken.bytes);
    if (!body.ok) throw new Error('a body that passed inspection is no JSON object');
    return adaptBody(taken.bytes, body.value, findModel(builtinCatalogue, model), model);
  } catch (error) {
    running.failed('adapt_failed');
    throw error;
  }
}

/** Sends an admitted turn to the provider and answers with what comes back. */
export async function send(turn: Turn, admitted: Admitted, edge: Edge): Promise<Response> {
  const { id, key, request } = turn;
  const { provider, requestId } = edge;
  const { signal } = request;
  const marks = turnHeaders({ ...admitted, turnId: id });
  const running = startRunning(turn, admitted.model, edge);
  if (signal.aborted) {
    running.failed('client_gone');
    return clientLeft(requestId);
  }
  const body = bodyFor(turn, admitted.model, running);
  const upstream = new AbortController();
  const abort = (): void => upstream.abort();
  signal.addEventListener('abort', abort, { once: true });
  let response: Response;
  try {
    response = await provider.send({
      path: pathOf(request),
      method: 'POST',
      headers: upstreamHeaders(
        request.headers,
        edge.bindings.anthropicVersion,
        provider.name === 'simulator',
      ),
      body,
      signal: upstream.signal,
    });
  } catch (error) {
    if (signal.aborted) {
      running.ended('client_gone');
      return clientLeft(requestId);
    }
    running.failed('upstream_unreachable');
    return upstreamAway(error, requestId, marks);
  }
  // From here on whoever reads the answer decides when to give it up. An error of our own leaves the hold to its
  // lease: the upstream has answered, so the turn is not free.
  signal.removeEventListener('abort', abort);
  if (!isCredentialRefusal(response.status)) {
    return await answer(response, running, { marks, admitted, edge, signal, abort });
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
async function answer(response: Response, running: RunningTurn, context: AnswerContext): Promise<Response> {
  const { marks, admitted, edge, signal, abort } = context;
  const { status } = response;
  const headers = downstreamHeaders(response.headers);
  const own = { ...marks, ...(response.ok ? standingHeaders(admitted.standing) : {}) };
  for (const [name, value] of Object.entries(own)) headers.set(name, value);
  if (!headers.has('request-id')) headers.set('request-id', edge.requestId);
  const contentType = response.headers.get('content-type') ?? '';
  running.headArrived(response, response.ok ? edge.provider.meter(contentType) : null);
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
