/**
 * Opening a turn: check the key, decide, hold. Runs inside one transaction, so that two turns can never both
 * see the same money free.
 */
import { findModel } from '../core/catalogue/lookup.ts';
import { type Decision, decide } from '../core/decide.ts';
import type { SessionHistory } from '../core/estimate.ts';
import { heldAmount } from '../core/hold.ts';
import { nanoUsd } from '../core/money.ts';
import type { PolicyVersion } from '../core/policy/types.ts';
import * as sentence from '../core/refusal.ts';
import { fullest, type Standing, stageName } from '../core/standing.ts';
import { NO_TOKENS } from '../core/usage.ts';
import type { Configuration, VirtualKey } from './configuration.ts';
import { refusalEntry } from './entries.ts';
import type { KeyProblem, OpenReply, OpenRequest, Refusal } from './rpc.ts';
import { standingsFor, toRecordedStanding, toStandingView } from './standings.ts';
import type { WalletState } from './state.ts';
import type { OpenedTurn } from './turns.ts';

/** A hold lives this long without a renewal; the worker renews well before (see the turn's lease). */
export const LEASE_MS = 30_000;
/** A retryable refusal asks to come back after this many seconds, spread by order of arrival. */
const RETRY_AFTER_SECONDS = [2, 3, 4, 5] as const;

/** What is wrong with a key, if anything. Expiry is judged by the wallet's clock. */
export function keyProblem(key: VirtualKey | null, nowMs: number): KeyProblem | null {
  if (!key) return 'unknown';
  if (key.revoked) return 'revoked';
  if (!key.enabled) return 'disabled';
  return key.expiresAtMs !== null && key.expiresAtMs <= nowMs ? 'expired' : null;
}

interface Opening {
  state: WalletState;
  configuration: Configuration;
  key: VirtualKey;
  request: OpenRequest;
  policy: PolicyVersion | null;
  standings: Standing[];
  history: SessionHistory | null;
  openSeq: number;
  nowMs: number;
}

/** Decides over a turn and books the hold or the refusal. Call inside a transaction. */
export function openTurn(state: WalletState, configuration: Configuration, request: OpenRequest): OpenReply {
  const known = state.turns.find(request.turnId);
  if (known) {
    const isSame = known.opened !== null && JSON.stringify(known.opened.request) === JSON.stringify(request);
    return isSame && known.opened ? known.opened.reply : { status: 'conflict' };
  }
  const key = state.configuration.key(request.keyId);
  const problem = keyProblem(key, state.clock.now());
  if (problem || !key) return { status: 'key_rejected', problem: problem ?? 'unknown' };
  const { nowMs, sequence: openSeq } = state.clock.tick('open_seq');
  const { policy } = configuration;
  const who = { costCenter: configuration.costCenter, developer: key.developer, keyId: key.id };
  const standings = policy ? standingsFor(state, policy.policy, who, nowMs) : [];
  const history = state.sessions.find(request.facts);
  const opening = { state, configuration, key, request, policy, standings, history, openSeq, nowMs };
  const closed = closedRefusal(configuration, nowMs);
  if (closed) return bookRefusal(opening, closed, null);
  const turn = { facts: request.facts, history };
  const decision = decide(turn, standings, policy?.policy ?? null, state.catalogue, nowMs);
  tellCrossings(opening, decision);
  return decision.kind === 'refuse'
    ? bookRefusal(opening, toRefusal(opening, decision), decision)
    : bookHold(opening, decision);
}

/** A cost center that a person paused or archived takes no turns, whatever money it has. */
function closedRefusal({ archived, paused, names }: Configuration, nowMs: number): Refusal | null {
  const base = { retryable: false, retryAfterSeconds: null, standing: null };
  if (archived) return { ...base, why: 'archived', message: sentence.archivedSentence(names) };
  if (!paused || (paused.untilMs !== null && paused.untilMs <= nowMs)) return null;
  const retryAfterSeconds = paused.untilMs === null ? null : Math.ceil((paused.untilMs - nowMs) / 1000);
  return {
    ...base,
    why: 'paused',
    retryAfterSeconds,
    message: sentence.pausedSentence(paused.reason, paused.untilMs, names),
  };
}

function toRefusal(opening: Opening, decision: Decision & { kind: 'refuse' }): Refusal {
  const { configuration, request, policy, nowMs, openSeq } = opening;
  const { names } = configuration;
  const { standing, why } = decision;
  const timezone = policy?.policy.timezone ?? names.timezone;
  const refusal = { why, retryable: false, retryAfterSeconds: null, standing: null };
  if (why === 'model' || !standing) {
    const allowed = policy?.policy.allowedModels ?? [];
    return { ...refusal, message: sentence.modelSentence(request.facts.model, allowed, names) };
  }
  const view = toStandingView(standing, timezone);
  if (why === 'pending') {
    const retryAfterSeconds = RETRY_AFTER_SECONDS[openSeq % RETRY_AFTER_SECONDS.length] ?? 2;
    const message = sentence.pendingSentence(standing, names);
    return { why, retryable: true, retryAfterSeconds, message, standing: view };
  }
  if (why === 'unbounded') {
    const message = sentence.unboundedSentence(standing.budget.id, request.facts.unbounded, names);
    return { ...refusal, message, standing: view };
  }
  const message = sentence.spentSentence(standing, decision.hold?.expected ?? null, timezone, names);
  const retryAfterSeconds = Math.max(1, Math.ceil((standing.endMs - nowMs) / 1000));
  return { why, retryable: false, retryAfterSeconds, message, standing: view };
}

/** The first step down and the first refusal of a window count as crossing their stage. */
function tellCrossings({ state, request, key, policy, nowMs }: Opening, decision: Decision): void {
  const turn = {
    costCenter: request.costCenter,
    turnId: request.turnId,
    session: request.facts.session,
    developer: key.developer,
    policyVersion: policy?.version ?? null,
  };
  for (const { standing, stage } of decision.crossings) state.alerts.tellStage(turn, standing, stage, nowMs);
}

/** Beside the standings. Tool names have columns of their own. */
function decisionInputs({ request, history, state }: Opening, decision: Decision | null): unknown {
  const { toolsOffered: _, toolsUsed: __, ...facts } = request.facts;
  return { facts, history, catalogue: state.catalogue.version, hold: decision?.hold ?? null };
}

function openedTurn(opening: Opening, decision: Decision | null, reply: OpenReply): OpenedTurn {
  const { state, request, key, policy, standings, history, openSeq, nowMs } = opening;
  const [crossing] = decision?.crossings ?? [];
  const served = decision && decision.kind !== 'refuse' ? decision.model : null;
  const hold = decision?.hold ?? { expected: nanoUsd(0), ceiling: null, tokens: NO_TOKENS };
  const isGuaranteed = standings.some(({ budget }) => budget.admission === 'guaranteed');
  return {
    request,
    reply,
    openSeq,
    admittedAtMs: nowMs,
    developer: key.developer,
    keyTags: key.tags,
    decision: decision?.kind ?? 'refuse',
    model: served,
    line: (served && findModel(state.catalogue, served)?.line) ?? 'unknown',
    stage: crossing ? stageName(crossing.standing.budget, crossing.stage) : null,
    reasons: 'reasons' in reply ? reply.reasons : [],
    decisionInputs: decisionInputs(opening, decision),
    policyVersion: policy?.version ?? null,
    standing: standings.map(toRecordedStanding),
    hold,
    heldNanoUsd:
      served === null ? 0 : (heldAmount(hold, isGuaranteed ? 'guaranteed' : 'expected') ?? hold.expected),
    priorPromptTokens: history?.promptTokens ?? 0,
  };
}

/** The fullest budget as it stood before this turn, for the caller's headers. */
function shownStanding({ policy, standings }: Opening): ReturnType<typeof toStandingView> | null {
  const standing = fullest(standings);
  return standing && policy ? toStandingView(standing, policy.policy.timezone) : null;
}

function bookHold(opening: Opening, decision: Decision & { kind: 'proceed' | 'downgrade' }): OpenReply {
  const { state, nowMs } = opening;
  const isUnknown = findModel(state.catalogue, decision.model) === null;
  const reply: OpenReply = {
    status: 'admitted',
    decision: decision.kind,
    model: decision.model,
    reasons: isUnknown ? [...decision.reasons, 'unknown_model'] : decision.reasons,
    standing: shownStanding(opening),
  };
  state.turns.insert('open', openedTurn(opening, decision, reply), nowMs + LEASE_MS);
  return reply;
}

function bookRefusal(
  opening: Opening,
  refusal: Refusal,
  decision: (Decision & { kind: 'refuse' }) | null,
): OpenReply {
  const { state, nowMs } = opening;
  const reasons = decision?.reasons ?? [refusal.why];
  const standing = refusal.standing ?? shownStanding(opening);
  const reply: OpenReply = { status: 'refused', refusal, reasons, standing };
  const opened = openedTurn(opening, decision, reply);
  state.turns.insert('refused', opened, nowMs);
  const { sequence: settleSeq } = state.clock.tick('settle_seq');
  state.outbox.put('ledger', refusalEntry(opened, state.catalogue.version, settleSeq, nowMs), nowMs);
  return reply;
}
