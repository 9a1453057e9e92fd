/**
 * One attempt of an admitted turn: fit the body, call the provider, and keep the lease until the answer ends. What
 * lives as long as the answer streams must not hold on to the request's bytes or their parsed form: 64 open streams
 * of 1 MB bodies would fill an isolate.
 */
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import type { OpenReply } from '../../durable-objects/wallet/rpc.ts';
import type { VerifiedKey } from '../auth/virtual-key.ts';
import { withModel } from '../providers/request-model.ts';
import { adaptBody } from './adapt.ts';
import type { TakenBody } from './body.ts';
import type { Translation } from './dialect.ts';
import { type Edge, walletOfKey } from './edge.ts';
import { upstreamHeaders } from './forward.ts';
import { parseBody } from './inspect.ts';
import { turnHeaders } from './reply.ts';
import { RunningTurn } from './running-turn.ts';
import { clientLeft, upstreamAway } from './upstream.ts';

/** A version is a date; what else a client sends there is recorded cut to this. */
const MAX_VERSION_LENGTH = 32;

export type Admitted = Extract<OpenReply, { status: 'admitted' }>;

/** A turn that passed inspection, on its way to the wallet and the upstream. */
export interface Turn {
  id: string;
  key: VerifiedKey;
  /** What the client sent, in the terms of the Messages API, but for the body. */
  request: Pick<Translation, 'headers' | 'path'> & { signal: AbortSignal };
  facts: TurnFacts;
  /** The model as the body names it. */
  writtenModel: string;
  taken: TakenBody;
}

/** Starts keeping the lease of one attempt, from 1; the Worker stays alive until it is settled. */
export function startRunning(turn: Turn, model: string, attempt: number, edge: Edge): RunningTurn {
  const { bindings } = edge;
  const [provider] = edge.providers;
  const { key } = turn;
  const anthropicVersion = turn.request.headers.get('anthropic-version')?.slice(0, MAX_VERSION_LENGTH);
  const running = new RunningTurn({
    turnId: turn.id,
    attempt,
    facts: turn.facts,
    model,
    answer: {
      provider: provider.name,
      providerInstance: provider.id,
      priceMillionths: provider.priceMillionths,
      upstreamCredential: provider.credentialId,
      anthropicVersion: anthropicVersion ?? bindings.anthropicVersion,
    },
    wallet: () => walletOfKey(edge, key),
  });
  edge.waitUntil(running.settled);
  return running;
}

/** The client's bytes as they are, or fitted to the model and the limit the decision chose. */
function bodyFor({ facts, writtenModel, taken }: Turn, admitted: Admitted, running: RunningTurn): Uint8Array {
  const { model, maxTokens } = admitted;
  if (model === facts.model && maxTokens === null) {
    return model === writtenModel ? taken.bytes : withModel(taken.bytes, model);
  }
  try {
    // Parsed anew: few turns are adapted, and keeping the parsed body would cost all of them its memory.
    const body = parseBody(taken.bytes);
    if (!body.ok) throw new Error('a body that passed inspection is no JSON object');
    return adaptBody(taken.bytes, body.value, findModel(builtinCatalogue, model), model, maxTokens);
  } catch (error) {
    running.failed('adapt_failed');
    throw error;
  }
}

/** An upstream that answered. */
export interface Answered {
  response: Response;
  running: RunningTurn;
  /** Cancels the upstream. */
  abort: () => void;
}

/** Calls the provider; a Response where none answered, the turn then being settled. */
export async function attemptTurn(
  turn: Turn,
  admitted: Admitted,
  attempt: number,
  edge: Edge,
): Promise<Answered | Response> {
  const { request } = turn;
  const { requestId } = edge;
  const [provider] = edge.providers;
  const { signal } = request;
  const running = startRunning(turn, admitted.model, attempt, edge);
  if (signal.aborted) {
    running.failed('client_gone');
    return clientLeft(requestId);
  }
  const body = bodyFor(turn, admitted, running);
  const upstream = new AbortController();
  const abort = (): void => upstream.abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    const response = await provider.send({
      path: request.path,
      method: 'POST',
      model: admitted.model,
      headers: upstreamHeaders(
        request.headers,
        edge.bindings.anthropicVersion,
        provider.name === 'simulator',
      ),
      body,
      signal: upstream.signal,
    });
    // From here on whoever reads the answer decides when to give it up. An error of our own leaves the hold to its
    // lease: the upstream has answered, so the turn is not free.
    signal.removeEventListener('abort', abort);
    return { response, running, abort };
  } catch (error) {
    if (signal.aborted) {
      running.ended('client_gone');
      return clientLeft(requestId);
    }
    running.failed('upstream_unreachable');
    return upstreamAway(error, requestId, turnHeaders({ ...admitted, turnId: turn.id }));
  }
}
