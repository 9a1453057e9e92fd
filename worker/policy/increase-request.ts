/** Asking for more, and answering: what a developer's request and a manager's word come to by the live policy. */
import { formatUsd, nanoUsd } from '../../durable-objects/core/money.ts';
import type { Budget, PolicyProblem } from '../../durable-objects/core/policy/types.ts';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';
import { windowAt } from '../../durable-objects/core/window.ts';
import type { AlertEvent } from '../../durable-objects/ledger/entry.ts';
import { timeOrderedId } from '../../durable-objects/ledger/time-ordered-id.ts';
import type { Authorship } from '../store/change.ts';
import type { CostCenter } from '../store/cost-centers.ts';
import type { Database } from '../store/database.ts';
import {
  type Answering,
  approveIncreaseRequest,
  createIncreaseRequest,
  findIncreaseRequest,
  type IncreaseRequest,
  statusAt,
} from '../store/increase-requests.ts';
import type { Raise } from '../store/raises.ts';
import { type LivePolicy, livePolicy } from './live-policy.ts';
import { ceilingProblem } from './raise-ceiling.ts';
import { budgetOf } from './raise-target.ts';

const HOUR_MS = 3_600_000;
/** A request nobody answers is over after this. */
const VALID_MS = 24 * HOUR_MS;
/** A raise of a session's budget, which has no window, ends after this. */
const SESSION_RAISE_MS = 24 * HOUR_MS;

/** Who asks, and for what. */
export interface Asking {
  developer: string;
  keyId: string;
  budget: string;
  extraNanoUsd: number;
  reason: string;
  /** Of a session's budget. */
  session: string | null;
}

export type Asked =
  | { status: 'created'; request: IncreaseRequest; event: AlertEvent }
  | { status: 'pending'; request: IncreaseRequest }
  | { status: 'invalid'; problem: PolicyProblem }
  | { status: 'key_gone' };

/** Epoch ms at which a raise of this budget made now ends: with its window. */
export function raiseEnd({ window }: Budget, timezone: string, nowMs: number): number {
  return window === 'session' ? nowMs + SESSION_RAISE_MS : windowAt(window, timezone, nowMs).endMs;
}

/** Whom the raise would be for; null: everyone the budget counts. */
function subjectFor(budget: Budget, asking: Asking): Result<string | null, PolicyProblem> {
  switch (budget.scope) {
    case 'cost_center':
      return ok(null);
    case 'developer':
      return ok(asking.developer);
    case 'key':
      return ok(asking.keyId);
    case 'session': {
      const message = `${budget.id} is counted a session: expected the session it is for`;
      return asking.session === null ? err({ path: 'session', message }) : ok(asking.session);
    }
  }
}

/** What delivery is told of a request, in the developer's own words. */
export function factsOf({ id, extraNanoUsd, reason, developer }: IncreaseRequest) {
  return { request_id: id, extra_usd: formatUsd(nanoUsd(extraNanoUsd)), reason, developer };
}

/** The event as delivery gets it: with the developer's own words, which D1's copy does not have. */
function eventOf(row: IncreaseRequest, live: LivePolicy, session: string | null, nowMs: number): AlertEvent {
  const window = row.window === 'session' ? null : windowAt(row.window, live.policy.timezone, nowMs);
  return {
    event_id: row.eventId,
    cost_center: row.costCenter,
    on: 'increase_request',
    occurred_at: row.createdAt,
    turn_id: null,
    session,
    developer: row.developer,
    policy_version: live.version,
    budget: row.budget,
    subject: row.subject ?? row.costCenter,
    stage: null,
    window_start: window && new Date(window.startMs).toISOString(),
    resets_at: window && new Date(window.endMs).toISOString(),
    standing: factsOf(row),
    context: null,
  };
}

/** What is kept of the event for good: names are in its columns, where a pseudonym can take their place. */
function recorded(event: AlertEvent, { id, extraNanoUsd }: IncreaseRequest): AlertEvent {
  return { ...event, standing: { request_id: id, extra_usd: formatUsd(nanoUsd(extraNanoUsd)) } };
}

/** Adds a developer's request, at most one a budget that waits for an answer. Rejects where D1 is away. */
export async function askForIncrease(
  database: Database,
  owner: CostCenter,
  asking: Asking,
  authorship: Authorship,
): Promise<Asked> {
  const live = await livePolicy(database, owner, asking.budget);
  const budget = budgetOf(live, asking.budget, owner);
  if (!budget.ok) return { status: 'invalid', problem: budget.error };
  const subject = subjectFor(budget.value, asking);
  if (!live || !subject.ok) return { status: 'invalid', problem: subject.ok ? NO_POLICY : subject.error };
  const tooMuch = ceilingProblem(budget.value, subject.value, asking.extraNanoUsd);
  if (tooMuch) return { status: 'invalid', problem: { path: 'extra_usd', message: tooMuch } };
  const nowMs = Date.parse(authorship.at);
  const row: IncreaseRequest = {
    id: `increase_${timeOrderedId(nowMs)}`,
    costCenter: owner.id,
    budget: asking.budget,
    window: budget.value.window,
    subject: subject.value,
    developer: asking.developer,
    keyId: asking.keyId,
    extraNanoUsd: asking.extraNanoUsd,
    reason: asking.reason,
    status: 'pending',
    expiresAt: new Date(nowMs + VALID_MS).toISOString(),
    eventId: timeOrderedId(nowMs),
    resolvedAt: null,
    resolvedBy: null,
    resolution: null,
    raise: null,
    approvedNanoUsd: null,
    createdAt: authorship.at,
    updatedAt: authorship.at,
  };
  const event = eventOf(row, live, asking.session, nowMs);
  const outcome = await createIncreaseRequest(database, row, recorded(event, row), authorship);
  if (outcome === 'created') return { status: 'created', request: row, event };
  return outcome === 'key_gone' ? { status: 'key_gone' } : { status: 'pending', request: outcome.pending };
}

const NO_POLICY: PolicyProblem = { path: 'budget', message: 'expected a budget of the live policy' };

/** Why a request can't be answered any more, in a sentence; null where it can. */
export function closedSentence(request: IncreaseRequest, at: string): string | null {
  const status = statusAt(request, at);
  if (status === 'pending') return null;
  const when = status === 'expired' ? request.expiresAt : request.resolvedAt;
  return `increase request ${request.id} ${status === 'expired' ? 'expired' : `was ${status}`} at ${when}`;
}

export type Approval =
  | { status: 'approved'; request: IncreaseRequest; raise: Raise }
  | { status: 'invalid'; problem: PolicyProblem }
  /** Answered or expired: `message` says which. */
  | { status: 'closed'; message: string };

/** What an approval changes of what was asked; null: as asked, until the window ends. */
export interface Terms extends Answering {
  extraNanoUsd: number | null;
  /** ISO 8601, UTC. */
  until: string | null;
}

/** Approves a request by a raise in one commit. Rejects where D1 is away. */
export async function approve(
  database: Database,
  owner: CostCenter,
  request: IncreaseRequest,
  terms: Terms,
  authorship: Authorship,
): Promise<Approval> {
  const closed = closedSentence(request, authorship.at);
  if (closed) return { status: 'closed', message: closed };
  const live = await livePolicy(database, owner, request.budget);
  const budget = budgetOf(live, request.budget, owner);
  if (!budget.ok || !live)
    return { status: 'closed', message: `${request.budget} is no budget of the live policy any more` };
  const extraNanoUsd = terms.extraNanoUsd ?? request.extraNanoUsd;
  const tooMuch = ceilingProblem(budget.value, request.subject, extraNanoUsd);
  if (tooMuch) return { status: 'invalid', problem: { path: 'extra_usd', message: tooMuch } };
  const end = raiseEnd(budget.value, live.policy.timezone, Date.parse(authorship.at));
  const until = terms.until ?? new Date(end).toISOString();
  const answer = { ...terms, extraNanoUsd, until };
  const approved = await approveIncreaseRequest(database, request, answer, authorship);
  if (approved) return { status: 'approved', ...approved };
  return { status: 'closed', message: await closedMeanwhile(database, request, authorship.at) };
}

/** Why an answer came too late. */
export async function closedMeanwhile(
  database: Database,
  { id }: IncreaseRequest,
  at: string,
): Promise<string> {
  const present = await findIncreaseRequest(database, id);
  return (present && closedSentence(present, at)) ?? 'this link was used already';
}
