/**
 * Asking one provider for an admitted turn: fit the body, call, and see whether the answer begins. What lives as long as
 * the answer streams must not hold on to the request's bytes or their parsed form: 64 open streams of 1 MB bodies would
 * fill an isolate.
 */
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import type { OpenReply } from '../../durable-objects/wallet/rpc.ts';
import type { VerifiedKey } from '../auth/virtual-key.ts';
import type { Provider } from '../providers/provider.ts';
import { withModel } from '../providers/request-model.ts';
import { adaptBody } from './adapt.ts';
import type { TakenBody } from './body.ts';
import type { Translation } from './dialect.ts';
import { type Edge, walletOfKey } from './edge.ts';
import { FirstByteLate, inTime, readFirst, type Source } from './first-bytes.ts';
import { upstreamHeaders } from './forward.ts';
import { parseBody } from './inspect.ts';
import { RunningTurn } from './running-turn.ts';
import { type Trouble, troubleOf, troubleOfEvent } from './trouble.ts';

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
  /** The upstream by the developer's own credential; null: one of the deployment's providers. */
  own: Provider | null;
}

/** Starts keeping the lease of one attempt, from 1; the Worker stays alive until it is settled. */
export function startRunning(turn: Turn, model: string, attempt: number, edge: Edge): RunningTurn {
  const { bindings } = edge;
  const { key } = turn;
  const anthropicVersion = turn.request.headers.get('anthropic-version')?.slice(0, MAX_VERSION_LENGTH);
  const running = new RunningTurn({
    turnId: turn.id,
    attempt,
    facts: turn.facts,
    model,
    anthropicVersion: anthropicVersion ?? bindings.anthropicVersion,
    wallet: () => walletOfKey(edge, key),
  });
  edge.waitUntil(running.settled);
  return running;
}

/** The client's bytes as they are, or fitted to the model and the limit the decision chose. */
export function bodyFor(
  { facts, writtenModel, taken }: Turn,
  admitted: Admitted,
  running: RunningTurn,
): Uint8Array {
  const { model, maxTokens } = admitted;
  const isAsAsked = model === facts.model && maxTokens === null;
  if (isAsAsked && model === writtenModel) return taken.bytes;
  try {
    if (isAsAsked) return withModel(taken.bytes, model);
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
  kind: 'answered';
  response: Response;
  /** The answer's body where its beginning was waited for; null: it is the response's, untouched. */
  source: Source | null;
  /** Cancels the upstream. */
  abort: () => void;
}

export type Asked = Answered | { kind: 'trouble'; trouble: Trouble } | { kind: 'client_gone' };

export interface Question {
  model: string;
  body: Uint8Array;
  provider: Provider;
  /** Whether a stream's first bytes are waited for: there are several providers, this one perhaps the last of them. */
  waitsForFirst: boolean;
  /** How long these may take, ms; null: there is no other provider to go to. */
  firstByteMs: number | null;
}

/** Asks a provider. An answer it resolves to is still unread, but for its first bytes; nothing went to the client yet. */
export async function ask(turn: Turn, question: Question, edge: Edge): Promise<Asked> {
  const { signal } = turn.request;
  const upstream = new AbortController();
  const abort = (): void => upstream.abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    const asked = await answerOf(turn, question, upstream.signal, abort, edge);
    // From here on whoever reads the answer decides when to give it up. An error of our own leaves the hold to its
    // lease: the upstream has answered, so the turn is not free.
    if (asked.kind === 'answered') signal.removeEventListener('abort', abort);
    return asked;
  } catch (error) {
    if (signal.aborted) return { kind: 'client_gone' };
    const isLate = error instanceof FirstByteLate;
    const [why, errorType] = isLate ? (['late', 'first_byte_late'] as const) : unreachable(error);
    return { kind: 'trouble', trouble: { why, errorType, retryAfterMs: null, response: null } };
  }
}

function unreachable(error: unknown): ['unwell', string] {
  console.warn({ message: 'the upstream could not be reached', error: String(error) });
  return ['unwell', 'upstream_unreachable'];
}

async function answerOf(
  turn: Turn,
  question: Question,
  signal: AbortSignal,
  abort: () => void,
  edge: Edge,
): Promise<Exclude<Asked, { kind: 'client_gone' }>> {
  const { provider, model, body, waitsForFirst, firstByteMs } = question;
  const { path, headers } = turn.request;
  const sentAtMs = Date.now();
  const limitMs = turn.facts.stream ? firstByteMs : null;
  const sent = provider.send({
    path,
    method: 'POST',
    model,
    headers: upstreamHeaders(headers, edge.bindings.anthropicVersion, provider.name === 'simulator'),
    body,
    signal,
  });
  const response = await inTime(sent, limitMs, abort);
  const trouble = troubleOf(response, Date.now());
  if (trouble) return { kind: 'trouble', trouble };
  const answered = { kind: 'answered', response, source: null, abort } as const;
  if (!waitsForFirst || !turn.facts.stream || !response.ok || !response.body) return answered;
  const leftMs = limitMs === null ? null : Math.max(0, limitMs - (Date.now() - sentAtMs));
  const source = await inTime(readFirst(response.body), leftMs, abort);
  const begun = troubleOfBeginning(provider, response, source.first);
  if (!begun) return { ...answered, source };
  abort();
  return { kind: 'trouble', trouble: begun };
}

/** A stream that ends, or tells of an error, before it says anything. */
function troubleOfBeginning(
  provider: Provider,
  { headers }: Response,
  first: Uint8Array | null,
): Trouble | null {
  if (first === null) return { why: 'unwell', errorType: 'upstream_cut', retryAfterMs: null, response: null };
  const meter = provider.meter(headers.get('content-type') ?? '');
  meter.push(first, Date.now());
  const { error, usage } = meter.read(Date.now());
  return error && !usage ? troubleOfEvent(error) : null;
}
