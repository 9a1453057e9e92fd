/** How the wallet shows what a rollout's guard has counted. Part of its calls (rpc.ts); plain data. */
import { eValue } from '../core/guards/evidence.ts';
import { GUARD_SIGNALS, type GuardSignal, type Tally, toleratedRate } from '../core/guards/signals.ts';
import type { PolicyTrip } from '../ledger/policy-trip.ts';
import type { Counted, GuardRecords } from './guard-records.ts';

export interface SignalFigures {
  signal: GuardSignal;
  candidate: Tally;
  /** With what is known of the base from before. */
  base: Tally;
  /** The bad rate tolerated of the candidate's next turn, from 0 to 0.9. */
  toleratedRate: number;
  /** The odds against a candidate no worse than that; it trips at 400,000. */
  eValue: number;
}

export interface GuardFigures {
  signals: SignalFigures[];
  /** Null: it has not tripped. */
  trip: PolicyTrip | null;
}

export function guardFigures(records: GuardRecords, rollout: Counted): GuardFigures {
  const signals = GUARD_SIGNALS.map((signal): SignalFigures => {
    const { turns, bad, evidence } = records.watched(rollout.id, signal);
    const base = records.base(rollout, signal);
    return {
      signal,
      candidate: { turns, bad },
      base,
      toleratedRate: toleratedRate(signal, base),
      eValue: eValue(evidence),
    };
  });
  return { signals, trip: records.trip(rollout.id) };
}
