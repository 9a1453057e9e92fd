/**
 * The action that each route of the admin API is, and where the cost center that it is about is named. A route that is
 * not in this list is refused, whoever calls it; a test walks all of them.
 */
import type { Action } from './permissions.ts';

/** How a route says which cost center it is about. */
export type Binding =
  /** `{id}` in its path. */
  | 'path'
  /** The query's `cost_center`; where absent it is about all of them. */
  | 'query'
  /** The one that the thing belongs to whose id is in the path. */
  | 'increase_request'
  | 'alert_event'
  /** It lists cost centers, and shows a caller theirs. */
  | 'list'
  /** About none of them: the same for everybody who may do it anywhere. */
  | 'common'
  /** About all of them, or the organisation. */
  | 'organisation';

export interface Guard {
  /** `whoami`: whoever proved who they are. */
  action: Action | 'whoami';
  binding: Binding;
}

/** Routes of one kind of binding, as "METHOD /path" by their action. */
type Guarded = Partial<Record<Action | 'whoami', readonly string[]>>;

const OWN = '/cost_centers/{id}';
const VERSION = `${OWN}/policies/{version}`;
const DRY_RUN = `${OWN}/dry_runs/{dry_run}`;

const ROUTES: Record<Binding, Guarded> = {
  path: {
    'cost_center.read': [`GET ${OWN}`],
    'cost_center.write': [`PATCH ${OWN}`, `POST ${OWN}/archive`, `POST ${OWN}/restore`],
    'cost_center.pause': [`POST ${OWN}/pause`, `POST ${OWN}/resume`],
    'key.read': [`GET ${OWN}/keys`, `GET ${OWN}/keys/{key}`],
    'key.write': [
      `POST ${OWN}/keys`,
      `PATCH ${OWN}/keys/{key}`,
      `DELETE ${OWN}/keys/{key}`,
      `POST ${OWN}/keys/{key}/rotate`,
    ],
    'policy.read': [
      `GET ${OWN}/policies`,
      `GET ${OWN}/policies/export`,
      `GET ${VERSION}`,
      `GET ${VERSION}/diff`,
      `GET ${VERSION}/signed`,
      `GET ${VERSION}/events`,
      `GET ${OWN}/review`,
      `GET ${OWN}/canary`,
      `GET ${VERSION}/canary`,
    ],
    'policy.draft': [`POST ${OWN}/policies`, `PUT ${VERSION}`],
    'policy.submit': [`POST ${VERSION}/submit`],
    'policy.approve': [`POST ${VERSION}/approve`, `POST ${VERSION}/reject`, `POST ${VERSION}/sign`],
    'policy.activate': [
      `POST ${VERSION}/activate`,
      `POST ${VERSION}/unschedule`,
      `POST ${VERSION}/promote`,
      `POST ${VERSION}/rollback`,
    ],
    'dry_run.read': [`GET ${OWN}/dry_runs`, `GET ${DRY_RUN}`, `GET ${DRY_RUN}/events`],
    'dry_run.run': [`POST ${OWN}/dry_runs`, `POST ${DRY_RUN}/cancel`],
    'wallet.read': [`GET ${OWN}/wallet`, `GET ${OWN}/holds`, `GET ${OWN}/session_stops`],
    'hold.end': [`DELETE ${OWN}/holds/{turn}`],
    'session.stop': [`POST ${OWN}/sessions/{session}/stop`, `DELETE ${OWN}/sessions/{session}/stop`],
    'raise.read': [`GET ${OWN}/raises`],
    'raise.write': [
      `POST ${OWN}/raises`,
      `DELETE ${OWN}/raises/{raise}`,
      `POST ${OWN}/exempt`,
      `DELETE ${OWN}/exempt`,
    ],
    'alert_routes.read': [`GET ${OWN}/alert_routes`],
    'alert_routes.write': [
      `PUT ${OWN}/alert_routes`,
      `DELETE ${OWN}/alert_routes`,
      `POST ${OWN}/alert_routes/test`,
    ],
  },
  query: {
    'increase_request.read': ['GET /increase_requests'],
    'ledger.read': ['GET /ledger'],
    export: ['GET /exports/{file}', 'GET /exports/{file}/manifest'],
    'alert.read': ['GET /alerts'],
    'metrics.read': ['GET /metrics/estimate'],
    'audit.read': ['GET /audit'],
    'reconciliation.read': ['GET /reconciliations'],
    'archive.read': ['GET /archive'],
  },
  increase_request: {
    'increase_request.resolve': [
      'POST /increase_requests/{increase_request}/approve',
      'POST /increase_requests/{increase_request}/deny',
    ],
  },
  alert_event: { 'alert.resend': ['POST /alerts/{event}/resend'] },
  list: { 'cost_center.read': ['GET /cost_centers'] },
  common: {
    whoami: ['GET /whoami'],
    'policy.read': ['GET /policy_templates', 'GET /policy_templates/{template}'],
    'price.read': ['GET /price_overrides'],
    'month.read': ['GET /months'],
    'signing_key.read': ['GET /signing_keys'],
  },
  organisation: {
    'cost_center.write': ['POST /cost_centers'],
    'alert_routes.read': ['GET /alert_routes'],
    'alert_routes.write': ['PUT /alert_routes', 'DELETE /alert_routes', 'POST /alert_routes/test'],
    'price.write': ['POST /price_overrides', 'DELETE /price_overrides/{price_override}'],
    'month.close': ['POST /months/{month}/close'],
    'reconciliation.run': ['POST /reconciliations/run'],
    'archive.restore': ['POST /archive/restore'],
    'storage.read': ['GET /storage'],
    'privacy.pseudonymise': ['POST /developers/{developer}/pseudonymise'],
    'audit.verify': ['GET /audit/verify', 'GET /audit/export'],
    'identity.read': ['GET /role_bindings', 'GET /service_tokens'],
    'identity.write': [
      'POST /role_bindings',
      'DELETE /role_bindings/{role_binding}',
      'POST /service_tokens',
      'DELETE /service_tokens/{service_token}',
    ],
  },
};

/** "GET /cost_centers/:id" as "GET /cost_centers/{}": what a parameter is called makes no difference. */
function shapeOf(method: string, path: string): string {
  return `${method} ${path.replaceAll(/\{\w+\}|:\w+(?:\{[^}]*\})?/g, '{}')}`;
}

const BINDINGS: readonly Binding[] = [
  'path',
  'query',
  'increase_request',
  'alert_event',
  'list',
  'common',
  'organisation',
];

function guardsByShape(): Map<string, Guard> {
  const guards = new Map<string, Guard>();
  for (const binding of BINDINGS) {
    for (const [action, routes] of Object.entries(ROUTES[binding])) {
      for (const route of routes ?? []) {
        const [method = '', path = ''] = route.split(' ');
        guards.set(shapeOf(method, path), { action: action as Guard['action'], binding });
      }
    }
  }
  return guards;
}

const GUARDS: ReadonlyMap<string, Guard> = guardsByShape();

/** What a route is, by its method and its path under /admin/v1 as it was registered; null: nobody may call it. */
export function guardOf(method: string, path: string): Guard | null {
  return GUARDS.get(shapeOf(method, path)) ?? null;
}
