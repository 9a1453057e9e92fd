/**
 * What stands before every route of the admin API: who calls, which action the route is, whether they may do it there.
 * The route is the one that the router matched, so that there is no second reading of the path that could differ.
 */
import type { MiddlewareHandler } from 'hono';
import { matchedRoutes, routePath } from 'hono/route';
import { type Guard, guardOf } from '../../auth/guarded-routes.ts';
import { IssuerAway } from '../../auth/issuer-keys.ts';
import { type Action, permits, reachOf, rolesWith } from '../../auth/permissions.ts';
import type { Bindings } from '../../bindings.ts';
import { openDatabase } from '../../store/database.ts';
import { findIncreaseRequest } from '../../store/increase-requests.ts';
import { findAlertEvent } from '../../store/ledger.ts';
import { type Caller, callerOf } from './caller.ts';
import { type AdminContext, type AdminEnv, databaseOf } from './context.ts';
import { recordDenial } from './denials.ts';
import { type Failure, fail } from './failures.ts';

/** A route as it was registered: its method and its path under /admin/v1. */
interface Route {
  method: string;
  path: string;
}

/** Null where nothing is registered for the request but what is for all. */
function routeOf(c: AdminContext): Route | null {
  const base = routePath(c).replace(/\/\*$/, '');
  const matched = matchedRoutes(c).find(({ method, path }) => method !== 'ALL' || !path.endsWith('*'));
  return matched ? { method: matched.method, path: matched.path.slice(base.length) } : null;
}

/** The path's segment at a parameter of the route, counted from the end, which mounting does not move. */
function segmentAt(c: AdminContext, { path }: Route, index: number): string {
  const fromEnd = path.split('/').length - index;
  return c.req.path.split('/').at(-fromEnd) ?? '';
}

/**
 * The cost center that a call is about: null for all of them, or none; `unknown` where the thing in its path is. A
 * path's `{id}` is `/cost_centers/{id}`, and other things stand in the same place.
 */
async function costCenterOf(c: AdminContext, route: Route, { binding }: Guard): Promise<string | null> {
  const named = segmentAt(c, route, 2);
  switch (binding) {
    case 'path':
      return named;
    case 'query': {
      // As the validator of the query reads it; given twice it is no valid query.
      const given = c.req.queries().cost_center ?? [];
      return given.length === 1 ? (given[0] ?? null) : null;
    }
    case 'increase_request':
      return (await findIncreaseRequest(databaseOf(c), named))?.costCenter ?? null;
    case 'alert_event':
      return (await findAlertEvent(databaseOf(c), named))?.cost_center ?? null;
    case 'list':
    case 'common':
    case 'organisation':
      return null;
  }
}

/** A thing that belongs to a cost center, found by its own id. */
const THINGS: Partial<Record<Guard['binding'], string>> = {
  increase_request: 'increase request',
  alert_event: 'alert event',
};

/** Why a caller may not do this: nowhere, or not here. */
function forbidden(
  { principal, grants }: Caller,
  action: Action,
  binding: Guard['binding'],
  costCenter: string | null,
): string {
  const reach = reachOf(grants, action) ?? [];
  const roles = rolesWith(action).join(' or ');
  const scope = principal.kind === 'service_token' ? `the scope ${action}` : `the role ${roles}`;
  if (reach.length === 0) return `${action} is not allowed to ${principal.actor}: it takes ${scope}`;
  const here = costCenter === null ? 'all cost centers' : `cost center ${costCenter}`;
  const hint = binding === 'query' && costCenter === null ? '; add cost_center=… to the query' : '';
  const own =
    reach.length > 10 ? `${reach.slice(0, 10).join(', ')} and ${reach.length - 10} more` : reach.join(', ');
  return `${action} is allowed to ${principal.actor} in ${own} only, not in ${here}: there it takes ${scope}${hint}`;
}

interface Refused {
  failure: Failure;
  /** A word for the audit log; null: there is nothing to record. */
  why: 'no_action' | 'role' | 'cost_center' | null;
  costCenter: string | null;
}

const NO_ACTION: Refused = {
  failure: { why: 'forbidden', message: 'nobody may do this: it has no action in the table of permissions' },
  why: 'no_action',
  costCenter: null,
};

/** Null where the caller may do this. */
async function refusalOf(
  c: AdminContext,
  caller: Caller,
  route: Route,
  guard: Guard,
): Promise<Refused | null> {
  const { action, binding } = guard;
  if (action === 'whoami') return null;
  const reach = reachOf(caller.grants, action);
  if (reach === null) return null;
  const isAllowedSomewhere = reach.length > 0;
  if (isAllowedSomewhere && (binding === 'list' || binding === 'common')) return null;
  const costCenter = await costCenterOf(c, route, guard);
  const thing = THINGS[binding];
  if (isAllowedSomewhere && thing !== undefined && costCenter === null) {
    const what = `${thing} ${segmentAt(c, route, 2)}`;
    return { failure: { why: 'unknown', what }, why: null, costCenter };
  }
  if (permits(caller.grants, action, costCenter)) return null;
  const message = forbidden(caller, action, binding, costCenter);
  const why = isAllowedSomewhere ? 'cost_center' : 'role';
  return { failure: { why: 'forbidden', message }, why, costCenter };
}

/** A cost center's id fits into the audit log; whatever else somebody put into a path or query does not. */
function isId(text: string | null): text is string {
  return text !== null && /^[a-z0-9-]{1,63}$/.test(text);
}

/** "POST /cost_centers/{id}/keys" */
function shown(c: AdminContext, route: Route | null): string {
  if (!route) return `${c.req.method} (no route)`;
  return `${route.method} ${route.path.replaceAll(/:(\w+)/g, '{$1}')}`;
}

/** A request, and where it arrived. */
interface Incoming {
  request: Request;
  /** "GET /metrics" */
  route: string;
  bindings: Bindings;
  requestId: string;
}

async function identify({ request, route, bindings, requestId }: Incoming): Promise<Caller | Response> {
  try {
    const caller = await callerOf(request, bindings);
    if (!('refusal' in caller)) return caller;
    const { refusal } = caller;
    if (refusal !== 'missing') {
      const denial = { actor: null, action: null, why: refusal, route, costCenter: null };
      await recordDenial(openDatabase(bindings.db), denial, requestId);
    }
    return fail(requestId, { why: 'unauthenticated', refusal });
  } catch (error) {
    if (!(error instanceof IssuerAway)) throw error;
    console.error({ message: 'an identity provider did not answer', requestId, error: error.message });
    return fail(requestId, { why: 'issuer_away' });
  }
}

/**
 * Null where whoever sent the request may do this everywhere; else the answer that it gets. For routes outside of the
 * admin API. Rejects where D1 is away.
 */
export async function refuseUnlessAllowed(incoming: Incoming, action: Action): Promise<Response | null> {
  const caller = await identify(incoming);
  if (caller instanceof Response) return caller;
  if (permits(caller.grants, action, null)) return null;
  const { route, bindings, requestId } = incoming;
  const denial = { actor: caller.principal.actor, action, why: 'role', route, costCenter: null };
  await recordDenial(openDatabase(bindings.db), denial, requestId);
  const message = forbidden(caller, action, 'organisation', null);
  return fail(requestId, { why: 'forbidden', message });
}

/** Lets a request pass whose caller may make it, with `principal` and `grants` set; answers all others. */
export const gate: MiddlewareHandler<AdminEnv> = async (c, next) => {
  const requestId = c.get('requestId');
  const route = routeOf(c);
  const incoming = { request: c.req.raw, route: shown(c, route), bindings: c.get('bindings'), requestId };
  const caller = await identify(incoming);
  if (caller instanceof Response) return caller;
  const { principal, grants } = caller;
  if (!route) return fail(requestId, { why: 'unknown', what: `${c.req.method} ${c.req.path}` });
  const guard = guardOf(route.method, route.path);
  const refused = guard ? await refusalOf(c, caller, route, guard) : NO_ACTION;
  if (refused) {
    const { failure, why } = refused;
    if (why !== null) {
      const action = guard?.action ?? null;
      const costCenter = isId(refused.costCenter) ? refused.costCenter : null;
      const denial = { actor: principal.actor, action, why, route: incoming.route, costCenter };
      await recordDenial(databaseOf(c), denial, requestId);
    }
    return fail(requestId, failure);
  }
  c.set('principal', principal);
  c.set('grants', grants);
  await next();
  c.res.headers.set('request-id', requestId);
  return undefined;
};
