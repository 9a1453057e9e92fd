/**
 * What turns tell the guards of the rollouts they belong to, in the transactions in which they are decided over and
 * settled. A guard that trips is kept, told, and on its way to D1 in that very transaction: the next turn is decided by
 * the base version.
 */
import { decide } from '../core/decide.ts';
import type { Decision } from '../core/decision.ts';
import { count } from '../core/guards/guard.ts';
import {
  isChanged,
  type Observation,
  type Observed,
  ofDecision,
  ofLimit,
  ofToolResults,
  ofUpstream,
} from '../core/guards/observe.ts';
import type { AlertTurn } from './alerts.ts';
import { type Configuration, rolloutIn, watchingIn } from './configuration.ts';
import type { Told } from './guard-records.ts';
import { tripGuard } from './guard-trip.ts';
import { fitsIn } from './limiting.ts';
import type { Opening } from './open.ts';
import type { Rollout, Watching } from './rollouts.ts';
import type { SettleRequest } from './rpc.ts';
import { standingsFor } from './standings.ts';
import type { WalletState } from './state.ts';
import type { OpenedTurn } from './turns.ts';

/** What an upstream says of a request or a model that it does not take. */
const REFUSED_STATUSES: readonly (number | null)[] = [400, 403, 404];

/** Counts an observation of a rollout; where that trips its guard, takes the version back. */
export function see(
  { state, configuration }: { state: WalletState; configuration: Configuration },
  rollout: Rollout,
  observation: Observation,
  turn: AlertTurn,
): void {
  // One guard trips once, whatever else the same turn tells.
  if (configuration.tripped.has(rollout.id)) return;
  const nowMs = state.clock.now();
  const book = state.guards.bookOf(rollout, nowMs);
  const { signal } = observation;
  // What is switched off is counted all the same: a manager may look at it.
  if (count(book, observation) && rollout.guards.includes(signal)) {
    tripGuard(state, rollout, signal, turn, nowMs);
  }
}

function turnOf({ request, key, policy }: Opening): AlertTurn {
  const { costCenter, turnId, facts } = request;
  const { developer } = key;
  return { costCenter, turnId, session: facts.session, developer, policyVersion: policy?.version ?? null };
}

/**
 * Has the guards look on, where any watches. Whatever goes wrong with that is logged and undone by itself: no turn is
 * kept waiting for it, and no money unsettled.
 */
function lookingOn(
  state: WalletState,
  configuration: Configuration | null,
  look: (configuration: Configuration) => void,
): void {
  if (!configuration || configuration.rollouts.length === 0) return;
  try {
    state.commit(() => look(configuration));
  } catch (error) {
    console.error({ message: 'a guard could not look on', error: String(error) });
  }
}

/** Tells of a decision over a turn that was just opened, and of the tool results that the turn brought. */
export function watchDecision(opening: Opening, decision: Decision): void {
  lookingOn(opening.state, opening.configuration, () => tellDecision(opening, decision));
}

function tellDecision(opening: Opening, decision: Decision): void {
  const { state, configuration, request, turn, nowMs } = opening;
  const { turnId, facts } = request;
  lookBack(opening);
  // Nothing is decided by the policy's money in an incident.
  const watching = turn.exempt ? [] : watchingIn(configuration, nowMs, facts.session);
  if (watching.length === 0) return;
  let hasPassedOver = false;
  for (const each of watching) {
    const observed = { ...observedIn(opening), side: each.side };
    for (const observation of ofDecision(observed, decision, otherwise(opening, each))) {
      hasPassedOver ||= observation.signal === 'upstream_400s';
      see(opening, each.rollout, observation, turnOf(opening));
    }
  }
  if (decision.kind === 'refuse') return;
  const told = watching.map(({ rollout, side }): Told => ({ rollout: rollout.id, side }));
  state.guards.saveTurn(turnId, { told, awaitsUpstream: isChanged(decision) && !hasPassedOver }, nowMs);
}

/** Tells of a turn that a limit besides money is about to send away, as of one a minute, limit and subject. */
export function watchLimited(opening: Opening): void {
  const { state, request, key, nowMs } = opening;
  const { facts } = request;
  lookingOn(state, opening.configuration, (configuration) => {
    const { costCenter } = configuration;
    const rated = { costCenter, developer: key.developer, keyId: key.id };
    for (const { rollout, side, other } of watchingIn(configuration, nowMs, facts.session)) {
      const wouldAdmit = fitsIn(state, other, rated, facts, nowMs);
      const observation = ofLimit({ ...observedIn(opening), side }, { wouldAdmit });
      if (observation) see(opening, rollout, observation, turnOf(opening));
    }
  });
}

function observedIn({ request, key, nowMs }: Opening): Omit<Observed, 'side'> {
  const { turnId, facts } = request;
  return { session: facts.session, developer: key.developer, turnId, nowMs };
}

/** What would be decided over the turn by the other policy, and by the same one with models the upstream refused lately. */
function otherwise(opening: Opening, { other }: Watching) {
  const { state, configuration, request, key, turn, standings, policy, nowMs, admittedAtMs } = opening;
  const { costCenter } = configuration;
  const caller = { costCenter, developer: key.developer, keyId: key.id, session: request.facts.session };
  const { catalogue } = state;
  return {
    other: () => {
      const theirs = standingsFor(state, other.policy, caller, admittedAtMs, request.turnId);
      return decide(turn, theirs, other.policy, catalogue, nowMs);
    },
    leftOut: turn.refused,
    withLeftOut: () => decide({ ...turn, refused: [] }, standings, policy?.policy ?? null, catalogue, nowMs),
  };
}

/** Tells how the thread's turn before went, by the tool results that this one brought. */
function lookBack(opening: Opening): void {
  const { state, configuration, request, nowMs } = opening;
  const { facts } = request;
  const served = state.guards.takeServed(facts);
  if (!served || facts.toolResultsFailed === null) return;
  const { turnId, wasChanged } = served;
  for (const { rollout: id, side } of served.told) {
    const rollout = rolloutIn(configuration, nowMs, id);
    const of = { side, session: facts.session, turnId, wasChanged };
    if (rollout) see(opening, rollout, ofToolResults(of, facts.toolResultsFailed), turnOf(opening));
  }
}

function alertTurn({ request, developer, policyVersion }: OpenedTurn): AlertTurn {
  const { costCenter, turnId, facts } = request;
  return { costCenter, turnId, session: facts.session, developer, policyVersion };
}

/** Tells what the upstream said to the model that a turn was first sent to by its policy. */
function tellUpstream(
  on: { state: WalletState; configuration: Configuration },
  opened: OpenedTurn,
  told: readonly Told[],
  isRefused: boolean,
): void {
  const { developer, request } = opened;
  const { session } = request.facts;
  const nowMs = on.state.clock.now();
  for (const { rollout: id, side } of told) {
    const rollout = rolloutIn(on.configuration, nowMs, id);
    const observed = { side, session, developer, turnId: request.turnId, nowMs };
    if (rollout) see(on, rollout, ofUpstream(observed, isRefused), alertTurn(opened));
  }
}

/** Tells that the upstream refused the model that the policy chose. */
export function watchRefusedModel(
  state: WalletState,
  configuration: Configuration,
  opened: OpenedTurn,
): void {
  lookingOn(state, configuration, () => {
    const { turnId } = opened.request;
    const turn = state.guards.turn(turnId);
    if (!turn?.awaitsUpstream) return;
    tellUpstream({ state, configuration }, opened, turn.told, true);
    state.guards.saveTurn(turnId, { ...turn, awaitsUpstream: false }, state.clock.now());
  });
}

/** Tells how the upstream took a turn; what its tools came to is the next one's to tell. */
export function watchSettled(state: WalletState, opened: OpenedTurn, settlement: SettleRequest): void {
  lookingOn(state, state.configuration.current(), (configuration) =>
    tellSettled({ state, configuration }, opened, settlement),
  );
}

function tellSettled(
  { state, configuration }: { state: WalletState; configuration: Configuration },
  opened: OpenedTurn,
  { outcome, answer }: SettleRequest,
): void {
  const { turnId, facts } = opened.request;
  const turn = state.guards.turn(turnId);
  if (!turn) return;
  state.guards.forgetTurn(turnId);
  const isServed = outcome.kind === 'completed';
  const isRefused = outcome.kind === 'failed' && REFUSED_STATUSES.includes(answer.httpStatus);
  if (turn.awaitsUpstream && (isServed || isRefused)) {
    tellUpstream({ state, configuration }, opened, turn.told, isRefused);
  }
  if (!isServed) return;
  const wasChanged = isChanged({ kind: opened.decision, reasons: opened.reasons });
  state.guards.saveServed(facts, { turnId, wasChanged, told: turn.told }, state.clock.now());
}
