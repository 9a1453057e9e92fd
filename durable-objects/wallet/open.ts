/**
 * Opening a turn: check the key, decide, hold. Runs inside one transaction, so that two turns can never both
 * see the same money free.
 */
import { canonicalId, findModel } from '../core/catalogue/lookup.ts';
import { decide } from '../core/decide.ts';
import type { Admission, Decision, RefusalDecision, TurnToDecide } from '../core/decision.ts';
import { heldAmount } from '../core/hold.ts';
import { nanoUsd } from '../core/money.ts';
import type { PolicyVersion } from '../core/policy/types.ts';
import type { EarlierDecision } from '../core/replay/types.ts';
import { bindsLine, fullest, type Standing } from '../core/standing.ts';
import { NO_TOKENS } from '../core/usage.ts';
import { alertContextOf } from './alert-context.ts';
import { type Configuration, canaryOver, isExempt, policyInForce } from './configuration.ts';
import { decisionInputs } from './decision-inputs.ts';
import { refusalEntry } from './entries.ts';
import { watchDecision, watchLimited } from './guard-watch.ts';
import type { VirtualKey } from './keys.ts';
import { type Limited, limitOver, limitReason } from './limiting.ts';
import type { LimitHit } from './rates.ts';
import { closedRefusal, toRefusal } from './refusals.ts';
import type { KeyProblem, OpenReply, OpenRequest, Refusal, StandingView } from './rpc.ts';
import { standingsFor, toRecordedStanding, toStandingView } from './standings.ts';
import type { WalletState } from './state.ts';
import type { OpenedTurn } from './turns.ts';

/** A hold lives this long without a renewal; the worker renews well before (see the turn's lease). */
export const LEASE_MS = 30_000;

/** What is wrong with a key, if anything. Expiry is judged by the wallet's clock. */
export function keyProblem(key: VirtualKey | null, nowMs: number): KeyProblem | null {
  if (!key) return 'unknown';
  if (key.revoked) return 'revoked';
  if (!key.enabled) return 'disabled';
  return key.expiresAtMs !== null && key.expiresAtMs <= nowMs ? 'expired' : null;
}

/** A turn about to be decided over, for the first time or anew. */
export interface Opening {
  state: WalletState;
  configuration: Configuration;
  key: VirtualKey;
  request: OpenRequest;
  policy: PolicyVersion | null;
  standings: Standing[];
  turn: TurnToDecide;
  openSeq: number;
  /** When it was opened first: windows count it from there. */
  admittedAtMs: number;
  /** Settlements by then; absent in a turn opened before they were counted in it. */
  settleSeq?: number | undefined;
  /** What was decided over it before. */
  earlier: readonly EarlierDecision[];
  nowMs: number;
  /** Models the upstream refused this very turn on, or no provider had for it, in order. */
  failedModels: OpenedTurn['failedModels'];
  billedAttempts: number;
  sentBefore: string | null;
}

/** Decides over a turn and books the hold or the refusal. Call inside a transaction. */
export function openTurn(state: WalletState, configuration: Configuration, request: OpenRequest): OpenReply {
  const known = state.turns.find(request.turnId);
  if (known) {
    const isSame = known.opened !== null && JSON.stringify(known.opened.request) === JSON.stringify(request);
    return isSame && known.opened ? known.opened.reply : { status: 'conflict' };
  }
  const answered = state.turns.rates.answered(request);
  if (answered) return answered;
  const key = state.keys.find(request.keyId);
  const problem = keyProblem(key, state.clock.now());
  if (problem || !key) return { status: 'key_rejected', problem: problem ?? 'unknown' };
  const closed = closedRefusal({ state, configuration, request, nowMs: state.clock.now() });
  const limited = closed ? null : limitOver(state, configuration, request, key);
  if (limited?.isTold) return answerLimited(state, configuration, request, key, limited);
  const { nowMs, sequence: openSeq } = state.clock.tick('open_seq');
  const { session } = request.facts;
  if (state.spans.isOver(session, nowMs)) {
    state.sessions.forgetOver(session, nowMs);
    state.served.forget(session);
  }
  state.spans.touch(session, nowMs);
  const { settleSeq } = state.clock.counts();
  const opened = { openSeq, admittedAtMs: nowMs, settleSeq, ...NOTHING_BEFORE };
  const opening = openingOf(state, configuration, request, key, opened);
  if (closed) return bookRefusal(opening, closed, null);
  if (limited) {
    watchLimited(opening);
    return bookRefusal(opening, limited.refusal, null, limited.hit);
  }
  const decision = decideOver(opening);
  watchDecision(opening, decision);
  return decision.kind === 'refuse'
    ? bookRefusal(opening, toRefusal(opening, decision), decision)
    : bookHold(opening, decision);
}

/** When a turn was admitted first, and what came to nothing since. */
export type Opened = Pick<
  Opening,
  'openSeq' | 'admittedAtMs' | 'settleSeq' | 'earlier' | 'failedModels' | 'billedAttempts' | 'sentBefore'
>;

/** A turn that is opened for the first time. */
const NOTHING_BEFORE = { earlier: [], failedModels: [], billedAttempts: 0, sentBefore: null };

/** Refuses a turn by a limit whose refusal is booked already: nothing is written. */
function answerLimited(
  state: WalletState,
  configuration: Configuration,
  request: OpenRequest,
  key: VirtualKey,
  { hit, refusal }: Limited,
): OpenReply {
  const opened = { ...state.clock.counts(), admittedAtMs: state.clock.now(), ...NOTHING_BEFORE };
  const standing = shownStanding(openingOf(state, configuration, request, key, opened), request.facts.model);
  const reply: OpenReply = { status: 'refused', refusal, reasons: [limitReason(hit)], standing };
  return state.turns.rates.answer(request, reply);
}

/** Everything a decision over a turn is made from, as it stands now; a turn's own hold does not count against it. */
export function openingOf(
  state: WalletState,
  configuration: Configuration,
  request: OpenRequest,
  key: VirtualKey,
  opened: Opened,
): Opening {
  const { admittedAtMs, failedModels } = opened;
  const nowMs = state.clock.now();
  const { facts, turnId } = request;
  const policy = policyInForce(configuration, nowMs, facts.session);
  const failed = failedModels.map(({ model }) => canonicalId(state.catalogue, model));
  const turn: TurnToDecide = {
    facts,
    history: state.sessions.history(facts),
    tags: key.tags,
    allowedModels: key.allowedModels,
    // Where the model it led to does not work, the step is over.
    step: failed.length > 0 ? null : state.sessions.step(facts),
    preferred: state.sessions.preference(facts.session, key.developer),
    exempt: isExempt(configuration, nowMs),
    refused: [...failed, ...state.refusedModels.of(canonicalId(state.catalogue, facts.model), nowMs)],
  };
  const { developer, id: keyId } = key;
  const caller = { costCenter: configuration.costCenter, developer, keyId, session: facts.session };
  // By the window the turn was admitted in: there its money is counted.
  const standings = policy ? standingsFor(state, policy.policy, caller, admittedAtMs, turnId) : [];
  return { state, configuration, key, request, policy, standings, turn, nowMs, ...opened };
}

/** Decides, tells the stages this crossed, and keeps the thread's step down. */
export function decideOver(opening: Opening): Decision {
  const { state, turn, standings, policy, nowMs } = opening;
  const decision = decide(turn, standings, policy?.policy ?? null, state.catalogue, nowMs);
  tellCrossings(opening, decision);
  // A turn decided anew was given no step; the one its first decision kept may be there still.
  const isAnew = attemptOf(opening) > 1;
  if (decision.kind !== 'refuse' && (isAnew || decision.step !== turn.step)) {
    state.sessions.saveStep(turn.facts, decision.step, nowMs);
  }
  return decision;
}

/** The first step down and the first refusal of a window count as crossing their stage. */
function tellCrossings(opening: Opening, decision: Decision): void {
  const { state, configuration, request, key, policy, nowMs } = opening;
  const turn = {
    costCenter: request.costCenter,
    turnId: request.turnId,
    session: request.facts.session,
    developer: key.developer,
    policyVersion: policy?.version ?? null,
    canary: canaryOver(configuration, nowMs, request.facts.session),
  };
  for (const { standing, stage } of decision.crossings) {
    state.alerts.tellStage(turn, standing, stage, () => alertContextOf(state, standing, nowMs), nowMs);
  }
}

function attemptOf({ failedModels, billedAttempts }: Opened): number {
  return failedModels.length + billedAttempts + 1;
}

/** Of the history only what pricing the model asked for wants to know: every turn's row has it. */
function priorOf({ history }: TurnToDecide): OpenedTurn['prior'] {
  if (!history) return null;
  const { promptTokens, firstPromptTokens, tokenizer, bodyBytes, atMs } = history;
  return { promptTokens, firstPromptTokens, tokenizer, bodyBytes, atMs };
}

function openedTurn(opening: Opening, decision: Decision | null, reply: OpenReply): OpenedTurn {
  const { state, request, key, policy, standings, turn, openSeq, admittedAtMs, nowMs } = opening;
  const { failedModels, billedAttempts, sentBefore } = opening;
  const admission = decision && decision.kind !== 'refuse' ? decision : null;
  const hold = decision?.hold ?? { expected: nanoUsd(0), ceiling: null, tokens: NO_TOKENS };
  const line = admission && (findModel(state.catalogue, admission.model)?.line ?? null);
  const isGuaranteed = standings.some(
    (standing) => standing.budget.admission === 'guaranteed' && bindsLine(standing, line),
  );
  return {
    request,
    reply,
    openSeq,
    admittedAtMs,
    developer: key.developer,
    keyTags: key.tags,
    decision: decision?.kind ?? 'refuse',
    model: admission?.model ?? null,
    line: line ?? 'unknown',
    stage: decision?.stage ?? null,
    route: admission?.route ?? null,
    reasons: 'reasons' in reply ? reply.reasons : [],
    decisionInputs: decisionInputs(opening, decision, reply),
    policyVersion: policy?.version ?? null,
    standing: standings.map(toRecordedStanding),
    hold,
    heldNanoUsd: admission
      ? (heldAmount(hold, isGuaranteed ? 'guaranteed' : 'expected') ?? hold.expected)
      : 0,
    priorPromptTokens: turn.history?.promptTokens ?? 0,
    prior: priorOf(turn),
    priceBook: state.prices.numberOf(state.catalogue, nowMs),
    attempt: attemptOf(opening),
    failedModels,
    billedAttempts,
    sentBefore,
  };
}

/** The fullest budget that binds this model, as it stood before the turn: for the caller's headers. */
function shownStanding({ policy, standings, state }: Opening, model: string): StandingView | null {
  const line = findModel(state.catalogue, model)?.line ?? null;
  const standing = fullest(standings.filter((each) => bindsLine(each, line)));
  return standing && policy ? toStandingView(standing, policy.policy.timezone) : null;
}

function failureReasons({ failedModels }: Opening): string[] {
  return failedModels.map(({ model }) => `failed:${model}`);
}

/** The turn as it is held from now on, with its reply. */
export function toHold(opening: Opening, decision: Admission): OpenedTurn {
  const isUnknown = findModel(opening.state.catalogue, decision.model) === null;
  const reasons = [...decision.reasons, ...failureReasons(opening)];
  const reply: OpenReply = {
    status: 'admitted',
    decision: decision.kind,
    model: decision.model,
    maxTokens: decision.maxTokens,
    reasons: isUnknown ? [...reasons, 'unknown_model'] : reasons,
    standing: shownStanding(opening, decision.model),
    providers: opening.policy?.policy.allowedProviders ?? null,
    lastProvider: opening.state.sessionProviders.find(opening.request.facts, opening.nowMs),
    stepsDownWhenExhausted: opening.policy?.policy.whenExhausted === 'step_down',
  };
  opening.state.served.note(opening.key.developer, opening.request.facts, decision, opening.nowMs);
  return openedTurn(opening, decision, reply);
}

function bookHold(opening: Opening, decision: Admission): OpenReply {
  const opened = toHold(opening, decision);
  opening.state.turns.insert('open', opened, opening.nowMs + LEASE_MS);
  return opened.reply;
}

/** The turn as it was refused, with its reply and its row of the ledger on the way. */
export function toRefused(
  opening: Opening,
  refusal: Refusal,
  decision: RefusalDecision | null,
  limited?: LimitHit,
): OpenedTurn {
  const { state, nowMs } = opening;
  const why = limited ? limitReason(limited) : refusal.why;
  const reasons = [...(decision?.reasons ?? [why]), ...failureReasons(opening)];
  const standing = refusal.standing ?? shownStanding(opening, opening.request.facts.model);
  const opened = {
    ...openedTurn(opening, decision, { status: 'refused', refusal, reasons, standing }),
    limited,
  };
  const { sequence: settleSeq } = state.clock.tick('settle_seq');
  state.outbox.put('ledger', refusalEntry(opened, state.catalogue.version, settleSeq, nowMs), nowMs);
  return opened;
}

function bookRefusal(
  opening: Opening,
  refusal: Refusal,
  decision: RefusalDecision | null,
  limited?: LimitHit,
): OpenReply {
  const opened = toRefused(opening, refusal, decision, limited);
  opening.state.turns.insert('refused', opened, opening.nowMs);
  return opened.reply;
}
