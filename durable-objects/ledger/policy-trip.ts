/** A guard that tripped, as its wallet tells D1. Written once, by the outbox, with its evidence. */
import type { GuardSignal } from '../core/guards/signals.ts';

/** Field names are the API's. Names of nobody: turns are told by their ids. */
export interface TripEvidence {
  signal: GuardSignal;
  /** Turns of the version that the signal was looked for in, and those that were bad. */
  turns: number;
  bad: number;
  /** The same of its base, with what was known of it from before. */
  base_turns: number;
  base_bad: number;
  /** The bad rate that was tolerated of the version when it tripped, from 0 to 0.9. */
  tolerated_rate: number;
  /** The odds against a version no worse than that, and those at which a guard trips. */
  e_value: number;
  trips_at: number;
  /** Ids of the bad turns, the last of them. */
  bad_turns: readonly string[];
}

export interface PolicyTrip {
  rollout: string;
  cost_center: string;
  version: number;
  base_version: number;
  signal: GuardSignal;
  /** ISO 8601, UTC. */
  occurred_at: string;
  evidence: TripEvidence;
}
