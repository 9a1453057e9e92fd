/**
 * What a turn shows of the policy that decided over it. Refusals and requests for more are paired: they count only
 * where the other policy would have done better by the same money, so that a budget that runs out under both says
 * nothing of either.
 */
import type { Decision } from '../decision.ts';
import type { StageAction } from '../policy/types.ts';
import { type Standing, stageReached } from '../standing.ts';
import type { GuardSignal } from './signals.ts';

/** Who decided: the version that is watched, or the one it is held against. */
export type Side = 'candidate' | 'base';

export interface Observation {
  signal: GuardSignal;
  side: Side;
  /** Of whose turns only so many bad ones count: a session; a developer and day for requests. */
  subject: string;
  turnId: string;
  isBad: boolean;
}

/** A turn as it is observed. */
export interface Observed {
  side: Side;
  session: string;
  developer: string;
  turnId: string;
  nowMs: number;
}

const DAY_MS = 86_400_000;

/** A developer counts once a day (UTC), whatever the number of their sessions. */
function asker({ developer, nowMs }: Pick<Observed, 'developer' | 'nowMs'>): string {
  return `${Math.floor(nowMs / DAY_MS)} ${developer}`;
}

/**
 * Whether a turn was refused by its policy though the `other` one would have served it; null where it says nothing of
 * either: both refuse, or only holds of other turns stand in the way. `other` is asked only where it matters.
 */
function isRefusedAlone(decision: Decision, other: () => Decision): boolean | null {
  if (decision.kind !== 'refuse') return false;
  if (decision.why === 'pending') return null;
  return other().kind === 'refuse' ? null : true;
}

/** Whether the policy chose another model than was asked for, and not the developer. */
export function isChanged({ kind, reasons }: Pick<Decision, 'kind' | 'reasons'>): boolean {
  return (kind === 'downgrade' || kind === 'route') && !reasons.includes('preferred');
}

/** What else to decide over the same turn, asked only where it matters. */
export interface Otherwise {
  /** By the other policy. */
  other: () => Decision;
  /** Models that were left out because the upstream refused them lately. */
  leftOut: readonly string[];
  /** By the same policy with those models. */
  withLeftOut: () => Decision;
}

/** Whether the policy would have sent the turn to a model that the upstream refused lately. */
function hasPassedOver({ leftOut, withLeftOut }: Otherwise): boolean {
  if (leftOut.length === 0) return false;
  const decision = withLeftOut();
  return decision.kind !== 'refuse' && isChanged(decision) && leftOut.includes(decision.model);
}

/** Of a decision over a turn that no model has failed yet. */
export function ofDecision(observed: Observed, decision: Decision, otherwise: Otherwise): Observation[] {
  const { side, session, turnId } = observed;
  const isAlone = isRefusedAlone(decision, otherwise.other);
  const seen: Observation[] = [];
  if (isAlone !== null) {
    seen.push({ signal: 'refusals', side, subject: session, turnId, isBad: isAlone });
    seen.push({ signal: 'increase_requests', side, subject: asker(observed), turnId, isBad: false });
  }
  if (hasPassedOver(otherwise)) seen.push(ofUpstream(observed, true));
  return seen;
}

/**
 * Of a turn that was refused by a limit besides money: told against its policy where the `other` one's limits would have
 * let it through; null where both send it away. It comes back by itself, and is then told as any other.
 */
export function ofLimit(
  { side, session, turnId }: Observed,
  other: { wouldAdmit: boolean },
): Observation | null {
  return other.wouldAdmit ? { signal: 'refusals', side, subject: session, turnId, isBad: true } : null;
}

/** Of what the upstream said to a turn that the policy sent to a model of its own. */
export function ofUpstream({ side, session, turnId }: Observed, isRefused: boolean): Observation {
  return { signal: 'upstream_400s', side, subject: session, turnId, isBad: isRefused };
}

/**
 * Of the tool results that a thread's next turn brought. A turn that was served as it was asked for tells what is usual
 * there, whoever decided over it.
 */
export function ofToolResults(
  {
    side,
    session,
    turnId,
    wasChanged,
  }: Pick<Observed, 'side' | 'session' | 'turnId'> & { wasChanged: boolean },
  haveFailed: boolean,
): Observation {
  const told = wasChanged ? side : 'base';
  return { signal: 'outcome_errors', side: told, subject: session, turnId, isBad: haveFailed };
}

const RANK: Record<StageAction | 'none', number> = { none: 0, alert: 1, downgrade: 2, pause: 3 };

function gravest(standings: readonly Standing[]): number {
  return Math.max(0, ...standings.map((standing) => RANK[stageReached(standing)?.do ?? 'none']));
}

/** Of a request for more, given where the asker stands under either policy; null where both leave them the same. */
export function ofIncreaseRequest(
  observed: Observed,
  standings: readonly Standing[],
  others: readonly Standing[],
): Observation | null {
  const { side, turnId } = observed;
  if (gravest(standings) <= gravest(others)) return null;
  return { signal: 'increase_requests', side, subject: asker(observed), turnId, isBad: true };
}
