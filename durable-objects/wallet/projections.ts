/** Tells once per budget, subject and window that the money will not last until its end (core/alerting/projection). */
import { LOOK_BACK_MS, projectExhaustion, QUARTER_MS } from '../core/alerting/projection.ts';
import type { Standing } from '../core/standing.ts';
import { alertContextOf } from './alert-context.ts';
import { isExempt, policyInForce } from './configuration.ts';
import { allStandings } from './standings.ts';
import type { WalletState } from './state.ts';

/** Looking back over four weeks reads thousands of buckets; the fullest are looked at first. */
const STANDINGS_A_RUN = 100;
/** Below this part of the limit nothing is projected. */
const FROM_PART = 0.5;

export class Projections {
  #quarter = 0;

  /**
   * Looks at every budget that may run out, once a quarter-hour at most. Never throws: what could not be projected is
   * tried again in the next one, and nothing that the alarm serves waits for it.
   */
  tell(state: WalletState): void {
    try {
      state.commit(() => this.#tell(state, state.clock.now()));
    } catch (error) {
      console.error({ message: 'budgets could not be projected', error: String(error) });
    }
  }

  #tell(state: WalletState, nowMs: number): void {
    const quarter = Math.floor(nowMs / QUARTER_MS);
    const configuration = state.configuration.current();
    const policy = configuration && policyInForce(configuration, nowMs, null);
    if (quarter === this.#quarter || !configuration || !policy || isExempt(configuration, nowMs)) return;
    this.#quarter = quarter;
    const { costCenter } = configuration;
    const standings = allStandings(state, policy.policy, costCenter, nowMs)
      .filter(
        ({ settled, limit, endMs }) => endMs !== null && settled < limit && settled >= limit * FROM_PART,
      )
      .sort((a, b) => b.settled / b.limit - a.settled / a.limit)
      .slice(0, STANDINGS_A_RUN);
    const turn = { costCenter, turnId: null, session: null, policyVersion: policy.version };
    for (const standing of standings) {
      const runsOutMs = runsOut(state, standing, nowMs);
      if (runsOutMs === null) continue;
      const developer = standing.budget.scope === 'developer' ? standing.subject : null;
      const context = () => alertContextOf(state, standing, nowMs, runsOutMs);
      state.alerts.tellProjection({ ...turn, developer }, standing, context, nowMs);
    }
  }
}

function runsOut(state: WalletState, standing: Standing, nowMs: number): number | null {
  const { budget, subject, startMs, endMs, limit, settled } = standing;
  if (endMs === null) return null;
  const counted = { scope: budget.scope, subject, line: budget.line };
  const span = { startMs: nowMs - LOOK_BACK_MS, endMs: null };
  const byQuarter = state.spend.byQuarter(counted, span);
  return projectExhaustion({
    nowMs,
    startMs,
    endMs,
    limitNanoUsd: limit,
    settledNanoUsd: settled,
    byQuarter,
  });
}
