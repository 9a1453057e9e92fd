/** The standings of budgets, summed from spend and open holds, and how people are shown them. */
import type { Budget, Policy } from '../core/policy/types.ts';
import { type Standing, stageReached, utilization } from '../core/standing.ts';
import { windowAt, zonedIso } from '../core/window.ts';
import type { RecordedStanding } from '../ledger/entry.ts';
import type { StandingView } from './rpc.ts';
import type { WalletState } from './state.ts';

/** Whom a budget is counted for, of a turn's cost center, developer and key. */
function subjectOf(budget: Budget, who: { costCenter: string; developer: string; keyId: string }): string {
  if (budget.scope === 'cost_center') return who.costCenter;
  return budget.scope === 'developer' ? who.developer : who.keyId;
}

/** One budget's standing for one subject, in the window that `atMs` falls in. */
export function standingOf(
  state: WalletState,
  policy: Policy,
  budget: Budget,
  subject: string,
  atMs: number,
): Standing {
  const { startMs, endMs } = windowAt(budget.window, policy.timezone, atMs);
  const settled = state.spend.settled(budget.scope, subject, startMs, endMs);
  const { held, expected } = state.turns.held(budget.scope, subject, startMs, endMs, budget.admission);
  return { budget, subject, startMs, endMs, settled, held, expected };
}

/** The standings of all budgets that bind a turn of this developer and key. */
export function standingsFor(
  state: WalletState,
  policy: Policy,
  who: { costCenter: string; developer: string; keyId: string },
  atMs: number,
): Standing[] {
  return policy.budgets.map((budget) => standingOf(state, policy, budget, subjectOf(budget, who), atMs));
}

/** Every budget's standing, one a subject that spent or holds money in its window. */
export function allStandings(
  state: WalletState,
  policy: Policy,
  costCenter: string,
  atMs: number,
): Standing[] {
  return policy.budgets.flatMap((budget) => {
    const { scope } = budget;
    if (scope === 'cost_center') return [standingOf(state, policy, budget, costCenter, atMs)];
    const { startMs, endMs } = windowAt(budget.window, policy.timezone, atMs);
    const subjects = new Set([
      ...state.spend.subjects(scope, startMs, endMs),
      ...state.turns.openSubjects(scope),
    ]);
    return [...subjects].sort().map((subject) => standingOf(state, policy, budget, subject, atMs));
  });
}

export function toStandingView(standing: Standing, timezone: string): StandingView {
  const { budget, subject, startMs, endMs, settled, held } = standing;
  return {
    id: budget.id,
    scope: budget.scope,
    subject,
    window: budget.window,
    windowStart: zonedIso(startMs, timezone),
    resetsAt: zonedIso(endMs, timezone),
    resetsAtMs: endMs,
    limitNanoUsd: budget.limitNanoUsd,
    settledNanoUsd: settled,
    heldNanoUsd: held,
    utilization: utilization(standing),
    stage: stageReached(standing)?.do ?? 'none',
  };
}

export function toRecordedStanding(standing: Standing): RecordedStanding {
  const { budget, subject, startMs, endMs, settled, held, expected } = standing;
  return {
    budget: budget.id,
    scope: budget.scope,
    subject,
    window_start: new Date(startMs).toISOString(),
    resets_at: new Date(endMs).toISOString(),
    limit_nano_usd: budget.limitNanoUsd,
    settled_nano_usd: settled,
    held_nano_usd: held,
    expected_nano_usd: expected,
  };
}
