/** Every route of the admin API that changes something leaves an audit event; a new one has to say here how. */
import { env } from 'cloudflare:workers';
import { beforeAll, expect, test } from 'vitest';
import { askForIncrease } from '../../../worker/policy/increase-request.ts';
import { admin } from '../../../worker/routes/admin/admin.ts';
import { findCostCenter } from '../../../worker/store/cost-centers.ts';
import { openDatabase } from '../../../worker/store/database.ts';
import { alertEvent } from '../../alerts/alert-event.ts';
import { createCostCenter, DEVELOPER, keyIdOf, openRequest, usd, walletStub } from '../../fixture.ts';
import { type Answer, call, field, makeCostCenter } from './admin-calls.ts';
import { addAlerts } from './ledger-rows.ts';

const ID = 'audited-squad-1';
const OWN = `/cost_centers/${ID}`;
const POLICY = {
  budgets: [
    { id: 'day', scope: 'cost_center', window: 'day', limit_usd: '5.00' },
    { id: 'week', scope: 'cost_center', window: 'week', limit_usd: '9.00' },
  ],
};
const ROUTES = {
  routes: [],
  fallback: [{ type: 'slack_dm', email: 'a@example.com' }],
};
const BINDING = { by: 'email', value: 'ann@example.com', role: 'auditor' };
const UNTIL = '2099-01-01T00:00:00Z';

/** What these do is no change: they try something, and keep records of their own. */
const NO_CHANGES = [
  'POST /alert_routes/test',
  'POST /cost_centers/{id}/alert_routes/test',
  'POST /reconciliations/run',
  // Told of where something was restored, which takes a bucket with a day in it: test/finance/archive.
  'POST /archive/restore',
];

async function made(answer: Promise<Answer>, name = 'id'): Promise<string> {
  return field(await answer, name);
}

const newKey = () => made(call('POST', `${OWN}/keys`, { developer: 'a@example.com' }));
const newRaise = () =>
  made(call('POST', `${OWN}/raises`, { budget: 'day', extra_usd: '1.00', until: UNTIL, reason: 'r' }));
const newVersion = async () => {
  const { body } = await call('POST', `${OWN}/policies`, { policy: POLICY });
  return Object(body).version as number;
};
const submitted = async () => {
  const version = await newVersion();
  await call('POST', `${OWN}/policies/${version}/submit`);
  return version;
};
const newPrice = () =>
  call('POST', '/price_overrides', {
    model: 'claude-haiku-5-5',
    percent_off: '10',
    effective_from: UNTIL,
    reason: 'r',
  });

async function asked(budget: string): Promise<string> {
  const database = openDatabase(env.DB);
  const owner = await findCostCenter(database, ID);
  if (!owner) throw new Error(`no ${ID}`);
  const keyId = keyIdOf(ID);
  const asking = { developer: DEVELOPER, keyId, budget, extraNanoUsd: usd(1), reason: 'r', session: null };
  const authorship = { actor: `key:${keyId}`, requestId: 'req', at: new Date().toISOString() };
  const outcome = await askForIncrease(database, owner, asking, authorship);
  if (outcome.status !== 'created') throw new Error(outcome.status);
  return outcome.request.id;
}

const because = { reason: 'r' };

/** What has to be there first, and the call. */
const CHANGES: Record<string, () => Promise<() => Promise<Answer>>> = {
  'POST /cost_centers': async () => () =>
    call('POST', '/cost_centers', {
      id: 'made',
      name: 'Made',
      timezone: 'UTC',
      manager: { name: 'A', email: 'a@example.com' },
    }),
  'PATCH /cost_centers/{id}': async () => () => call('PATCH', OWN, { name: 'Renamed' }),
  'POST /cost_centers/{id}/pause': async () => () => call('POST', `${OWN}/pause`, because),
  'POST /cost_centers/{id}/resume': async () => () => call('POST', `${OWN}/resume`, because),
  'POST /cost_centers/{id}/archive': async () => () => call('POST', `${OWN}/archive`, because),
  'POST /cost_centers/{id}/restore': async () => () => call('POST', `${OWN}/restore`, because),
  'POST /cost_centers/{id}/exempt': async () => () =>
    call('POST', `${OWN}/exempt`, { ...because, until: new Date(Date.now() + 3_600_000).toISOString() }),
  'DELETE /cost_centers/{id}/exempt': async () => () => call('DELETE', `${OWN}/exempt`),
  'POST /cost_centers/{id}/keys': async () => () =>
    call('POST', `${OWN}/keys`, { developer: 'b@example.com' }),
  'PATCH /cost_centers/{id}/keys/{key_id}': async () => {
    const key = await newKey();
    return () => call('PATCH', `${OWN}/keys/${key}`, { enabled: false });
  },
  'DELETE /cost_centers/{id}/keys/{key_id}': async () => {
    const key = await newKey();
    return () => call('DELETE', `${OWN}/keys/${key}`);
  },
  'POST /cost_centers/{id}/keys/{key_id}/rotate': async () => {
    const key = await newKey();
    return () => call('POST', `${OWN}/keys/${key}/rotate`, {});
  },
  'POST /cost_centers/{id}/policies': async () => () => call('POST', `${OWN}/policies`, { policy: POLICY }),
  'PUT /cost_centers/{id}/policies/{version}': async () => {
    const version = await newVersion();
    const budgets = POLICY.budgets.slice(0, 1);
    return () => call('PUT', `${OWN}/policies/${version}`, { policy: { budgets } });
  },
  'POST /cost_centers/{id}/policies/{version}/submit': async () => {
    const version = await newVersion();
    return () => call('POST', `${OWN}/policies/${version}/submit`);
  },
  'POST /cost_centers/{id}/policies/{version}/approve': async () => {
    const version = await submitted();
    return () => call('POST', `${OWN}/policies/${version}/approve`, {}, { POLICY_FOUR_EYES: 'off' });
  },
  'POST /cost_centers/{id}/policies/{version}/reject': async () => {
    const version = await submitted();
    return () => call('POST', `${OWN}/policies/${version}/reject`, because);
  },
  'POST /cost_centers/{id}/policies/{version}/unschedule': async () => {
    const version = await newVersion();
    await call('POST', `${OWN}/policies/${version}/activate`, { activate_at: UNTIL });
    return () => call('POST', `${OWN}/policies/${version}/unschedule`);
  },
  'POST /cost_centers/{id}/policies/{version}/promote': async () => {
    const version = await newVersion();
    await call('POST', `${OWN}/policies/${version}/activate`, { canary: { share: '0.10' } });
    return () => call('POST', `${OWN}/policies/${version}/promote`);
  },
  'POST /cost_centers/{id}/dry_runs': async () => () =>
    call('POST', `${OWN}/dry_runs`, { policy: POLICY, days: 1 }),
  'POST /cost_centers/{id}/dry_runs/{dry_run_id}/cancel': async () => {
    const dryRun = await made(call('POST', `${OWN}/dry_runs`, { policy: POLICY, days: 2 }));
    return () => call('POST', `${OWN}/dry_runs/${dryRun}/cancel`);
  },
  'POST /role_bindings': async () => () => call('POST', '/role_bindings', BINDING),
  'DELETE /role_bindings/{role_binding_id}': async () => {
    const binding = await made(call('POST', '/role_bindings', { ...BINDING, value: 'eve@example.com' }));
    return () => call('DELETE', `/role_bindings/${binding}`);
  },
  'POST /service_tokens': async () => () =>
    call('POST', '/service_tokens', { name: 'scraper', scopes: ['metrics.read'] }),
  'DELETE /service_tokens/{service_token_id}': async () => {
    const token = await made(call('POST', '/service_tokens', { name: 'bot', scopes: ['ledger.read'] }));
    return () => call('DELETE', `/service_tokens/${token}`);
  },
  'POST /cost_centers/{id}/policies/{version}/activate': async () => {
    const version = await newVersion();
    return () => call('POST', `${OWN}/policies/${version}/activate`);
  },
  'POST /cost_centers/{id}/policies/{version}/rollback': async () => () =>
    call('POST', `${OWN}/policies/1/rollback`),
  'POST /cost_centers/{id}/raises': async () => () =>
    call('POST', `${OWN}/raises`, { budget: 'day', extra_usd: '1.00', until: UNTIL, reason: 'r' }),
  'DELETE /cost_centers/{id}/raises/{raise_id}': async () => {
    const raise = await newRaise();
    return () => call('DELETE', `${OWN}/raises/${raise}`);
  },
  'POST /increase_requests/{increase_request_id}/approve': async () => {
    const request = await asked('day');
    return () => call('POST', `/increase_requests/${request}/approve`);
  },
  'POST /increase_requests/{increase_request_id}/deny': async () => {
    const request = await asked('week');
    return () => call('POST', `/increase_requests/${request}/deny`);
  },
  'POST /cost_centers/{id}/sessions/{session}/stop': async () => () =>
    call('POST', `${OWN}/sessions/one/stop`, because),
  'DELETE /cost_centers/{id}/sessions/{session}/stop': async () => () =>
    call('DELETE', `${OWN}/sessions/one/stop`),
  'PUT /cost_centers/{id}/alert_routes': async () => () => call('PUT', `${OWN}/alert_routes`, ROUTES),
  'DELETE /cost_centers/{id}/alert_routes': async () => () => call('DELETE', `${OWN}/alert_routes`),
  'PUT /alert_routes': async () => () => call('PUT', '/alert_routes', ROUTES),
  'DELETE /alert_routes': async () => () => call('DELETE', '/alert_routes'),
  'POST /alerts/{event_id}/resend': async () => {
    await addAlerts([alertEvent({ event_id: 'event', cost_center: ID })]);
    return () => call('POST', '/alerts/event/resend');
  },
  'DELETE /cost_centers/{id}/holds/{turn_id}': async () => {
    await walletStub(ID).open(openRequest(ID, 'turn'));
    return () => call('DELETE', `${OWN}/holds/turn`, because);
  },
  'POST /price_overrides': async () => newPrice,
  'DELETE /price_overrides/{price_override_id}': async () => {
    const { body } = await call('GET', '/price_overrides');
    return () => call('DELETE', `/price_overrides/${Object(body).data[0].id}`);
  },
  'POST /months/{month}/close': async () => () => call('POST', '/months/2020-01/close', because),
  'POST /developers/{developer}/pseudonymise': async () => () =>
    call('POST', `/developers/${DEVELOPER}/pseudonymise`, because),
};

beforeAll(async () => {
  await createCostCenter(ID, POLICY);
  await makeCostCenter('other');
});

async function events(): Promise<number> {
  return (await env.DB.prepare('SELECT count(*) AS events FROM audit_chain').first<number>('events')) ?? 0;
}

test('every route that is no look is known here', () => {
  const written = admin.routes
    .filter(({ method }) => !['GET', 'ALL'].includes(method))
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)(?:\{[^}]*\})?/g, '{$1}')}`);
  const known = [...Object.keys(CHANGES), ...NO_CHANGES];
  expect([...new Set(written)].filter((route) => !known.includes(route))).toEqual([]);
});

test.each(Object.entries(CHANGES))('%s leaves an event', async (_, prepare) => {
  const change = await prepare();
  const before = await events();
  const answer = await change();
  expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
  expect(await events()).toBeGreaterThan(before);
});

test('and all of them together are a chain that verifies', async () => {
  expect((await call('GET', '/audit/verify')).body).toMatchObject({ ok: true, complete: true, problems: [] });
});
