import { env } from 'cloudflare:workers';
import { beforeAll, describe, expect, test } from 'vitest';
import { verifyKey } from '../../../worker/auth/virtual-key.ts';
import { readBindings } from '../../../worker/bindings.ts';
import { walletStub } from '../../fixture.ts';
import { call, field, makeCostCenter, rows, storedRevision, walletRevision } from './admin-calls.ts';

const KEYS = '/cost_centers/squad/keys';
const HOUR_MS = 3_600_000;

function inHours(hours: number): string {
  return new Date(Date.now() + hours * HOUR_MS).toISOString();
}

async function makeKey(body: object = {}): Promise<{ id: string; secret: string }> {
  const answer = await call('POST', KEYS, { developer: 'dev@example.com', ...body });
  return { id: field(answer, 'id'), secret: field(answer, 'secret') };
}

/** What the wallet says of a key: 'authorized', or why not. */
async function standingOf(keyId: string): Promise<string> {
  const reply = await walletStub('squad').authorize('squad', keyId);
  return reply.status === 'key_rejected' ? reply.problem : reply.status;
}

beforeAll(() => makeCostCenter('squad'));

describe('a virtual key', () => {
  test('is created with a secret that proves itself, and the wallet knows it when the call returns', async () => {
    const expiresAt = inHours(1);
    const answer = await call('POST', KEYS, {
      developer: '  Dev@Example.COM ',
      name: 'laptop',
      tags: { team: 'web' },
      expires_at: expiresAt,
    });
    expect(answer).toMatchObject({
      status: 201,
      body: {
        cost_center: 'squad',
        developer: 'dev@example.com',
        name: 'laptop',
        tags: { team: 'web' },
        enabled: true,
        expires_at: expiresAt,
        revoked_at: null,
        replaces: null,
      },
    });
    const bindings = readBindings(env);
    if (!bindings.ok) throw new Error(bindings.error);
    expect(await verifyKey(field(answer, 'secret'), bindings.value.keySecrets)).toMatchObject({
      costCenter: 'squad',
      keyId: field(answer, 'id'),
    });
    expect(await walletRevision('squad')).toBe(await storedRevision('squad'));
    expect(await standingOf(field(answer, 'id'))).toBe('authorized');
  });

  test('shows its secret once and leaves no trace of it in the database', async () => {
    const { id, secret } = await makeKey();
    expect((await call('GET', `${KEYS}/${id}`)).body).not.toHaveProperty('secret');
    for (const row of rows(await call('GET', KEYS))) expect(row).not.toHaveProperty('secret');
    const mac = secret.split('.')[2] ?? '';
    for (const table of ['virtual_keys', 'audit_events', 'cost_centers']) {
      const { results } = await env.DB.prepare(`SELECT * FROM ${table}`).all();
      expect(JSON.stringify(results)).not.toContain(mac);
    }
  });

  test('is disabled and enabled again', async () => {
    const { id } = await makeKey();
    expect((await call('PATCH', `${KEYS}/${id}`, { enabled: false })).body).toMatchObject({ enabled: false });
    expect(await standingOf(id)).toBe('disabled');
    await call('PATCH', `${KEYS}/${id}`, { enabled: true });
    expect(await standingOf(id)).toBe('authorized');
  });

  test('gets other tags and another expiry, or none', async () => {
    const { id } = await makeKey({ tags: { a: '1' }, expires_at: inHours(1) });
    const changed = await call('PATCH', `${KEYS}/${id}`, { tags: { b: '2' }, expires_at: null });
    expect(changed).toMatchObject({ status: 200, body: { enabled: true, expires_at: null } });
    expect(changed.body).toHaveProperty('tags', { b: '2' });
  });

  test('is kept to models, by any name the gateway knows of them, and freed of that again', async () => {
    const names = ['us.anthropic.claude-haiku-4-5-20251001-v1:0', 'claude-sonnet-5-5', 'claude-sonnet-5-5'];
    const { id } = await makeKey({ allowed_models: names });
    const models = ['claude-haiku-4-5-20251001', 'claude-sonnet-5-5'];
    expect((await call('GET', `${KEYS}/${id}`)).body).toMatchObject({ allowed_models: models });
    const other = await call('PATCH', `${KEYS}/${id}`, { tags: { a: '1' } });
    expect(other.body, 'nothing said, nothing changed').toMatchObject({ allowed_models: models });
    const rotated = await call('POST', `${KEYS}/${id}/rotate`);
    expect(rotated.body, 'a successor has the same').toMatchObject({ replaces: id, allowed_models: models });
    const freed = await call('PATCH', `${KEYS}/${id}`, { allowed_models: null });
    expect(freed).toMatchObject({ status: 200, body: { allowed_models: null } });
    const events = await env.DB.prepare(
      "SELECT before ->> 'allowed_models' AS before, after ->> 'allowed_models' AS after FROM audit_events WHERE target = ? AND action = 'key.update' ORDER BY rowid",
    )
      .bind(id)
      .all();
    expect(events.results.at(-1)).toEqual({ before: JSON.stringify(models), after: null });
  });

  test('is dead when its revocation returns, and revoking it again is a 204 too', async () => {
    const { id } = await makeKey();
    expect(await call('DELETE', `${KEYS}/${id}`)).toMatchObject({ status: 204, body: null });
    expect(await standingOf(id)).toBe('revoked');
    const revision = await storedRevision('squad');
    expect((await call('DELETE', `${KEYS}/${id}`)).status).toBe(204);
    expect(await storedRevision('squad')).toBe(revision);
    expect(field(await call('GET', `${KEYS}/${id}`), 'revoked_at')).toMatch(/Z$/);
  });

  test.each<[string, unknown, string]>([
    ['no developer', {}, 'developer'],
    ['a developer of spaces', { developer: '  ' }, 'developer'],
    ['a developer of 321 characters', { developer: 'x'.repeat(321) }, 'developer'],
    ['a name of 10 KB', { developer: 'dev', name: 'x'.repeat(10_240) }, 'name'],
    ['a tag that is a number', { developer: 'dev', tags: { a: 1 } }, 'tags.a'],
    [
      '33 tags',
      { developer: 'dev', tags: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`t${i}`, ''])) },
      'tags',
    ],
    ['a tag under Bursar’s own prefix', { developer: 'dev', tags: { 'bursar:cost_center': 'a' } }, 'tags'],
    ['an expiry in the past', { developer: 'dev', expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
    ['an expiry that is a date', { developer: 'dev', expires_at: '2099-01-01' }, 'expires_at'],
    ['an unknown field', { developer: 'dev', budget: '5' }, 'budget'],
    ['no model at all', { developer: 'dev', allowed_models: [] }, 'allowed_models'],
    [
      'a model that is none',
      { developer: 'dev', allowed_models: ['claude-sonnet-5-5', 'gpt'] },
      'allowed_models[1]',
    ],
  ])('with %s is a 400 that names the field', async (_what, body, path) => {
    expect(await call('POST', KEYS, body)).toMatchObject({
      status: 400,
      body: { error: { type: 'invalid_request_error', problems: [{ path }] } },
    });
  });

  test('that nobody made, or of another cost center, is a 404', async () => {
    await makeCostCenter('other');
    const { id } = await makeKey();
    for (const path of [
      '/cost_centers/nobody/keys',
      '/cost_centers/squad/keys/nothing',
      `/cost_centers/other/keys/${id}`,
    ]) {
      expect(await call('GET', path)).toMatchObject({
        status: 404,
        body: { error: { type: 'not_found_error' } },
      });
    }
    expect((await call('DELETE', `/cost_centers/other/keys/${id}`)).status).toBe(404);
    expect((await call('PATCH', `/cost_centers/nobody/keys/${id}`, { enabled: false })).status).toBe(404);
    expect(await standingOf(id)).toBe('authorized');
  });
});

describe('a rotation', () => {
  test('makes a successor that is alike, and lets the old key live for the overlap', async () => {
    const expiresAt = inHours(1_000);
    const old = await makeKey({ name: 'ci', tags: { team: 'web' }, expires_at: expiresAt });
    const answer = await call('POST', `${KEYS}/${old.id}/rotate`, { overlap_seconds: 3_600 });
    expect(answer).toMatchObject({
      status: 201,
      body: {
        developer: 'dev@example.com',
        name: 'ci',
        tags: { team: 'web' },
        expires_at: expiresAt,
        replaces: old.id,
      },
    });
    expect(field(answer, 'secret')).not.toBe(old.secret);
    const end = Date.parse(field(await call('GET', `${KEYS}/${old.id}`), 'expires_at'));
    expect(end).toBeGreaterThan(Date.now() + 0.9 * HOUR_MS);
    expect(end).toBeLessThanOrEqual(Date.now() + HOUR_MS);
    expect(await standingOf(old.id)).toBe('authorized');
    expect(await standingOf(field(answer, 'id'))).toBe('authorized');
  });

  test('without an overlap ends the old key at once', async () => {
    const old = await makeKey();
    const answer = await call('POST', `${KEYS}/${old.id}/rotate`, { overlap_seconds: 0 });
    expect(await standingOf(old.id)).toBe('expired');
    expect(await standingOf(field(answer, 'id'))).toBe('authorized');
  });

  test('takes a day where none is said, and never lengthens a life', async () => {
    const endless = await makeKey();
    const shortLived = await makeKey({ expires_at: inHours(2) });
    for (const { id } of [endless, shortLived])
      expect((await call('POST', `${KEYS}/${id}/rotate`)).status).toBe(201);
    const end = Date.parse(field(await call('GET', `${KEYS}/${endless.id}`), 'expires_at'));
    expect(Math.round((end - Date.now()) / HOUR_MS)).toBe(24);
    const shortEnd = Date.parse(field(await call('GET', `${KEYS}/${shortLived.id}`), 'expires_at'));
    expect(Math.round((shortEnd - Date.now()) / HOUR_MS)).toBe(2);
  });

  test('done twice gives the second successor the expiry that was meant, not the end of the overlap', async () => {
    const old = await makeKey();
    await call('POST', `${KEYS}/${old.id}/rotate`, { overlap_seconds: 60 });
    const second = await call('POST', `${KEYS}/${old.id}/rotate`, { overlap_seconds: 60 });
    expect(second).toMatchObject({ status: 201, body: { expires_at: null, replaces: old.id } });
  });

  test('of a dead key is a 409', async () => {
    const { id } = await makeKey();
    await call('DELETE', `${KEYS}/${id}`);
    expect(await call('POST', `${KEYS}/${id}/rotate`)).toMatchObject({
      status: 409,
      body: { error: { message: `key ${id} is revoked or expired; create a new one` } },
    });
  });

  test.each([-1, 1.5, '60', 10 ** 9])('with an overlap of %j seconds is a 400', async (seconds) => {
    const { id } = await makeKey();
    expect(await call('POST', `${KEYS}/${id}/rotate`, { overlap_seconds: seconds })).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path: 'overlap_seconds' }] } },
    });
  });
});

test('forty keys made at once are all there, each at a revision of its own', async () => {
  await makeCostCenter('busy');
  const made = await Promise.all(
    Array.from({ length: 40 }, (_, i) => call('POST', '/cost_centers/busy/keys', { developer: `dev-${i}` })),
  );
  expect(made.map(({ status }) => status)).toEqual(Array(40).fill(201));
  const { results } = await env.DB.prepare(
    "SELECT DISTINCT revision FROM virtual_keys WHERE cost_center = 'busy'",
  ).all();
  expect(results).toHaveLength(40);
  expect(rows(await call('GET', '/audit?cost_center=busy'))).toHaveLength(41);
  expect(await walletRevision('busy')).toBe(41);
});

test('edits of one key at once leave nothing half done: each is in the audit log from what the one before left', async () => {
  await makeCostCenter('contended');
  const id = field(await call('POST', '/cost_centers/contended/keys', { developer: 'dev' }), 'id');
  const path = `/cost_centers/contended/keys/${id}`;
  await Promise.all([1, 2, 3].map((i) => call('PATCH', path, { tags: { edit: String(i) } })));
  const { results } = await env.DB.prepare(
    "SELECT before ->> 'tags' AS before, after ->> 'tags' AS after FROM audit_events WHERE target = ? ORDER BY sequence",
  )
    .bind(id)
    .all<{ before: string | null; after: string }>();
  expect(results.map(({ before }) => before)).toEqual([
    null,
    ...results.slice(0, -1).map(({ after }) => after),
  ]);
  expect(results).toHaveLength(4);
});
