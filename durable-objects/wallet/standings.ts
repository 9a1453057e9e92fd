/** The standings of budgets, summed from spend and open holds, and how people are shown them. */
import type { Budget, Policy } from '../core/policy/types.ts';
import {
  type Caller,
  limitFor,
  type Standing,
  stageReached,
  subjectOf,
  utilization,
} from '../core/standing.ts';
import { windowAt, zonedIso } from '../core/window.ts';
import type { RecordedStanding } from '../ledger/entry.ts';
import type { StandingView } from './rpc.ts';
import type { Span } from './spend.ts';
import type { WalletState } from './state.ts';

/** A session budget is shown for the sessions active in the last day: of all that are not over there may be thousands. */
const SESSIONS_SHOWN_MS = 86_400_000;

function spanOf(state: WalletState, policy: Policy, budget: Budget, subject: string, atMs: number): Span {
  if (budget.window !== 'session') return windowAt(budget.window, policy.timezone, atMs);
  return { startMs: state.spans.startOf(subject, atMs), endMs: null };
}

/** One budget's standing for one subject, in the window that `atMs` falls in; `except` is a turn not to count as held. */
function standingOf(
  state: WalletState,
  policy: Policy,
  budget: Budget,
  subject: string,
  at: { ms: number; except?: string | undefined },
): Standing {
  const span = spanOf(state, policy, budget, subject, at.ms);
  const counted = { scope: budget.scope, subject, line: budget.line };
  return {
    budget,
    subject,
    ...span,
    ...limitFor(budget, subject, state.raises.extra(budget.id, subject, at.ms)),
    settled: state.spend.settled(counted, span),
    ...state.turns.held(counted, span, { admission: budget.admission, nowMs: at.ms, except: at.except }),
  };
}

/**
 * The standings of all budgets that bind a caller's turn, whatever its line. `except` leaves out one turn's own
 * hold, where it is decided over anew.
 */
export function standingsFor(
  state: WalletState,
  policy: Policy,
  caller: Caller,
  atMs: number,
  except?: string,
): Standing[] {
  const standings: Standing[] = [];
  for (const budget of policy.budgets) {
    const subject = subjectOf(budget.scope, caller);
    if (subject !== null) standings.push(standingOf(state, policy, budget, subject, { ms: atMs, except }));
  }
  return standings;
}

/** Every budget's standing, one a subject that spent or holds money in its window. */
export function allStandings(
  state: WalletState,
  policy: Policy,
  costCenter: string,
  atMs: number,
): Standing[] {
  return policy.budgets.flatMap((budget) =>
    shownSubjects(state, policy, budget, costCenter, atMs).map((subject) =>
      standingOf(state, policy, budget, subject, { ms: atMs }),
    ),
  );
}

function shownSubjects(
  state: WalletState,
  policy: Policy,
  budget: Budget,
  costCenter: string,
  atMs: number,
): string[] {
  const { scope, window } = budget;
  if (scope === 'cost_center') return [costCenter];
  const spent =
    window === 'session'
      ? state.spans.activeSince(atMs - SESSIONS_SHOWN_MS)
      : state.spend.subjects(scope, windowAt(window, policy.timezone, atMs));
  return [...new Set([...spent, ...state.turns.openSubjects(scope)])].sort();
}

export function toStandingView(standing: Standing, timezone: string): StandingView {
  const { budget, subject, startMs, endMs, limit, raised, settled, held } = standing;
  return {
    id: budget.id,
    scope: budget.scope,
    subject,
    line: budget.line,
    window: budget.window,
    windowStart: zonedIso(startMs, timezone),
    resetsAt: endMs === null ? null : zonedIso(endMs, timezone),
    resetsAtMs: endMs,
    limitNanoUsd: limit,
    raisedNanoUsd: raised,
    settledNanoUsd: settled,
    heldNanoUsd: held,
    utilization: utilization(standing),
    stage: stageReached(standing)?.do ?? 'none',
  };
}

export function toRecordedStanding(standing: Standing): RecordedStanding {
  const { budget, subject, startMs, endMs, limit, raised, settled, held, expected } = standing;
  return {
    budget: budget.id,
    scope: budget.scope,
    subject,
    line: budget.line,
    window_start: new Date(startMs).toISOString(),
    resets_at: endMs === null ? null : new Date(endMs).toISOString(),
    limit_nano_usd: limit,
    raised_nano_usd: raised,
    settled_nano_usd: settled,
    held_nano_usd: held,
    expected_nano_usd: expected,
  };
}
