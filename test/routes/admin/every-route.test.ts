/** Every route of the admin API, as the OpenAPI document has them, under every role. */
import { env } from 'cloudflare:workers';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { ROLES, type Role } from '../../../worker/auth/permissions.ts';
import { admin } from '../../../worker/routes/admin/admin.ts';
import { openApiDocument } from '../../../worker/routes/openapi.ts';
import { type Answer, call, makeCostCenter, rows, send } from './admin-calls.ts';
import { BY_QUERY, BY_THING, OF_ALL, OF_ONE } from './expected-roles.ts';
import { bearer, connect, type Issuer, startIssuer, tokenOf } from './issuer.ts';

const LETTERS: Record<Role, string> = {
  admin: '',
  manager: 'm',
  finance: 'f',
  approver: 'a',
  developer: 'd',
  auditor: 'A',
};

/** "GET /cost_centers/{id}/keys/{}" of every route: parameters but the cost center's have no name here. */
function documented(): string[] {
  const { paths = {} } = openApiDocument() as { paths?: Record<string, object> };
  return Object.entries(paths).flatMap(([path, methods]) => {
    const [, own] = /^\/admin\/v1(\/.*)$/.exec(path) ?? [];
    if (own === undefined) return [];
    const shape = own.replaceAll(/\{\w+\}/g, '{}').replace(/^\/cost_centers\/\{\}/, '/cost_centers/{id}');
    return Object.keys(methods).map((method) => `${method.toUpperCase()} ${shape}`);
  });
}

const ROUTES = documented();
const EXPECTED: Record<string, string> = { ...OF_ONE, ...BY_QUERY, ...BY_THING, ...OF_ALL };

let issuer: Issuer;

beforeAll(async () => {
  connect();
  issuer = await startIssuer();
  await makeCostCenter('own-squad');
  await makeCostCenter('other-squad');
  for (const role of ROLES) {
    const cost_center = role === 'manager' ? 'own-squad' : undefined;
    const binding = { by: 'group', issuer: issuer.url, value: `${role}s`, role, cost_center };
    const answer = await call('POST', '/role_bindings', binding, issuer.variables);
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
  }
});

let minute = 0;

beforeEach(() => {
  connect();
  vi.spyOn(console, 'error').mockImplementation(() => {});
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  vi.useFakeTimers({ toFake: ['Date'] });
  minute += 1;
  vi.setSystemTime(Date.UTC(2027, 1, 1) + minute * 60_000);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Calls a route as somebody in these groups, every parameter filled in and no field in its body. */
async function callAs(
  groups: string[],
  route: string,
  costCenter = 'nobody-here',
  query = '',
): Promise<Answer> {
  const [method = '', path = ''] = route.split(' ');
  const filled = path.replace('{id}', costCenter).replaceAll('{}', 'none');
  const token = await tokenOf(issuer, { groups, email: `${groups.join('-') || 'nobody'}@example.com` });
  const headers = { ...bearer(token), 'content-type': 'application/json' };
  const init = method === 'GET' ? { method, headers } : { method, headers, body: '{}' };
  return await send(`${filled}${query}`, init, issuer.variables);
}

function isRefused({ status, body }: Answer): boolean {
  if (status === 401) throw new Error(JSON.stringify(body));
  return status === 403;
}

test('every route that there is has an action, and roles that were decided on', () => {
  const registered = admin.routes
    .filter(({ path }) => !path.includes('*'))
    .map(({ method, path }) =>
      `${method} ${path.replaceAll(/:\w+/g, '{}')}`.replace('/cost_centers/{}', '/cost_centers/{id}'),
    );
  expect([...new Set(registered)].sort()).toEqual([...ROUTES].sort());
  expect(ROUTES.filter((route) => EXPECTED[route] === undefined)).toEqual([]);
  expect(ROUTES.length).toBeGreaterThan(60);
});

describe.each(ROLES)('as %s', (role) => {
  test('those routes are open that are this role’s, and no other', async () => {
    const wrong: string[] = [];
    for (const route of ROUTES) {
      const isManager = role === 'manager';
      const query = isManager && route in BY_QUERY ? '?cost_center=own-squad' : '';
      const answer = await callAs([`${role}s`], route, isManager ? 'own-squad' : 'nobody-here', query);
      const isAllowed = role === 'admin' || (EXPECTED[route] ?? '').includes(LETTERS[role]);
      if (isRefused(answer) === isAllowed) wrong.push(`${route}: ${answer.status}`);
    }
    expect(wrong).toEqual([]);
  });
});

test('nobody without a role does anything but ask who they are', async () => {
  const open: string[] = [];
  for (const route of ROUTES) if (!isRefused(await callAs([], route))) open.push(route);
  expect(open).toEqual(['GET /whoami']);
});

describe('a manager', () => {
  const ours = ROUTES.filter((route) => route in OF_ONE);

  test('does nothing in another squad’s cost center, and reads nothing of it', async () => {
    const open: string[] = [];
    for (const route of ours)
      if (!isRefused(await callAs(['managers'], route, 'other-squad'))) open.push(route);
    expect(open).toEqual([]);
  });

  test.each([
    'own-squad%20',
    'own-squad%2F',
    'OWN-SQUAD',
    'own-squad%2Fkeys',
    'other-squad%00own-squad',
    '%6Fther-squad',
  ])('gets nowhere with a cost center spelt %s', async (spelling) => {
    expect((await callAs(['managers'], 'GET /cost_centers/{id}', spelling)).status).toBe(403);
  });

  test('has lists over all cost centers only where the query names theirs', async () => {
    const wrong: string[] = [];
    for (const route of ROUTES.filter((each) => each in BY_QUERY)) {
      const queries = [
        '',
        '?cost_center=other-squad',
        '?cost_center=own-squad&cost_center=other-squad',
        '?cost_center=',
      ];
      for (const query of queries) {
        const answer = await callAs(['managers'], route, '', query);
        if (!isRefused(answer)) wrong.push(`${route}${query}: ${answer.status}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('is told what to add where the query names no cost center', async () => {
    const answer = await callAs(['managers'], 'GET /ledger');
    expect(answer).toMatchObject({
      status: 403,
      body: {
        error: {
          type: 'permission_error',
          message: expect.stringMatching(/ledger\.read .* in own-squad only.*add cost_center=/),
        },
      },
    });
  });

  test('sees their own cost center in the list of all', async () => {
    const answer = await callAs(['managers'], 'GET /cost_centers');
    expect(rows(answer)).toEqual([expect.objectContaining({ id: 'own-squad' })]);
    expect(rows(await callAs(['auditors'], 'GET /cost_centers')).length).toBeGreaterThan(1);
  });

  test('is whoever a cost center names as its manager, without a binding', async () => {
    const token = await tokenOf(issuer, { email: 'Ada@example.com' });
    const answer = await send('/whoami', { headers: bearer(token) }, issuer.variables);
    expect(answer.body).toMatchObject({
      roles: [
        { role: 'manager', cost_center: 'other-squad' },
        { role: 'manager', cost_center: 'own-squad' },
      ],
      cost_centers: ['other-squad', 'own-squad'],
    });
    const unverified = await tokenOf(issuer, { email: 'ada@example.com', email_verified: false });
    expect((await send('/whoami', { headers: bearer(unverified) }, issuer.variables)).body).toMatchObject({
      roles: [],
    });
  });

  test('answers an increase request of their own cost center and no other', async () => {
    for (const squad of ['own-squad', 'other-squad']) await insertIncreaseRequest(`increase_${squad}`, squad);
    const deny = async (id: string) => {
      const token = await tokenOf(issuer, { groups: ['managers'] });
      return await send(
        `/increase_requests/${id}/deny`,
        { method: 'POST', headers: bearer(token) },
        issuer.variables,
      );
    };
    expect((await deny('increase_other-squad')).status).toBe(403);
    expect((await deny('increase_own-squad')).status).toBe(200);
    expect((await deny('increase_none')).status).toBe(404);
  });
});

async function insertIncreaseRequest(id: string, costCenter: string): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO increase_requests (id, cost_center, budget, window, developer, key_id, extra_nano_usd, status, expires_at,
       event_id, created_at, updated_at)
     VALUES (?, ?, 'dev-day', 'day', 'dev@example.com', 'k1', 1000000000, 'pending', '2030-01-01T00:00:00.000Z', ?, ?, ?)`,
  )
    .bind(id, costCenter, `event_${id}`, '2027-01-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z')
    .run();
}

describe('a refusal', () => {
  test('names the action and who may, and is in the audit log with who, why and where', async () => {
    const answer = await callAs(['developers'], 'POST /cost_centers/{id}/keys', 'own-squad');
    expect(answer).toMatchObject({
      status: 403,
      body: {
        type: 'error',
        error: {
          type: 'permission_error',
          message: 'key.write is not allowed to developers@example.com: it takes the role admin or manager',
        },
      },
    });
    expect(answer.headers.get('request-id')).toMatch(/^req_/);
    const [event] = rows(await call('GET', '/audit?cost_center=own-squad&limit=1'));
    expect(event).toMatchObject({
      actor: 'developers@example.com',
      action: 'access.denied',
      cost_center: 'own-squad',
      target: 'POST /cost_centers/{id}/keys',
      before: null,
      after: { action: 'key.write', why: 'role' },
      request_id: answer.headers.get('request-id'),
    });
  });

  test('comes before the body is looked at, and before anything is looked up', async () => {
    const token = await tokenOf(issuer, { groups: ['auditors'] });
    const headers = { ...bearer(token), 'content-type': 'application/json' };
    const answer = await send('/price_overrides', { method: 'POST', headers, body: '{' }, issuer.variables);
    expect(answer.status).toBe(403);
  });
});

test('a path that is none is a 404 to whoever proved who they are, and a 401 to all others', async () => {
  expect((await callAs([], 'GET /nowhere')).status).toBe(404);
  expect((await send('/nowhere', {})).status).toBe(401);
});
