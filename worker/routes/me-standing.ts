/**
 * `GET /v1/me`, `/v1/me/statusline` and `/v1/me/notice`: where the holder of a virtual key stands, as JSON, as one
 * line for a status line, and as what a hook has to say. A `session` is the caller's own or looks like one that has
 * not begun.
 */
import { z } from '@hono/zod-openapi';
import type { Context, Hono } from 'hono';
import { formatUsd, nanoUsd } from '../../durable-objects/core/money.ts';
import { WINDOWS } from '../../durable-objects/core/policy/types.ts';
import { causeClause } from '../../durable-objects/core/step-sentence.ts';
import type { CallerView, SessionView, StandingView } from '../../durable-objects/wallet/rpc.ts';
import type { AppEnv } from '../app-env.ts';
import { callerOf } from '../turn/caller.ts';
import { edgeOf } from '../turn/edge.ts';
import { etagOf, taggedResponse } from '../turn/etag.ts';
import { fail } from './admin/failures.ts';
import { session } from './admin/fields.ts';
import { problemsOf } from './admin/problems.ts';
import { budgetView, rateView, usd, viewOfRate, viewOfStanding } from './admin/wallet.ts';
import { noticeOf } from './notice.ts';
import { statusLine } from './status-line.ts';

/** What a status line asks for again and again. */
const CACHE_CONTROL = 'private, max-age=10';

const instant = z.string().openapi({ example: '2026-11-24T00:00:00+01:00' });
const model = z.string().openapi({ example: 'claude-sonnet-5-5' });

const callerBudget = budgetView.extend({
  window: z.enum(WINDOWS),
  remaining_usd: usd.openapi({ description: 'What of the limit is not settled; never below 0.' }),
});

const callerSession = z.object({
  id: z.string(),
  started_at: instant.nullable().openapi({ description: 'Null: you have no such session yet.' }),
  last_at: instant.nullable(),
  settled_today_usd: usd,
  model_asked: model.nullable(),
  model: model.nullable().openapi({ description: 'The model its main loop is on now.' }),
  stepped_down: z
    .object({
      since: instant,
      until: instant.nullable().openapi({ description: 'Null: no end is known beforehand.' }),
      reason: z.string().openapi({ example: 'stage:team-day@0.95' }),
      why: z.string().openapi({ example: 'team-day reached 95 %' }),
    })
    .nullable(),
  preferred_model: model.nullable(),
  stopped: z.string().nullable().openapi({ description: 'The reason an admin stopped it for.' }),
  budget: callerBudget.nullable(),
});

/** The body of `GET /v1/me`. */
export const callerBody = z
  .object({
    cost_center: z.string(),
    name: z.string(),
    manager: z.string().nullable(),
    developer: z.string(),
    key_id: z.string(),
    key_expires_at: instant.nullable(),
    timezone: z.string(),
    policy_version: z.number().nullable().openapi({ description: 'Null: spending without limit.' }),
    fullest: z.string().nullable().openapi({ description: 'The id of the first of `budgets`.' }),
    binding: z
      .string()
      .nullable()
      .openapi({ description: 'The budget that the headers of your turns tell of: the fullest that binds.' }),
    budgets: z.array(callerBudget).openapi({ description: 'Every budget that applies, the fullest first.' }),
    allowed_models: z
      .array(model)
      .nullable()
      .openapi({ description: 'What your key may use, of what the policy allows; null: every model.' }),
    limits: z.array(rateView).openapi({ description: 'Limits besides money that count your turns.' }),
    paused: z.object({ reason: z.string(), until: instant.nullable() }).nullable(),
    archived: z.boolean(),
    exempt_until: instant.nullable(),
    session: callerSession.nullable(),
    sessions_today: z.array(callerSession),
    settled_usd: z.object({ day: usd, week: usd, month: usd }),
    as_of: instant,
  })
  .openapi('Caller');

function dollars(amount: number): string {
  return formatUsd(nanoUsd(amount));
}

function budgetJson(standing: StandingView): z.infer<typeof callerBudget> {
  const remaining = Math.max(0, standing.limitNanoUsd - standing.settledNanoUsd);
  return { ...viewOfStanding(standing), window: standing.window, remaining_usd: dollars(remaining) };
}

function sessionJson(view: SessionView): z.infer<typeof callerSession> {
  const { stepDown } = view;
  return {
    id: view.session,
    started_at: view.startedAt,
    last_at: view.lastAt,
    settled_today_usd: dollars(view.settledTodayNanoUsd),
    model_asked: view.modelAsked,
    model: view.model,
    stepped_down: stepDown && {
      since: stepDown.since,
      until: stepDown.until,
      reason: stepDown.reason,
      why: causeClause(stepDown.reason),
    },
    preferred_model: view.preferred,
    stopped: view.stopped,
    budget: view.budget && budgetJson(view.budget),
  };
}

function callerJson(caller: CallerView): z.infer<typeof callerBody> {
  return {
    cost_center: caller.costCenter,
    name: caller.name,
    manager: caller.manager,
    developer: caller.developer,
    key_id: caller.keyId,
    key_expires_at: caller.keyExpiresAt,
    timezone: caller.timezone,
    policy_version: caller.policyVersion,
    fullest: caller.budgets[0]?.id ?? null,
    binding: caller.binding?.id ?? null,
    budgets: caller.budgets.map(budgetJson),
    allowed_models: caller.allowedModels && [...caller.allowedModels],
    limits: caller.limits.map(viewOfRate),
    paused: caller.paused,
    archived: caller.archived,
    exempt_until: caller.exemptUntil,
    session: caller.session && sessionJson(caller.session),
    sessions_today: caller.sessions.map(sessionJson),
    settled_usd: {
      day: dollars(caller.settled.dayNanoUsd),
      week: dollars(caller.settled.weekNanoUsd),
      month: dollars(caller.settled.monthNanoUsd),
    },
    as_of: caller.asOf,
  };
}

const once = z
  .array(session)
  .max(1, 'expected it once')
  .optional()
  .transform((names) => names?.[0] ?? null);

/** The query, each parameter as the list of its values. */
const query = z.strictObject({ session: once });

/** The caller a request asks about, or the answer that turns it away. */
async function asked(context: Context<AppEnv>): Promise<CallerView | Response> {
  const edge = edgeOf(context);
  const parsed = query.safeParse(context.req.queries());
  if (!parsed.success) {
    const problems = problemsOf(parsed.error).map(({ path, ...rest }) => ({
      path: path.replace(/\[\d+\]$/, ''),
      ...rest,
    }));
    return fail(edge.requestId, { why: 'invalid', problems });
  }
  return await callerOf(context.req.raw, edge, parsed.data.session);
}

async function showStatusLine(context: Context<AppEnv>): Promise<Response> {
  const caller = await asked(context);
  if (caller instanceof Response) return caller;
  const line = `${statusLine(caller)}\n`;
  return taggedResponse(context.req.raw, line, await etagOf(line), {
    'content-type': 'text/plain; charset=utf-8',
    'cache-control': CACHE_CONTROL,
    'request-id': context.var.requestId,
  });
}

async function showNotice(context: Context<AppEnv>): Promise<Response> {
  const caller = await asked(context);
  if (caller instanceof Response) return caller;
  const headers = { 'cache-control': 'private, no-cache', 'request-id': context.var.requestId };
  const notice = noticeOf(caller);
  if (!notice) return new Response(null, { status: 204, headers });
  const body = `${JSON.stringify({ systemMessage: notice.message })}\n`;
  const json = { ...headers, 'content-type': 'application/json' };
  return taggedResponse(context.req.raw, body, await etagOf(notice.event), json);
}

export function mountStanding(app: Hono<AppEnv>): void {
  app.get('/v1/me', async (context) => {
    const caller = await asked(context);
    if (caller instanceof Response) return caller;
    const headers = { 'cache-control': 'private, no-store', 'request-id': context.var.requestId };
    return context.json(callerJson(caller), 200, headers);
  });
  app.get('/v1/me/statusline', showStatusLine);
  app.get('/v1/me/notice', showNotice);
}
