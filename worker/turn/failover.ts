/**
 * From provider to provider, until one answers: before any byte went to the client, within the deployment's budget of
 * attempts and time. What one of them may have billed is the wallet's to charge before the next is asked.
 */
import type { ReopenCause } from '../../durable-objects/wallet/rpc.ts';
import { errorResponse } from '../envelope.ts';
import type { Provider } from '../providers/provider.ts';
import { type Admitted, type Answered, ask, bodyFor, type Turn } from './attempt.ts';
import { noteAsked, noteFailure, noteWell } from './breaker.ts';
import type { Edge } from './edge.ts';
import { type Nobody, providersFor } from './provider-order.ts';
import type { RunningTurn } from './running-turn.ts';
import { isCredentialRefusal, readModelRefusal, type Trouble } from './trouble.ts';
import { tellCredentialRefused } from './upstream.ts';

/** A credential that is refused stays so until an admin acts. */
const CREDENTIAL_REST_MS = 60_000;

const LATE: Trouble = { why: 'late', errorType: 'first_byte_late', retryAfterMs: null, response: null };

/** How a turn has come so far, over all its attempts. */
export interface Course {
  startedAtMs: number;
  /** By model. */
  asked: Map<string, Set<Provider>>;
}

export type Found =
  /** An answer to pass on, an error perhaps; the provider it is from. */
  | { kind: 'answered'; answered: Answered; provider: Provider }
  /** Nobody answered, or nobody but with trouble. `provider`: whose trouble; null: nobody is left to ask. */
  | { kind: 'trouble'; trouble: Trouble; provider: Provider | null }
  | { kind: 'nobody'; nobody: Nobody }
  | { kind: 'client_gone' }
  /** The wallet has to decide anew; where it does not, this is what there is. */
  | { kind: 'reopen'; cause: ReopenCause; otherwise: Exclude<Found, { kind: 'reopen' }> };

/** One round of asking, all for the same model. */
interface Round {
  turn: Turn;
  admitted: Admitted;
  running: RunningTurn;
  edge: Edge;
  /** Those asked for this model so far. */
  asked: Set<Provider>;
  /** Still to be asked, in order. */
  left: Provider[];
  deadlineMs: number;
  /** Whether the model had more than one provider when the round began. */
  isShared: boolean;
}

/** Asks the providers of the admitted model until one answers. */
export async function findAnswer(
  turn: Turn,
  admitted: Admitted,
  running: RunningTurn,
  course: Course,
  edge: Edge,
): Promise<Found> {
  const { model } = admitted;
  const asked = course.asked.get(model) ?? new Set<Provider>();
  course.asked.set(model, asked);
  const among = turn.own ? [turn.own] : edge.providers;
  const order = providersFor(wantedBy(turn, admitted), among, Date.now());
  if (!Array.isArray(order)) {
    const found = { kind: 'nobody', nobody: order } as const;
    if (model === turn.facts.model) return found;
    // A step to a model that nobody here can serve is one more that did not work. Not remembered: it costs one call to
    // the wallet, and a deployment's providers can change at any time.
    return { kind: 'reopen', cause: { kind: 'model_refused', remember: false }, otherwise: found };
  }
  const left = order.filter((provider) => !asked.has(provider));
  const deadlineMs = course.startedAtMs + edge.bindings.failover.totalMs;
  const isShared = order.length > 1;
  return await goThrough({ turn, admitted, running, edge, asked, left, deadlineMs, isShared });
}

function wantedBy({ key, facts }: Turn, { model, providers, lastProvider }: Admitted) {
  return { costCenter: key.costCenter, model, facts, allowed: providers, last: lastProvider };
}

async function goThrough(round: Round): Promise<Found> {
  const { turn, admitted, running, left } = round;
  const body = bodyFor(turn, admitted, running);
  let isAtLimits = true;
  let last: { trouble: Trouble; provider: Provider | null } | null = null;
  for (let provider = left.shift(); provider; provider = left.shift()) {
    if (turn.request.signal.aborted) return { kind: 'client_gone' };
    const found = await askOne(round, provider, body);
    if (found.kind !== 'trouble') return found;
    const { trouble } = found;
    isAtLimits &&= trouble.why === 'limits';
    // An answer that says when to come back tells a client more than none.
    if (last && !trouble.response) discard(trouble);
    else {
      if (last) discard(last.trouble);
      last = found;
    }
    if (trouble.why === 'late') return reopenBilled(round, found);
    if (!mayGoOn(round)) break;
  }
  // All were asked before, or are to be left alone: the turn has been given up too often.
  if (!last) return { kind: 'trouble', trouble: LATE, provider: null };
  const found: Found = { kind: 'trouble', ...last };
  if (!isAtLimits || !admitted.stepsDownWhenExhausted || Date.now() >= round.deadlineMs) return found;
  return { kind: 'reopen', cause: { kind: 'providers_exhausted' }, otherwise: found };
}

function discard({ response }: Trouble): void {
  void response?.body?.cancel().catch(() => undefined);
}

/** Whether there is another provider to go to, and time and attempts for it. */
function mayGoOn({ left, asked, edge, deadlineMs }: Round): boolean {
  return left.length > 0 && asked.size < edge.bindings.failover.attempts && Date.now() < deadlineMs;
}

type OneAsked = Exclude<Found, { kind: 'nobody' }>;

async function askOne(round: Round, provider: Provider, body: Uint8Array): Promise<OneAsked> {
  const { turn, admitted, running, edge, asked, deadlineMs, isShared } = round;
  const { model } = admitted;
  asked.add(provider);
  const { firstByteMs } = edge.bindings.failover;
  const limitMs = mayGoOn(round) ? Math.min(firstByteMs, Math.max(0, deadlineMs - Date.now())) : null;
  noteAsked(provider, model, Date.now());
  running.sentTo(provider);
  const question = { model, body, provider, waitsForFirst: isShared, firstByteMs: limitMs };
  const answer = await ask(turn, question, edge);
  if (answer.kind === 'client_gone') return answer;
  if (answer.kind === 'answered') return await judge(round, provider, answer);
  const { trouble } = answer;
  noteFailure(provider, model, trouble.retryAfterMs, Date.now());
  return { kind: 'trouble', trouble, provider };
}

/** What to make of an answer: pass it on, or go elsewhere for what it says of the model or the credential. */
async function judge(round: Round, provider: Provider, answered: Answered): Promise<OneAsked> {
  const { turn, admitted, edge } = round;
  const { response } = answered;
  if (response.ok) {
    noteWell(provider, admitted.model);
    return { kind: 'answered', answered, provider };
  }
  const isSteppedDown = admitted.model !== turn.facts.model;
  const read = isSteppedDown || mayGoOn(round) ? await readModelRefusal(response) : null;
  const kept = { ...answered, response: read?.response ?? response };
  const found = { kind: 'answered', answered: kept, provider } as const;
  const errorType = `http_${response.status}`;
  if (read?.refusal?.for === 'model' && mayGoOn(round)) {
    noteFailure(provider, admitted.model, CREDENTIAL_REST_MS, Date.now());
    const trouble = { why: 'model', errorType, retryAfterMs: null, response: kept.response } as const;
    return { kind: 'trouble', trouble, provider };
  }
  if (read?.refusal && isSteppedDown) {
    const { remember } = read.refusal;
    return { kind: 'reopen', cause: { kind: 'model_refused', remember }, otherwise: found };
  }
  if (!isCredentialRefusal(response.status) || turn.own || !mayGoOn(round)) return found;
  tellCredentialRefused(provider, response.status, turn.key, turn.id, edge);
  noteFailure(provider, admitted.model, CREDENTIAL_REST_MS, Date.now());
  const trouble = { why: 'credential', errorType, retryAfterMs: null, response: kept.response } as const;
  return { kind: 'trouble', trouble, provider };
}

/** A provider that was given up may have read the prompt, and bills it: that is charged before another is asked. */
function reopenBilled({ running }: Round, otherwise: Exclude<Found, { kind: 'reopen' }>): Found {
  return { kind: 'reopen', cause: { kind: 'billed', ...running.givenUp() }, otherwise };
}

/** The answer where no provider can take the turn. */
export function nobodyServes(
  model: string,
  { why, lacks }: Nobody,
  requestId: string,
  headers: Record<string, string>,
): Response {
  const options = { requestId, headers: { ...headers, 'x-should-retry': 'false' } };
  switch (why) {
    case 'model':
      return errorResponse('not_found_error', `model: no provider of this gateway has ${model}.`, options);
    case 'not_allowed': {
      const message = `model: the policy allows no provider of this gateway that has ${model}.`;
      return errorResponse('permission_error', message, options);
    }
    case 'lacks': {
      const needed = [...new Set(lacks)].join(', ');
      const message = `This request needs what no provider of ${model} here can do: ${needed}.`;
      return errorResponse('invalid_request_error', message, options);
    }
  }
}
