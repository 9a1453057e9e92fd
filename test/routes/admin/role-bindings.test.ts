import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Answer, call, field, makeCostCenter, rows, send } from './admin-calls.ts';
import { ACCESS_AUD, bearer, connect, type Issuer, startAccess, startIssuer, tokenOf } from './issuer.ts';
import { APPROVED_ONLY, type PolicyLine, policyLine } from './policy-calls.ts';

let issuer: Issuer;
let minute = 0;

beforeAll(async () => {
  connect();
  issuer = await startIssuer({ groups_claim: 'realm_access.roles' });
  await makeCostCenter('squad');
});

beforeEach(() => {
  connect();
  vi.useFakeTimers({ toFake: ['Date'] });
  minute += 1;
  vi.setSystemTime(Date.UTC(2027, 2, 1) + minute * 60_000);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function bind(binding: object): Promise<Answer> {
  return await call('POST', '/role_bindings', binding, issuer.variables);
}

async function rolesOf(claims: Record<string, unknown>, from = issuer): Promise<unknown> {
  const headers = bearer(await tokenOf(from, claims));
  const { body } = await send('/whoami', { headers }, from.variables);
  return Object(body).roles;
}

describe('a role binding', () => {
  test('is created, listed, in force, and gone when it is deleted; the audit log has all of it', async () => {
    const given = { by: 'email', value: ' Fay@Example.com ', role: 'finance' };
    const created = await bind(given);
    expect(created).toMatchObject({
      status: 201,
      body: {
        by: 'email',
        issuer: null,
        value: 'fay@example.com',
        role: 'finance',
        cost_center: null,
        created_by: 'admin_token',
      },
    });
    const id = field(created, 'id');
    expect(rows(await call('GET', '/role_bindings'))).toContainEqual(created.body);
    expect(await rolesOf({ email: 'fay@example.com' })).toEqual([{ role: 'finance', cost_center: null }]);
    expect((await call('DELETE', `/role_bindings/${id}`)).status).toBe(204);
    expect(await rolesOf({ email: 'fay@example.com' })).toEqual([]);
    expect((await call('DELETE', `/role_bindings/${id}`)).status).toBe(404);
    const events = rows(await call('GET', '/audit?limit=1000')).filter(
      (event) => Object(event).target === id,
    );
    expect(events).toMatchObject([
      { action: 'role_binding.delete', actor: 'admin_token', before: created.body, after: null },
      { action: 'role_binding.create', actor: 'admin_token', before: null, after: created.body },
    ]);
  });

  test('by group holds for whoever is in it, wherever the issuer lists groups', async () => {
    await bind({
      by: 'group',
      issuer: issuer.url,
      value: 'approvers',
      role: 'approver',
      cost_center: 'squad',
    });
    const claims = { realm_access: { roles: ['others', 'approvers'] } };
    expect(await rolesOf(claims)).toEqual([{ role: 'approver', cost_center: 'squad' }]);
    expect(await rolesOf({ realm_access: { roles: ['approver', 'Approvers'] } })).toEqual([]);
    expect(await rolesOf({ groups: ['approvers'] })).toEqual([]);
  });

  test('by subject or group of one issuer does not hold for another’s', async () => {
    const other = await startIssuer({ groups_claim: 'realm_access.roles' });
    await bind({ by: 'subject', issuer: issuer.url, value: 'user-7', role: 'auditor' });
    expect(await rolesOf({ sub: 'user-7' })).toEqual([{ role: 'auditor', cost_center: null }]);
    expect(await rolesOf({ sub: 'user-7' }, other)).toEqual([]);
  });

  test('by e-mail does not hold where the e-mail was not verified', async () => {
    await bind({ by: 'email', value: 'eve@example.com', role: 'admin' });
    expect(await rolesOf({ email: 'eve@example.com', email_verified: false })).toEqual([]);
  });

  test('by e-mail does not hold for a letter that only Unicode calls the same', async () => {
    await bind({ by: 'email', value: 'Kim@example.com', role: 'admin' });
    expect(await rolesOf({ email: 'KIM@example.com' })).toEqual([{ role: 'admin', cost_center: null }]);
    expect(await rolesOf({ email: '\u212aim@example.com' })).toEqual([]);
  });

  test('of a program behind Access holds by its client id, and never lets it approve', async () => {
    const access = await startAccess();
    const binding = { by: 'subject', issuer: access.url, value: 'ci.access', role: 'approver' };
    expect((await call('POST', '/role_bindings', binding, access.variables)).status).toBe(201);
    const assertion = await tokenOf(access, { aud: [ACCESS_AUD], sub: '', common_name: 'ci.access' });
    const headers = { 'cf-access-jwt-assertion': assertion };
    const { body } = await send('/whoami', { headers }, access.variables);
    expect(body).toMatchObject({ roles: [{ role: 'approver', cost_center: null }] });
    const actions = Object(body).permissions.map((each: { action: string }) => each.action);
    expect(actions).toContain('policy.read');
    expect(actions).not.toContain('policy.approve');
  });

  test('that is there already is a 409', async () => {
    const given = { by: 'group', value: 'auditors', role: 'auditor', cost_center: 'squad' };
    expect((await bind(given)).status).toBe(201);
    expect(await bind(given)).toMatchObject({ status: 409, body: { error: { type: 'conflict_error' } } });
    expect((await bind({ ...given, cost_center: null })).status).toBe(201);
  });

  test.each<[string, object, string]>([
    ['nothing', {}, 'by'],
    ['an unknown kind', { by: 'name', value: 'x', role: 'admin' }, 'by'],
    ['an unknown role', { by: 'email', value: 'a@example.com', role: 'root' }, 'role'],
    ['no value', { by: 'email', role: 'auditor' }, 'value'],
    ['an empty value', { by: 'group', value: ' ', role: 'auditor' }, 'value'],
    ['a value that is too long', { by: 'group', value: 'x'.repeat(321), role: 'auditor' }, 'value'],
    ['no e-mail', { by: 'email', value: 'ada', role: 'auditor' }, 'value'],
    ['a manager of nothing', { by: 'email', value: 'a@example.com', role: 'manager' }, 'cost_center'],
    [
      'an admin of one cost center',
      { by: 'email', value: 'a@example.com', role: 'admin', cost_center: 'squad' },
      'cost_center',
    ],
    [
      'a cost center that is none',
      { by: 'email', value: 'a@example.com', role: 'manager', cost_center: 'nowhere' },
      'cost_center',
    ],
    ['a subject of nobody’s', { by: 'subject', value: 'user-1', role: 'auditor' }, 'issuer'],
    [
      'an issuer that nobody trusts',
      { by: 'group', issuer: 'https://evil.example.com', value: 'x', role: 'auditor' },
      'issuer',
    ],
    ['an unknown field', { by: 'group', value: 'x', role: 'auditor', until: 'monday' }, 'until'],
  ])('with %s is a 400 that names the field', async (_what, given, path) => {
    expect(await bind(given)).toMatchObject({
      status: 400,
      body: {
        error: {
          type: 'invalid_request_error',
          problems: expect.arrayContaining([expect.objectContaining({ path })]),
        },
      },
    });
  });

  test('in a page of another list is a 400', async () => {
    expect((await call('GET', '/role_bindings?cursor=x')).status).toBe(400);
    expect((await call('GET', '/role_bindings?role=admin')).status).toBe(400);
  });
});

describe('nobody gives more than they have', () => {
  test('a token with identity.write makes no admin, no wider token, and none of another cost center', async () => {
    const scopes = ['identity.write', 'ledger.read'];
    const made = await call('POST', '/service_tokens', { name: 'onboarding', scopes });
    const headers = { ...bearer(field(made, 'secret')), 'content-type': 'application/json' };
    const post = async (path: string, body: object) =>
      await send(path, { method: 'POST', headers, body: JSON.stringify(body) });
    const admin = await post('/role_bindings', { by: 'email', value: 'eve@example.com', role: 'admin' });
    expect(admin).toMatchObject({
      status: 403,
      body: { error: { type: 'permission_error', message: expect.stringContaining('more than they have') } },
    });
    const wider = await post('/service_tokens', { name: 'wider', scopes: ['ledger.read', 'export'] });
    expect(wider).toMatchObject({
      status: 403,
      body: { error: { message: expect.stringMatching(/includes export, which service:onboarding lacks/) } },
    });
    const narrower = await post('/service_tokens', { name: 'narrower', scopes: ['ledger.read'] });
    expect(narrower).toMatchObject({ status: 201, body: { created_by: 'service:onboarding' } });
    const [newest] = rows(await call('GET', '/audit?limit=1000')).filter(
      (event) => Object(event).action === 'access.denied',
    );
    expect(newest).toMatchObject({
      actor: 'service:onboarding',
      target: 'POST /service_tokens',
      after: { action: 'identity.write', why: 'more_than_own' },
    });
  });
});

describe('an approval by somebody whose token has no e-mail', () => {
  const approve = async (line: PolicyLine, version: number, sub: string, claims: object = {}) => {
    const token = await tokenOf(issuer, { sub, realm_access: { roles: ['reviewers'] }, ...claims });
    const path = `/cost_centers/${line.id}/policies/${version}/approve`;
    const headers = { ...bearer(token), 'content-type': 'application/json' };
    const settings = { ...issuer.variables, ...APPROVED_ONLY };
    return await send(path, { method: 'POST', headers, body: '{}' }, settings);
  };
  const refused = (message: string) => ({
    status: 409,
    body: { error: { message: expect.stringContaining(message) } },
  });

  test('is refused where they may be the author, who is known by e-mail', async () => {
    await bind({ by: 'group', issuer: issuer.url, value: 'reviewers', role: 'approver' });
    const line = await policyLine();
    const version = await line.submitted('100');
    expect(await approve(line, version, 'user-ann')).toMatchObject(
      refused(`${issuer.url}|user-ann may be ann@example.com, who wrote version 1: another person has to`),
    );
    expect((await approve(line, version, 'user-bob', { email: 'bob@example.com' })).status).toBe(200);
  });

  test('is refused to the very subject that wrote it without an e-mail, and open to another one', async () => {
    const line = await policyLine();
    const version = await line.submitted('100');
    await line.writtenBy(version, `${issuer.url}|user-ann`);
    const ann = await approve(line, version, 'user-ann', { email: 'ann@example.com' });
    expect(ann).toMatchObject(refused(`ann@example.com may be ${issuer.url}|user-ann`));
    expect((await approve(line, version, 'user-bob')).status).toBe(200);
  });
});
