/**
 * `GET /api/oauth/usage`, which Claude Code asks in gateway mode for `/usage` and its status line: the shape and the
 * figures of Anthropic's own gateway. Amounts are US cents; `monthly_limit` keeps its name whatever the period.
 */
import type { Context, Hono } from 'hono';
import type { WindowKind } from '../../durable-objects/core/policy/types.ts';
import type { CallerView, StandingView } from '../../durable-objects/wallet/rpc.ts';
import type { AppEnv } from '../app-env.ts';
import { callerOf } from '../turn/caller.ts';
import { edgeOf } from '../turn/edge.ts';

const NANO_PER_CENT = 10_000_000;
/** Above these fractions a budget is shown as running low, and as nearly or wholly used up. */
const WARNING_ABOVE = 0.75;
const CRITICAL_ABOVE = 0.95;

const GROUP: Record<WindowKind, string> = {
  day: 'daily',
  week: 'weekly',
  month: 'monthly',
  session: 'session',
};

function cents(amount: number): number {
  return Math.floor(amount / NANO_PER_CENT);
}

/** Whole percent; 100 and more only where the limit is passed. */
function percent({ utilization }: StandingView): number {
  return Math.round((utilization >= 1 ? utilization : Math.min(utilization, 0.99)) * 100);
}

function severity({ utilization }: StandingView): 'normal' | 'warning' | 'critical' {
  if (utilization > CRITICAL_ABOVE) return 'critical';
  return utilization > WARNING_ABOVE ? 'warning' : 'normal';
}

function isSame(a: StandingView, b: StandingView | null): boolean {
  return b !== null && a.id === b.id && a.subject === b.subject;
}

/** The body for a caller with budgets; the active one is the one turns' headers tell of. */
function limited(budgets: readonly StandingView[], binding: StandingView) {
  const listed = budgets.some((each) => isSame(each, binding)) ? budgets : [binding, ...budgets];
  return {
    extra_usage: {
      is_enabled: true,
      monthly_limit: cents(binding.limitNanoUsd),
      used_credits: cents(binding.settledNanoUsd),
      utilization: percent(binding),
      currency: 'USD',
    },
    limits: listed.map((standing) => ({
      kind: 'spend',
      group: GROUP[standing.window],
      percent: percent(standing),
      resets_at: standing.resetsAtMs === null ? null : new Date(standing.resetsAtMs).toISOString(),
      severity: severity(standing),
      is_active: isSame(standing, binding),
    })),
  };
}

/** The body for a caller whom no budget binds: what they spent, without a limit. */
function unlimited({ settled }: CallerView) {
  return {
    extra_usage: {
      is_enabled: true,
      monthly_limit: null,
      used_credits: cents(settled.monthNanoUsd),
      utilization: null,
      currency: 'USD',
      daily: { limit: null, used_credits: cents(settled.dayNanoUsd) },
      weekly: { limit: null, used_credits: cents(settled.weekNanoUsd) },
    },
    limits: [],
  };
}

async function usage(context: Context<AppEnv>): Promise<Response> {
  // The client's own parameters (`skip_spend`, …) ask for less than this small body.
  const caller = await callerOf(context.req.raw, edgeOf(context), null);
  if (caller instanceof Response) return caller;
  const { budgets, binding } = caller;
  const headers = { 'cache-control': 'private, no-store', 'request-id': context.var.requestId };
  return context.json(binding ? limited(budgets, binding) : unlimited(caller), 200, headers);
}

export function mountOauthUsage(app: Hono<AppEnv>): void {
  app.get('/api/oauth/usage', usage);
}
