/**
 * Resolving holds: the exact cost takes a hold's place, once. What is reported twice is booked once; what is
 * reported after its lease ran out is booked as the difference, in the window the turn was admitted in. Each
 * function runs inside one transaction.
 */
import { canonicalId, findModel } from '../core/catalogue/lookup.ts';
import type { Catalogue } from '../core/catalogue/types.ts';
import { FIRST_OUTPUT_TOKENS } from '../core/estimate.ts';
import { nextHistory } from '../core/history.ts';
import { nanoUsd } from '../core/money.ts';
import { bindsLine, stageLine } from '../core/standing.ts';
import { addTokens, promptTokens, type Usage } from '../core/usage.ts';
import { alertContextOf } from './alert-context.ts';
import type { AlertTurn } from './alerts.ts';
import { bookingOf, correctionOf, type Prices, unreportedBooking } from './charge.ts';
import { canaryOver, isExempt, policyInForce } from './configuration.ts';
import { type Booking, toEntry } from './entries.ts';
import { watchSettled } from './guard-watch.ts';
import { LEASE_MS } from './open.ts';
import type {
  AnswerFacts,
  Outcome,
  Progress,
  RenewReply,
  RenewRequest,
  ReopenCause,
  SettleReply,
  SettleRequest,
} from './rpc.ts';
import { standingsFor } from './standings.ts';
import type { WalletState } from './state.ts';
import type { Charge, OpenedTurn, TurnRow } from './turns.ts';

/** Settles a turn with what its upstream reported. */
export function settleTurn(state: WalletState, request: SettleRequest): SettleReply {
  const row = state.turns.find(request.turnId);
  if (!row) return settleUnknown(state, request);
  if (row.state === 'refused') return settleRefused(row, request);
  if (row.settlement) {
    const isSame = JSON.stringify(row.settlement) === JSON.stringify(request);
    return isSame ? { status: 'settled', chargedNanoUsd: row.charge?.nanoUsd ?? 0 } : { status: 'conflict' };
  }
  if (!row.opened || !isReportOf(row.opened, request)) return { status: 'conflict' };
  const prices = pricesOf(state, row.opened, request.answer);
  const fresh = bookingOf(row.opened, outcomeOf(row.opened, request), prices);
  const booking = row.charge ? correctionOf(fresh, row.charge) : fresh;
  // A correction has the model of the charge it corrects, so that both are counted on the same line.
  const opened = row.charge ? row.opened : asSent(row.opened, request.attempt);
  const charge = book(state, opened, booking, request.answer, row.charge);
  state.turns.resolve(request.turnId, booking.kind === 'failure' ? 'released' : 'settled', request, charge);
  watchSettled(state, row.opened, request);
  if (request.outcome.kind === 'completed') {
    remember(state, row.opened, request.outcome.usage);
    const { session } = row.opened.request.facts;
    state.sessionProviders.note(session, request.answer.providerInstance, state.clock.now());
    rememberRefusedModels(state, row.opened);
  }
  return { status: 'settled', chargedNanoUsd: charge.nanoUsd };
}

/** Whether nobody heard the decision that followed the reported attempt, and so nobody sent its attempt. */
function isUndecided({ attempt }: OpenedTurn, { attempt: reported, outcome }: SettleRequest): boolean {
  return 'undecided' in outcome && outcome.undecided === true && reported === attempt - 1;
}

/** What became of the present attempt: one that was never sent failed, and what came before it is booked. */
function outcomeOf(opened: OpenedTurn, request: SettleRequest): Outcome {
  return isUndecided(opened, request) ? { kind: 'failed' } : request.outcome;
}

/** Whether a report is of the turn's present attempt, or ends it unsent. */
function isReportOf(opened: OpenedTurn, request: SettleRequest): boolean {
  return request.attempt === opened.attempt || isUndecided(opened, request);
}

/** The turn as it went upstream: an attempt that nobody sent leaves the model of the one before. */
function asSent(opened: OpenedTurn, attempt: number): OpenedTurn {
  if (attempt === opened.attempt) return opened;
  return { ...opened, attempt, model: opened.sentBefore ?? opened.model };
}

/** A refused turn holds nothing; only where its refusal was not heard is there anything to report of it. */
function settleRefused({ opened }: TurnRow, request: SettleRequest): SettleReply {
  if (!opened || !isUndecided(opened, request)) return { status: 'conflict' };
  return { status: 'settled', chargedNanoUsd: 0 };
}

/** A turn that was given up before its open arrived: that open must find it resolved. */
function settleUnknown(state: WalletState, request: SettleRequest): SettleReply {
  if (request.outcome.kind !== 'failed') return { status: 'unknown_turn' };
  state.turns.insertTombstone(request, state.clock.now());
  return { status: 'settled', chargedNanoUsd: 0 };
}

/** Renews a lease with the usage seen so far. After the lease ran out, what was charged is brought up to date. */
export function renewTurn(state: WalletState, request: RenewRequest): RenewReply {
  const row = state.turns.find(request.turnId);
  if (!row?.opened || request.attempt !== row.opened.attempt) return { status: 'unknown_turn' };
  if (row.settlement || (row.state !== 'open' && row.state !== 'expired')) return { status: 'resolved' };
  const progress = furthest(row.progress, request.progress);
  state.turns.renew(request.turnId, state.clock.now() + LEASE_MS, progress);
  if (row.state === 'expired' && row.charge) {
    const fresh = unreportedBooking(row.opened, progress, 'lease_expired', pricesOf(state, row.opened, null));
    const booking = correctionOf(fresh, row.charge);
    if (booking.nanoUsd > 0 || booking.listNanoUsd > 0) {
      const charge = book(state, row.opened, booking, null, row.charge);
      state.turns.resolve(request.turnId, 'expired', null, charge);
    }
  }
  return { status: 'renewed' };
}

/** The report that is further along: renewals of one turn can overtake each other, and the best figure stays. */
function furthest(before: Progress | null, reported: Progress): Progress {
  if (before === null) return reported;
  if ((before.usage === null) !== (reported.usage === null)) return before.usage ? before : reported;
  return reported.outputTokens >= before.outputTokens ? reported : before;
}

/** Settles an open turn nobody reports on at the best figure known. `why` marks the estimate. */
export function expireTurn(state: WalletState, row: TurnRow, why: string): void {
  if (!row.opened) return;
  const booking = unreportedBooking(row.opened, row.progress, why, pricesOf(state, row.opened, null));
  const charge = book(state, row.opened, booking, null, null);
  state.turns.resolve(row.turnId, 'expired', null, charge);
}

/** Charges an attempt that was given up for another one; its turn stays open. */
export function bookGivenUp(
  state: WalletState,
  opened: OpenedTurn,
  { outcome, answer }: Extract<ReopenCause, { kind: 'billed' }>,
): Charge {
  return book(state, opened, bookingOf(opened, outcome, pricesOf(state, opened, answer)), answer, null);
}

/** The prices the turn was held with: they settle it, whatever came into force since. `answer` null: nobody was heard. */
function pricesOf(state: WalletState, { priceBook }: OpenedTurn, answer: AnswerFacts | null): Prices {
  const catalogue: Catalogue = (priceBook === null ? null : state.prices.find(priceBook)) ?? state.catalogue;
  return { catalogue, providerMillionths: answer?.priceMillionths ?? null };
}

/** Moves the money, writes the entry and tells the stages that settled money crossed. */
function book(
  state: WalletState,
  opened: OpenedTurn,
  booking: Booking,
  answer: AnswerFacts | null,
  before: Charge | null,
): Charge {
  const { nowMs, sequence } = state.clock.tick('settle_seq');
  const entry = toEntry(opened, booking, answer, sequence, nowMs);
  const { developer, line, request } = opened;
  const spender = { developer, keyId: request.keyId, line, session: request.facts.session };
  state.spend.add(spender, opened.admittedAtMs, nanoUsd(booking.nanoUsd));
  state.outbox.put('ledger', entry, nowMs);
  tellCrossings(state, opened, nowMs);
  if (booking.modelUnknown) {
    const model = opened.model ?? request.facts.model;
    state.alerts.tell('unknown_model', model, alertTurn(opened), { model }, nowMs);
  }
  return {
    entryId: before?.entryId ?? entry.entry_id,
    nanoUsd: (before?.nanoUsd ?? 0) + booking.nanoUsd,
    listNanoUsd: (before?.listNanoUsd ?? 0) + booking.listNanoUsd,
    askedNanoUsd: booking.askedNanoUsd === null ? null : (before?.askedNanoUsd ?? 0) + booking.askedNanoUsd,
    chargedPriceVersion: booking.chargedPriceVersion,
    tokens: before ? addTokens(before.tokens, booking.tokens) : booking.tokens,
    webSearchRequests: (before?.webSearchRequests ?? 0) + booking.webSearchRequests,
  };
}

function alertTurn(opened: OpenedTurn): AlertTurn {
  const { request, developer, policyVersion } = opened;
  const { turnId, costCenter, facts } = request;
  return { costCenter, turnId, session: facts.session, developer, policyVersion };
}

/** Tells the stages that settled money has now reached, by the policy in force; while it is exempt, none. */
function tellCrossings(state: WalletState, opened: OpenedTurn, nowMs: number): void {
  const configuration = state.configuration.current();
  const { developer, request } = opened;
  const { costCenter, keyId, facts } = request;
  const policy = configuration && policyInForce(configuration, nowMs, facts.session);
  if (!policy || isExempt(configuration, nowMs)) return;
  const who = { costCenter, developer, keyId, session: facts.session };
  const canary = canaryOver(configuration, nowMs, facts.session);
  const turn = { ...alertTurn(opened), policyVersion: policy.version, canary };
  for (const standing of standingsFor(state, policy.policy, who, opened.admittedAtMs)) {
    if (!bindsLine(standing, opened.line)) continue;
    for (const stage of standing.budget.stages) {
      if (standing.settled < stageLine(standing, stage)) break;
      state.alerts.tellStage(turn, standing, stage, () => alertContextOf(state, standing, nowMs), nowMs);
    }
  }
}

/** Lets the thread's next estimate start from this turn's exact figures. */
function remember(state: WalletState, opened: OpenedTurn, usage: Usage): void {
  const { facts } = opened.request;
  const model = opened.model ?? facts.model;
  if (promptTokens(usage.tokens) === 0) return;
  const history = nextHistory(state.sessions.history(facts), {
    model,
    tokenizer: findModel(state.catalogue, model)?.tokenizer ?? 'new',
    tokens: usage.tokens,
    bodyBytes: facts.bodyBytes,
    kind: facts.kind,
    cacheTtl: facts.cacheTtl,
    firstOutputTokens: FIRST_OUTPUT_TOKENS[facts.kind],
    atMs: state.clock.now(),
  });
  state.sessions.saveHistory(facts, history);
}

/** The request was a good one, as its answer shows: what the refused models refused was themselves. */
function rememberRefusedModels(state: WalletState, { failedModels, request }: OpenedTurn): void {
  for (const { model, remember } of failedModels) {
    const asked = canonicalId(state.catalogue, request.facts.model);
    if (remember) state.refusedModels.remember(asked, model, state.clock.now());
  }
}
