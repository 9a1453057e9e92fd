/**
 * How a turn's answer is marked and how a refusal is shaped for Claude Code: one readable sentence, one request,
 * no retry. The headers are the ones the client itself reads (its "unified" limits) and Bursar's own.
 */
import { formatUsd, nanoUsd } from '../../durable-objects/core/money.ts';
import type { WindowKind } from '../../durable-objects/core/policy/types.ts';
import type { OpenReply, Refusal, StandingView } from '../../durable-objects/wallet/rpc.ts';
import { errorResponse } from '../envelope.ts';

/** What every answer to a turn tells about it. */
export interface TurnMark {
  turnId: string;
  /** The model served; null where none was. */
  model: string | null;
  decision: 'proceed' | 'downgrade' | 'route' | 'refuse';
  reasons: readonly string[];
  standing: StandingView | null;
}

/** A session budget has no period: it ends with its session. */
const PERIOD: Record<WindowKind, string | null> = {
  day: 'daily',
  week: 'weekly',
  month: 'monthly',
  session: null,
};

/** From these fractions on the client shows its own warning; it knows just these two values. */
const THRESHOLDS = [0.95, 0.75] as const;

/** A model's name is the client's word and may hold anything; a header may not. */
function headerSafe(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 256);
}

function budgetHeader(standing: StandingView): string {
  const remaining = Math.max(0, standing.limitNanoUsd - standing.settledNanoUsd);
  const used = standing.utilization.toFixed(2);
  const resets = standing.resetsAt === null ? '' : `;resets=${standing.resetsAt}`;
  return `${standing.id};used=${used};remaining_usd=${formatUsd(nanoUsd(remaining))}${resets}`;
}

/** Bursar's headers: on every answer to a turn, refusals included. */
export function turnHeaders(mark: TurnMark): Record<string, string> {
  const { turnId, model, decision, reasons, standing } = mark;
  return {
    'x-bursar-turn-id': turnId,
    'x-bursar-model': headerSafe(model ?? 'none'),
    'x-bursar-decision': decision,
    'x-bursar-reason': headerSafe(reasons.join(' ')),
    ...(standing ? { 'x-bursar-budget': budgetHeader(standing) } : {}),
  };
}

/** The caller's standing in the headers Claude Code shows its budget warning by; for answers of status 200. */
export function standingHeaders(standing: StandingView | null): Record<string, string> {
  if (!standing) return {};
  const threshold = THRESHOLDS.find((each) => standing.utilization >= each);
  const status = threshold === undefined ? 'allowed' : 'allowed_warning';
  return {
    'anthropic-ratelimit-unified-status': status,
    'anthropic-ratelimit-unified-representative-claim': 'overage',
    'anthropic-ratelimit-unified-overage-status': status,
    // Below 1 while requests are still allowed: at 1 the client believes it is blocked.
    'anthropic-ratelimit-unified-overage-utilization': Math.min(standing.utilization, 0.99).toFixed(2),
    ...(threshold === undefined
      ? {}
      : { 'anthropic-ratelimit-unified-overage-surpassed-threshold': String(threshold) }),
    ...resetHeaders(standing),
  };
}

function resetHeaders({ resetsAtMs }: StandingView): Record<string, string> {
  if (resetsAtMs === null) return {};
  const reset = String(Math.floor(resetsAtMs / 1000));
  return {
    'anthropic-ratelimit-unified-reset': reset,
    'anthropic-ratelimit-unified-overage-reset': reset,
  };
}

/** A refusal that waiting for a while can't mend: final, one request, the sentence shown as it is. */
function finalHeaders(refusal: Refusal): Record<string, string> {
  const { standing, retryAfterSeconds } = refusal;
  const isPooled = !standing || standing.scope === 'cost_center';
  const period = isPooled ? 'monthly' : PERIOD[standing.window];
  return {
    'x-should-retry': 'false',
    ...(retryAfterSeconds === null ? {} : { 'retry-after': String(retryAfterSeconds) }),
    'anthropic-ratelimit-unified-status': 'rejected',
    ...(standing ? resetHeaders(standing) : {}),
    'anthropic-ratelimit-unified-overage-utilization': '1',
    'anthropic-ratelimit-unified-overage-surpassed-threshold': '1',
    ...(period === null ? {} : { 'anthropic-ratelimit-unified-overage-period': period }),
    ...(isPooled ? { 'anthropic-ratelimit-unified-overage-scope': 'group_pool' } : {}),
    'anthropic-ratelimit-unified-overage-disabled-reason': 'org_spend_cap_reached',
  };
}

/** The answer to a turn the wallet refused. */
export function refusedTurn(
  { refusal, reasons, standing }: Extract<OpenReply, { status: 'refused' }>,
  turnId: string,
  requestId: string,
): Response {
  return refusalResponse(refusal, { turnId, model: null, decision: 'refuse', reasons, standing }, requestId);
}

/** The answer to a refused turn. */
export function refusalResponse(refusal: Refusal, mark: TurnMark, requestId: string): Response {
  const headers = turnHeaders(mark);
  if (refusal.retryable) {
    const retryAfter = { 'retry-after': String(refusal.retryAfterSeconds ?? 2) };
    return errorResponse('rate_limit_error', refusal.message, {
      requestId,
      headers: { ...headers, ...retryAfter },
    });
  }
  return errorResponse('billing_error', refusal.message, {
    requestId,
    status: 429,
    headers: { ...headers, ...finalHeaders(refusal) },
  });
}
