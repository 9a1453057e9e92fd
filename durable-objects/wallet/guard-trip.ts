/** What a tripped guard leaves behind: its evidence, kept here, told to people, and on its way to D1. */

import { eValue } from '../core/guards/evidence.ts';
import { TRIPS_AT } from '../core/guards/guard.ts';
import { type GuardSignal, toleratedRate } from '../core/guards/signals.ts';
import type { PolicyTrip } from '../ledger/policy-trip.ts';
import type { AlertTurn } from './alerts.ts';
import type { Rollout } from './rollouts.ts';
import type { WalletState } from './state.ts';

/** Takes a version back. Call inside a transaction, at most once a rollout. */
export function tripGuard(
  state: WalletState,
  rollout: Rollout,
  signal: GuardSignal,
  turn: AlertTurn,
  nowMs: number,
): void {
  const { id, kind, version, baseVersion } = rollout;
  const { guards, outbox, alerts } = state;
  const watched = guards.watched(id, signal);
  const base = guards.base(rollout, signal);
  const trip: PolicyTrip = {
    rollout: id,
    cost_center: turn.costCenter,
    version,
    base_version: baseVersion,
    signal,
    occurred_at: new Date(nowMs).toISOString(),
    evidence: {
      signal,
      turns: watched.turns,
      bad: watched.bad,
      base_turns: base.turns,
      base_bad: base.bad,
      tolerated_rate: toleratedRate(signal, base),
      e_value: eValue(watched.evidence),
      trips_at: TRIPS_AT,
      bad_turns: watched.badTurns,
    },
  };
  guards.saveTrip(trip, nowMs);
  outbox.put('trips', trip, nowMs);
  const facts = {
    version,
    rolled_back_to: baseVersion,
    rollout: kind,
    signal,
    bad_turns: watched.bad,
    turns: watched.turns,
    base_bad_turns: base.bad,
    base_turns: base.turns,
  };
  // The turn that tips the scales is no more to blame than those before it.
  const ofNobody = { ...turn, session: null, developer: null };
  alerts.tellOnce('policy_rolled_back', `version ${version}`, ofNobody, facts, nowMs);
}
