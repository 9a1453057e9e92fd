import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { app } from '../../../worker/app.ts';
import { ACTIONS } from '../../../worker/auth/permissions.ts';
import { type Answer, call, field, makeCostCenter, rows, send } from './admin-calls.ts';
import { bearer } from './issuer.ts';

let minute = 0;

beforeAll(async () => {
  for (const squad of ['squad', 'other-squad']) await makeCostCenter(squad);
});

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
  minute += 1;
  vi.setSystemTime(Date.UTC(2027, 3, 1) + minute * 60_000);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

let tokens = 0;

/** A new token: its text and its id. */
async function make(fields: object): Promise<{ secret: string; id: string; name: string }> {
  tokens += 1;
  const name = `token-${tokens}`;
  const answer = await call('POST', '/service_tokens', { name, ...fields });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  return { secret: field(answer, 'secret'), id: field(answer, 'id'), name };
}

async function as(secret: string, path: string, init: RequestInit = {}): Promise<Answer> {
  return await send(path, { ...init, headers: bearer(secret) });
}

async function lastDenial(): Promise<unknown> {
  const events = rows(await call('GET', '/audit?limit=1000'));
  return events.find((event) => Object(event).action === 'access.denied');
}

describe('a service token', () => {
  test('is shown once, and nothing that is kept of it opens anything', async () => {
    const answer = await call('POST', '/service_tokens', { name: 'ci', scopes: ['ledger.read'] });
    expect(answer).toMatchObject({
      status: 201,
      body: {
        name: 'ci',
        scopes: ['ledger.read'],
        cost_centers: null,
        expires_at: null,
        revoked_at: null,
        created_by: 'admin_token',
        secret: expect.stringMatching(/^bst_[0-9a-f]{24}\.[\w-]{43}$/),
      },
    });
    const secret = field(answer, 'secret').split('.')[1] ?? '';
    const stored = await env.DB.prepare("SELECT * FROM service_tokens WHERE name = 'ci'").first();
    const listed = await call('GET', '/service_tokens');
    const audited = await call('GET', '/audit?limit=1000');
    for (const kept of [stored, listed.body, audited.body])
      expect(JSON.stringify(kept)).not.toContain(secret);
    const digest = String(stored?.secret_sha256);
    for (const kept of [listed.body, audited.body]) expect(JSON.stringify(kept)).not.toContain(digest);
    expect((await as(`bst_${field(answer, 'id')}.${digest}`, '/whoami')).status).toBe(401);
  });

  test('does what its scopes say, and says who it is', async () => {
    const { secret, name, id } = await make({ scopes: ['ledger.read'], cost_centers: ['squad'] });
    expect(await as(secret, '/whoami')).toMatchObject({
      status: 200,
      body: {
        principal: { kind: 'service_token', actor: `service:${name}`, subject: id, email: null },
        roles: [],
        cost_centers: ['squad'],
        permissions: [{ action: 'ledger.read', cost_centers: ['squad'] }],
      },
    });
    expect((await as(secret, '/ledger?cost_center=squad')).status).toBe(200);
  });

  test('out of its scope is a 403 that names the scope, and in the audit log', async () => {
    const { secret, name } = await make({ scopes: ['ledger.read'] });
    const answer = await as(secret, '/cost_centers/squad/keys');
    expect(answer).toMatchObject({
      status: 403,
      body: {
        error: {
          type: 'permission_error',
          message: `key.read is not allowed to service:${name}: it takes the scope key.read`,
        },
      },
    });
    expect(await lastDenial()).toMatchObject({
      actor: `service:${name}`,
      cost_center: 'squad',
      target: 'GET /cost_centers/{id}/keys',
      after: { action: 'key.read', why: 'role' },
    });
  });

  test('names no manager, who may do more than it may', async () => {
    const { secret, name } = await make({ scopes: ['cost_center.read', 'cost_center.write'] });
    const manager = { name: 'Eve', email: 'eve@example.com' };
    const write = async (method: string, path: string, body: object) => {
      const headers = { ...bearer(secret), 'content-type': 'application/json' };
      return await send(path, { method, headers, body: JSON.stringify(body) });
    };
    const made = { id: 'eves-squad', name: 'Eve', timezone: 'UTC', manager };
    for (const answer of [
      await write('PATCH', '/cost_centers/squad', { manager }),
      await write('PATCH', '/cost_centers/squad', { manager: { slack_user_id: 'U0EVE' } }),
      await write('POST', '/cost_centers', made),
    ]) {
      const message = expect.stringMatching(
        /nobody gives more than they have: to be the manager .*key\.write/,
      );
      expect(answer).toMatchObject({ status: 403, body: { error: { type: 'permission_error', message } } });
    }
    expect(await lastDenial()).toMatchObject({
      actor: `service:${name}`,
      target: 'POST /cost_centers',
      after: { action: 'cost_center.write', why: 'more_than_own' },
    });
    expect((await write('PATCH', '/cost_centers/squad', { name: 'Squad' })).status).toBe(200);
    expect((await call('GET', '/cost_centers/eves-squad')).status).toBe(404);
  });

  test('in another cost center than its own is a 403', async () => {
    const { secret } = await make({ scopes: ['ledger.read', 'key.read'], cost_centers: ['squad'] });
    expect((await as(secret, '/cost_centers/squad/keys')).status).toBe(200);
    for (const path of ['/cost_centers/other-squad/keys', '/ledger', '/ledger?cost_center=other-squad']) {
      expect((await as(secret, path)).status).toBe(403);
    }
  });

  test('that has expired is a 401', async () => {
    const expires_at = new Date(Date.now() + 60_000).toISOString();
    const { secret } = await make({ scopes: ['ledger.read'], expires_at });
    expect((await as(secret, '/ledger')).status).toBe(200);
    vi.setSystemTime(Date.now() + 60_000);
    expect((await as(secret, '/ledger')).status).toBe(401);
    expect(await lastDenial()).toMatchObject({ actor: 'unauthenticated', after: { why: 'expired' } });
  });

  test('that was revoked is a 401 when the call returns; revoking it again changes nothing', async () => {
    const { secret, id, name } = await make({ scopes: ['ledger.read'] });
    for (let times = 0; times < 2; times++) {
      expect((await call('DELETE', `/service_tokens/${id}`)).status).toBe(204);
      expect((await as(secret, '/ledger')).status).toBe(401);
    }
    expect(await lastDenial()).toMatchObject({ after: { why: 'revoked' } });
    const events = rows(await call('GET', '/audit?limit=1000')).filter(
      (event) => Object(event).target === id,
    );
    expect(events).toMatchObject([
      { action: 'service_token.revoke', before: { revoked_at: null }, after: { name } },
      { action: 'service_token.create', before: null },
    ]);
    const again = await call('POST', '/service_tokens', { name, scopes: ['ledger.read'] });
    expect(again.status).toBe(201);
  });

  test('with a secret of another token is a 401', async () => {
    const [one, other] = [await make({ scopes: ['ledger.read'] }), await make({ scopes: ['ledger.read'] })];
    const mixed = `bst_${one.id}.${other.secret.split('.')[1]}`;
    expect((await as(mixed, '/ledger')).status).toBe(401);
    expect(await lastDenial()).toMatchObject({ after: { why: 'unknown_token' } });
  });

  test('of a name that is in use is a 409', async () => {
    const { name } = await make({ scopes: ['ledger.read'] });
    const again = await call('POST', '/service_tokens', { name, scopes: ['ledger.read'] });
    expect(again).toMatchObject({ status: 409, body: { error: { type: 'conflict_error' } } });
  });

  test('that is none cannot be revoked', async () => {
    expect((await call('DELETE', '/service_tokens/nothing')).status).toBe(404);
  });

  test.each<[string, object, string]>([
    ['no name', { scopes: ['ledger.read'] }, 'name'],
    ['a name for people', { name: 'The CI', scopes: ['ledger.read'] }, 'name'],
    ['no scopes', { name: 'x' }, 'scopes'],
    ['an empty list of scopes', { name: 'x', scopes: [] }, 'scopes'],
    ['a scope that is no action', { name: 'x', scopes: ['everything'] }, 'scopes[0]'],
    ['a scope that only people have', { name: 'x', scopes: ['policy.approve'] }, 'scopes[0]'],
    ['a scope twice', { name: 'x', scopes: ['export', 'export'] }, 'scopes'],
    ['no cost center in the list', { name: 'x', scopes: ['export'], cost_centers: [] }, 'cost_centers'],
    [
      'a cost center that is none',
      { name: 'x', scopes: ['export'], cost_centers: ['nowhere'] },
      'cost_centers',
    ],
    [
      'an end in the past',
      { name: 'x', scopes: ['export'], expires_at: '2020-01-01T00:00:00Z' },
      'expires_at',
    ],
    ['an unknown field', { name: 'x', scopes: ['export'], role: 'admin' }, 'role'],
  ])('with %s is a 400 that names the field', async (_what, given, path) => {
    expect(await call('POST', '/service_tokens', given)).toMatchObject({
      status: 400,
      body: { error: { problems: expect.arrayContaining([expect.objectContaining({ path })]) } },
    });
  });

  test('with every scope may do all but what takes a person', async () => {
    const { secret } = await make({ scopes: ACTIONS.filter((action) => action !== 'policy.approve') });
    const { body } = await as(secret, '/whoami');
    const allowed = Object(body).permissions.map((each: { action: string }) => each.action);
    expect(allowed).toEqual(ACTIONS.filter((action) => action !== 'policy.approve'));
    expect((await as(secret, '/role_bindings')).status).toBe(200);
  });
});

describe('GET /metrics', () => {
  const scrape = async (secret: string) => await app.request('/metrics', { headers: bearer(secret) }, env);

  test('is open to a token with the scope metrics.read', async () => {
    const { secret } = await make({ scopes: ['metrics.read'] });
    const answer = await scrape(secret);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain('bursar_');
  });

  test('is closed to one without, to one of a single cost center, and to a forged one', async () => {
    const { secret, name } = await make({ scopes: ['ledger.read'] });
    expect((await scrape(secret)).status).toBe(403);
    expect(await lastDenial()).toMatchObject({
      actor: `service:${name}`,
      target: 'GET /metrics',
      after: { action: 'metrics.read' },
    });
    const bound = await make({ scopes: ['metrics.read'], cost_centers: ['squad'] });
    expect((await scrape(bound.secret)).status).toBe(403);
    expect((await scrape(`bst_${'0'.repeat(24)}.${'A'.repeat(43)}`)).status).toBe(401);
  });
});
