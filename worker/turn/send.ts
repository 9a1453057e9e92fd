/**
 * The turn's second half: send it, and answer with what comes back. Where an attempt comes to nothing before the client
 * has seen a byte, the wallet decides anew, under the same turn id: over the models that are left, or the money.
 */
import type { OpenReply } from '../../durable-objects/wallet/rpc.ts';
import type { Provider } from '../providers/provider.ts';
import { isShort, passThrough, passWhole } from './answer-meter.ts';
import { withAskLink } from './ask-more.ts';
import { type Admitted, type Answered, startRunning, type Turn } from './attempt.ts';
import { type Edge, walletOfKey } from './edge.ts';
import { type Course, type Found, findAnswer, nobodyServes } from './failover.ts';
import { downstreamHeaders } from './forward.ts';
import { refusedTurn, standingHeaders, turnHeaders } from './reply.ts';
import type { RunningTurn } from './running-turn.ts';
import { isCredentialRefusal } from './trouble.ts';
import { brokenOff, clientLeft, credentialRefused, tellCredentialRefused, upstreamAway } from './upstream.ts';
import { callWallet, WALLET_LIMIT_MS } from './wallet-call.ts';

/** What there is to answer with, once nothing is to be decided anew. */
type Final = Exclude<Found, { kind: 'reopen' }>;

/** Sends an admitted turn to a provider and answers with what comes back. */
export async function send(turn: Turn, first: Admitted, edge: Edge): Promise<Response> {
  const course: Course = { startedAtMs: Date.now(), asked: new Map(), isCharged: false };
  let admitted = first;
  // Each round takes a model or a provider away, so this ends.
  for (let attempt = 1; ; attempt += 1) {
    const running = startRunning(turn, admitted.model, attempt, edge);
    const found = await findAnswer(turn, admitted, running, course, edge);
    const sending = { turn, admitted, running, edge, course };
    if (found.kind !== 'reopen') return await reply(sending, found);
    course.isCharged ||= found.cause.kind === 'billed';
    const request = { turnId: turn.id, attempt, cause: found.cause };
    const reopened = await callWallet(() => walletOfKey(edge, turn.key).reopen(request), WALLET_LIMIT_MS);
    const next = await nextStep(reopened, turn, edge);
    if (!next) {
      if (reopened?.status !== 'nothing_left') running.undecided();
      return await reply(sending, found.otherwise);
    }
    letGo(found.otherwise);
    running.abandon();
    if (next instanceof Response) return next;
    admitted = next;
  }
}

/** An answer that another one takes the place of. */
function letGo(found: Final): void {
  const response = found.kind === 'answered' ? found.answered.response : null;
  const body = found.kind === 'trouble' ? found.trouble.response?.body : response?.body;
  void body?.cancel().catch(() => undefined);
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

interface Sending {
  turn: Turn;
  admitted: Admitted;
  running: RunningTurn;
  edge: Edge;
  course: Course;
}

/** The answer to the turn, settled as it ends. */
async function reply(sending: Sending, found: Final): Promise<Response> {
  const { turn, admitted, running, edge, course } = sending;
  const marks = turnHeaders({ ...admitted, turnId: turn.id });
  switch (found.kind) {
    case 'client_gone':
      if (running.isSent) running.ended('client_gone');
      else running.failed('client_gone');
      return clientLeft(edge.requestId);
    case 'nobody':
      running.failed('no_provider');
      return nobodyServes(admitted.model, found.nobody, edge.requestId, marks);
    case 'trouble': {
      const { trouble, provider } = found;
      const { response, errorType } = trouble;
      if (response && provider) {
        return await passOn(sending, { response, source: null, abort: () => undefined }, provider);
      }
      running.failed(errorType);
      const away = { isLate: trouble.why === 'late', isCharged: course.isCharged };
      return upstreamAway(away, edge.requestId, provider ? { ...marks, ...by(provider) } : marks);
    }
    case 'answered': {
      const { answered, provider } = found;
      const { status } = answered.response;
      if (isCredentialRefusal(status) && !turn.own) {
        tellCredentialRefused(provider, status, turn.key, turn.id, edge);
      }
      return await passOn(sending, answered, provider);
    }
  }
}

/** Who answered. */
function by({ id }: Provider): Record<string, string> {
  return { 'x-bursar-provider': id };
}

type Passed = Pick<Answered, 'response' | 'source' | 'abort'>;

/** A provider's answer on its way to the client, metered where it is one that costs. */
async function passOn(sending: Sending, passed: Passed, provider: Provider): Promise<Response> {
  const { turn, admitted, running, edge } = sending;
  const { response } = passed;
  const { status } = response;
  const marks = { ...turnHeaders({ ...admitted, turnId: turn.id }), ...by(provider) };
  if (isCredentialRefusal(status) && !turn.own) {
    running.headArrived(response, null);
    running.failed('upstream_credential');
    return await credentialRefused(response, edge.requestId, marks);
  }
  const headers = downstreamHeaders(response.headers);
  const own = { ...marks, ...(response.ok ? standingHeaders(admitted.standing) : {}) };
  for (const [name, value] of Object.entries(own)) headers.set(name, value);
  if (!headers.has('request-id')) headers.set('request-id', edge.requestId);
  const contentType = response.headers.get('content-type') ?? '';
  running.headArrived(response, response.ok ? provider.meter(contentType) : null);
  if (!response.ok) {
    running.failed(`http_${status}`);
    return new Response(response.body, { status, headers });
  }
  if (!response.body || passed.source || !isShort(response.headers)) {
    return new Response(streamOf(passed, running, turn.request.signal), { status, headers });
  }
  const bytes = await passWhole(response.body, running, turn.request.signal, passed.abort);
  return bytes ? new Response(bytes, { status, headers }) : brokenOff(edge.requestId, marks);
}

function streamOf(
  { response, source, abort }: Passed,
  running: RunningTurn,
  signal: AbortSignal,
): ReadableStream<Uint8Array> | null {
  if (source) return passThrough(source, running, signal, abort);
  if (!response.body) {
    running.ended('complete');
    return null;
  }
  return passThrough({ reader: response.body.getReader(), first: null }, running, signal, abort);
}
