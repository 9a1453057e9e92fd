import { createScheduledController } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { isSignedBy, publicKeysOf, signDocument } from '../../../durable-objects/ledger/signature.ts';
import { type Env, readBindings } from '../../../worker/bindings.ts';
import worker from '../../../worker/index.ts';
import { livePolicy } from '../../../worker/policy/live-policy.ts';
import { findCostCenter } from '../../../worker/store/cost-centers.ts';
import { openDatabase } from '../../../worker/store/database.ts';
import { call, rows, storedRevision, walletRevision } from './admin-calls.ts';
import { conflict, limited, type PolicyLine, policyLine } from './policy-calls.ts';

const NOON = '2035-06-13T12:00:00.000Z';
const ONE = '2035-06-13T13:00:00.000Z';
const TWO = '2035-06-13T14:00:00.000Z';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
  vi.setSystemTime(new Date(NOON));
});
afterEach(() => void vi.useRealTimers());

function toTime(instant: string): void {
  vi.setSystemTime(new Date(instant));
}

async function actions(line: PolicyLine): Promise<unknown[]> {
  const events = rows(await call('GET', `/audit?cost_center=${line.id}`));
  return events.map((event) => `${Object(event).action} ${Object(event).target} by ${Object(event).actor}`);
}

/** Changes a stored version as somebody with access to D1 could. */
async function tamper(line: PolicyLine, version: number, set: string): Promise<void> {
  const trigger = 'policy_documents_change_as_drafts_only';
  const query = 'SELECT sql FROM sqlite_master WHERE name = ?';
  const made = await env.DB.prepare(query).bind(trigger).first<string>('sql');
  await env.DB.prepare(`DROP TRIGGER ${trigger}`).run();
  await env.DB.prepare(`UPDATE policy_versions SET ${set} WHERE cost_center = ? AND version = ?`)
    .bind(line.id, version)
    .run();
  await env.DB.prepare(made ?? '').run();
}

async function runCron(cron: string): Promise<void> {
  await worker.scheduled(createScheduledController({ cron }), {
    ...(env as unknown as Env),
    PROVIDER: 'simulator',
  });
}

describe('a schedule', () => {
  test('is in the wallet at its instant, and D1 follows when somebody looks, once', async () => {
    const line = await policyLine();
    const first = await line.live('100');
    const second = await line.approved('200');
    expect(
      await line.post(`/${second}/activate`, { activate_at: '2035-06-13T15:00:00+02:00' }),
    ).toMatchObject({
      status: 200,
      body: { state: 'scheduled', activate_at: ONE, activated_at: null, stale: false },
    });
    expect(await walletRevision(line.id)).toBe(await storedRevision(line.id));
    expect(await line.limit()).toBe('100.00');
    toTime(ONE);
    expect(await line.limit()).toBe('200.00');
    const looks = await Promise.all([1, 2, 3, 4].map(() => line.get(`/${second}`)));
    expect(looks[0]).toMatchObject({ body: { state: 'live', activate_at: null, activated_at: ONE } });
    expect(await line.states()).toEqual(['retired', 'live']);
    expect((await call('GET', `/cost_centers/${line.id}`)).body).toMatchObject({
      live_policy_version: second,
    });
    expect((await actions(line)).slice(0, 2)).toEqual([
      `policy.activate ${second} by schedule`,
      `policy.schedule ${second} by admin_token`,
    ]);
    expect(rows(await call('GET', `/audit?cost_center=${line.id}`))[0]).toMatchObject({
      before: { state: 'scheduled', live_policy_version: first },
      after: { state: 'live', live_policy_version: second, scheduled_policy_version: null },
    });
    expect(await line.limit()).toBe('200.00');
  });

  test('is followed by the cron of every five minutes, and that does nothing else', async () => {
    const line = await policyLine();
    await line.live('100');
    const second = await line.approved('200');
    await line.post(`/${second}/activate`, { activate_at: ONE });
    await runCron('*/5 * * * *');
    expect(await line.states()).toEqual(['live', 'scheduled']);
    toTime(TWO);
    await runCron('*/5 * * * *');
    await runCron('*/5 * * * *');
    expect(await line.states()).toEqual(['retired', 'live']);
    expect((await actions(line)).filter((action) => String(action).includes('by schedule'))).toHaveLength(1);
    expect(await env.DB.prepare('SELECT count(*) AS n FROM model_lifecycles').first('n')).toBe(0);
    await runCron('23 * * * *');
    expect(await env.DB.prepare('SELECT count(*) AS n FROM model_lifecycles').first('n')).toBeGreaterThan(0);
  });

  test('is followed before another change is made, so that the audit log has both', async () => {
    const line = await policyLine();
    const first = await line.live('100');
    const second = await line.approved('200');
    await line.post(`/${second}/activate`, { activate_at: ONE });
    toTime(TWO);
    expect(await line.post(`/${first}/rollback`)).toMatchObject({ status: 200, body: { state: 'live' } });
    expect((await actions(line)).slice(0, 2)).toEqual([
      `policy.rollback ${first} by admin_token`,
      `policy.activate ${second} by schedule`,
    ]);
    expect(await line.limit()).toBe('100.00');
  });

  test('counts for requests and raises from its instant on, whether D1 has followed or not', async () => {
    const line = await policyLine();
    await line.live('100');
    const second = await line.approved('200');
    await line.post(`/${second}/activate`, { activate_at: ONE });
    const database = openDatabase(env.DB);
    const owner = await findCostCenter(database, line.id);
    if (!owner) throw new Error('no cost center');
    expect(await livePolicy(database, owner, 'team-day')).toMatchObject({ version: 1 });
    toTime(ONE);
    expect(await livePolicy(database, owner, 'team-day')).toMatchObject({ version: second });
  });

  test('gives way to a later one of the same cost center; repeated, it changes nothing', async () => {
    const line = await policyLine();
    await line.live('100');
    const [second, third] = [await line.approved('200'), await line.approved('300')];
    await line.post(`/${second}/activate`, { activate_at: ONE });
    const revision = await storedRevision(line.id);
    expect(await line.post(`/${second}/activate`, { activate_at: ONE })).toMatchObject({ status: 200 });
    expect(await storedRevision(line.id)).toBe(revision);
    expect(await line.post(`/${second}/activate`, { activate_at: TWO })).toMatchObject({
      body: { activate_at: TWO },
    });
    expect(await line.post(`/${third}/activate`, { activate_at: ONE })).toMatchObject({ status: 200 });
    expect(await line.states()).toEqual(['live', 'approved', 'scheduled']);
    toTime(TWO);
    expect(await line.limit()).toBe('300.00');
    expect(await line.stateOf(second)).toBe('approved');
  });

  test('is over when another version goes live: its approval is about another one’s place', async () => {
    const line = await policyLine();
    await line.live('100');
    const [second, third] = [await line.approved('200'), await line.approved('300')];
    await line.post(`/${second}/activate`, { activate_at: ONE });
    await line.post(`/${third}/activate`);
    expect((await line.get(`/${second}`)).body).toMatchObject({
      state: 'approved',
      activate_at: null,
      stale: true,
    });
    toTime(TWO);
    expect(await line.limit()).toBe('300.00');
  });

  test('can be taken back, again and again', async () => {
    const line = await policyLine();
    const first = await line.live('100');
    const second = await line.approved('200');
    await line.post(`/${second}/activate`, { activate_at: ONE });
    for (const _ of [1, 2]) {
      expect(await line.post(`/${second}/unschedule`)).toMatchObject({
        status: 200,
        body: { state: 'approved', activate_at: null, signature: { key: 1 } },
      });
    }
    toTime(TWO);
    expect(await line.limit()).toBe('100.00');
    expect(await line.post(`/${first}/unschedule`)).toMatchObject(conflict('is live, not scheduled'));
    expect(await line.post(`/${second}/activate`)).toMatchObject({ body: { state: 'live' } });
  });

  test('of a live version, or of one without an approval, is a 409', async () => {
    const line = await policyLine();
    const live = await line.live('100');
    const draft = await line.draft('200');
    const schedule = { activate_at: ONE };
    expect(await line.post(`/${live}/activate`, schedule)).toMatchObject(conflict('is live already'));
    expect(await line.post(`/${draft}/activate`, schedule)).toMatchObject(conflict('is a draft'));
  });

  test('cannot be rejected, submitted or approved away', async () => {
    const line = await policyLine();
    const version = await line.approved('200');
    await line.post(`/${version}/activate`, { activate_at: ONE });
    expect(await line.post(`/${version}/reject`, { reason: 'no' })).toMatchObject(
      conflict('unschedule it first'),
    );
    expect(await line.post(`/${version}/submit`)).toMatchObject(conflict('is scheduled'));
    expect(await line.post(`/${version}/approve`)).toMatchObject(conflict('is scheduled'));
  });

  test('of a draft, where no approval is asked for, leaves an unsigned draft when it is taken back', async () => {
    const line = await policyLine({ POLICY_APPROVAL: 'off' });
    const version = await line.draft('200');
    await line.post(`/${version}/activate`, { activate_at: ONE });
    expect(await line.replace(version, limited('5'))).toMatchObject(conflict('is scheduled'));
    expect(await line.post(`/${version}/unschedule`)).toMatchObject({
      body: { state: 'draft', signature: null },
    });
    expect(await line.replace(version, limited('5'))).toMatchObject({ status: 200 });
    await line.post(`/${version}/activate`);
    expect(await line.limit()).toBe('5.00');
  });

  test('of a version that was changed in D1 never starts, neither in the wallet nor in D1', async () => {
    const line = await policyLine();
    await line.live('100');
    const second = await line.approved('200');
    await line.post(`/${second}/activate`, { activate_at: ONE });
    await tamper(line, second, `document = '${JSON.stringify(limited('9000'))}'`);
    await call('POST', `/cost_centers/${line.id}/pause`, { reason: 'so that the wallet pulls' });
    toTime(TWO);
    expect(await line.limit()).toBe('100.00');
    expect((await line.get(`/${second}`)).body).toMatchObject({ state: 'approved', stale: true });
    expect(await line.states()).toEqual(['live', 'approved']);
    expect(rows(await call('GET', `/audit?cost_center=${line.id}`))[0]).toMatchObject({
      action: 'policy.unschedule',
      actor: 'schedule',
      after: { why: 'its signature does not fit its document and approval' },
    });
  });
});

describe('a rollback', () => {
  test('is one call, needs no new approval, and is in force with the next turn', async () => {
    const line = await policyLine();
    const [first, second] = [await line.live('100'), await line.live('200')];
    expect(await line.limit()).toBe('200.00');
    expect(await line.post(`/${first}/rollback`, { reason: 'too generous' })).toMatchObject({
      status: 200,
      body: { version: first, state: 'live' },
    });
    expect(await line.limit()).toBe('100.00');
    expect(await line.states()).toEqual(['live', 'retired']);
    expect(rows(await call('GET', `/audit?cost_center=${line.id}`))[0]).toMatchObject({
      action: 'policy.rollback',
      before: { live_policy_version: second },
      after: { live_policy_version: first, reason: 'too generous' },
    });
  });

  test('to itself, to what never was live, or where nothing is live, is a 409 that says so', async () => {
    const line = await policyLine();
    const first = await line.approved('100');
    expect(await line.post(`/${first}/rollback`)).toMatchObject(
      conflict('has no live version to roll back from'),
    );
    await line.post(`/${first}/activate`);
    expect(await line.post(`/${first}/rollback`)).toMatchObject(
      conflict(`version ${first} is live already: there is nothing to roll back`),
    );
    const second = await line.approved('200');
    expect(await line.post(`/${second}/rollback`)).toMatchObject(
      conflict(`version ${second} is approved and was never live`),
    );
  });

  test('is the way back to a retired version, which activation is not', async () => {
    const line = await policyLine();
    const first = await line.live('100');
    await line.live('200');
    expect(await line.post(`/${first}/activate`)).toMatchObject(
      conflict('was live and is retired: roll back to it'),
    );
  });

  test('ends a schedule, which was approved in another version’s place', async () => {
    const line = await policyLine();
    const first = await line.live('100');
    await line.live('200');
    const third = await line.approved('300');
    await line.post(`/${third}/activate`, { activate_at: ONE });
    await line.post(`/${first}/rollback`);
    toTime(TWO);
    expect(await line.limit()).toBe('100.00');
    expect((await line.get(`/${third}`)).body).toMatchObject({ state: 'approved', stale: true });
  });

  test('the wallet did not confirm says what to do, and activation makes sure', async () => {
    // The wait for a confirmation ends by the clock.
    vi.useRealTimers();
    const line = await policyLine();
    const first = await line.live('100');
    await line.live('200');
    const away = { refresh: () => Promise.reject(new Error('away')) };
    const WALLET = { idFromName: () => 'x', get: () => away } as unknown as typeof env.WALLET;
    expect(await line.post(`/${first}/rollback`, undefined, { WALLET })).toMatchObject({
      status: 503,
      body: { error: { message: expect.stringContaining('activate the version to make sure') } },
    });
    expect(await line.post(`/${first}/activate`)).toMatchObject({ status: 200, body: { state: 'live' } });
    expect(await line.limit()).toBe('100.00');
  });
});

describe('a version that was changed in D1 behind Bursar’s back', () => {
  test.each<[string, string, string]>([
    ['its document', `document = '${JSON.stringify(limited('9000'))}'`, 'is not the one that was approved'],
    ['its approver', `signed = json_set(signed, '$.payload.approval.actor', 'boss')`, 'does not fit'],
    ['its signature', 'signed = NULL', 'its signature is missing'],
    ['all of its signature', `signed = '{"payload": 1}'`, 'its signature cannot be read'],
    ['the key of its signature', `signed = json_set(signed, '$.signature.key', 9)`, 'is by key 9'],
  ])('in %s is not activated', async (_what, set, sentence) => {
    const line = await policyLine();
    await line.live('100');
    const version = await line.approved('200');
    await tamper(line, version, set);
    expect(await line.post(`/${version}/activate`)).toMatchObject(conflict(sentence));
    expect(await line.post(`/${version}/activate`, { activate_at: ONE })).toMatchObject(conflict(sentence));
    expect(await line.states()).toEqual(['live', 'approved']);
  });

  test('is not rolled back to', async () => {
    const line = await policyLine();
    const first = await line.live('100');
    await line.live('200');
    await tamper(line, first, `document = '${JSON.stringify(limited('9000'))}'`);
    expect(await line.post(`/${first}/rollback`)).toMatchObject(
      conflict(`version ${first} is not put in force, because its signature does not fit`),
    );
    expect(await line.limit()).toBe('200.00');
  });
});

describe('a signature', () => {
  test('can be verified by anyone with the public keys, with the approver inside', async () => {
    const line = await policyLine();
    const version = await line.draft('100');
    await line.post(`/${version}/submit`);
    await line.writtenBy(version, 'ann@example.com');
    await line.post(`/${version}/approve`);
    const { body } = await line.get(`/${version}/signed`);
    expect(body).toEqual({
      payload: {
        type: 'bursar.policy',
        cost_center: line.id,
        version,
        policy: limited('100'),
        base_version: null,
        approval: {
          issuer: null,
          subject: null,
          email: null,
          actor: 'admin_token',
          at: NOON,
          four_eyes: 'kept',
          dry_run: null,
        },
      },
      signature: { algorithm: 'Ed25519', key: 1, value: expect.stringMatching(/^[\w-]{86}$/) },
    });
    const keys = Object((await call('GET', '/signing_keys')).body).data;
    const { payload, signature } = Object(body);
    expect(await isSignedBy(payload, signature, keys)).toBe(true);
    expect(await isSignedBy({ ...payload, version: 9 }, signature, keys)).toBe(false);
  });

  test('is a 404 where there is none', async () => {
    const line = await policyLine();
    const version = await line.draft('100');
    expect((await line.get(`/${version}/signed`)).status).toBe(404);
    expect((await line.get('/9/signed')).status).toBe(404);
  });

  test('holds as long as its key is listed, and is a 409 that names it after that', async () => {
    const line = await policyLine();
    const version = await line.approved('100');
    const second = `2:${'B'.repeat(42).concat('A')}`;
    const bindings = readBindings(env as unknown as Env);
    if (!bindings.ok) throw new Error(bindings.error);
    const [first] = await publicKeysOf(bindings.value.signingKeys);
    expect(await line.under({ SIGNING_KEYS: second }).post(`/${version}/activate`)).toMatchObject(
      conflict('is by key 1, which SIGNING_KEYS does not list: store its document as a new version'),
    );
    const rotated = { SIGNING_KEYS: `${second},1:public.${first?.public_key}` };
    expect(await line.under(rotated).post(`/${version}/activate`)).toMatchObject({ status: 200 });
    expect((await call('GET', '/signing_keys', undefined, rotated)).body).toMatchObject({
      data: [{ generation: 2 }, { generation: 1, public_key: first?.public_key }],
    });
    const keys = [{ generation: 2, seed: 'B'.repeat(42).concat('A') }];
    expect(await signDocument({}, keys)).toMatchObject({ key: 2 });
  });
});

describe('versions that were live before versions were signed', () => {
  /** As migration 0016 leaves them: two of them, the second live. */
  async function upgraded(): Promise<{ line: PolicyLine; first: number; second: number }> {
    const line = await policyLine();
    const [first, second] = [await line.live('100'), await line.live('200')];
    const trigger = 'policy_versions_keep_their_numbers';
    const made = await env.DB.prepare('SELECT sql FROM sqlite_master WHERE name = ?')
      .bind(trigger)
      .first<string>('sql');
    await env.DB.prepare(`DROP TRIGGER ${trigger}`).run();
    await env.DB.prepare(
      `UPDATE policy_versions SET legacy = 1, signed = NULL, submitted_at = NULL, approved_at = NULL,
       base_version = NULL WHERE cost_center = ?`,
    )
      .bind(line.id)
      .run();
    await env.DB.prepare(made ?? '').run();
    return { line, first, second };
  }

  test('are signed by the cron, and go on', async () => {
    const { line, first, second } = await upgraded();
    await runCron('*/5 * * * *');
    for (const version of [first, second]) {
      expect((await line.get(`/${version}/signed`)).body).toMatchObject({
        payload: { version, approval: { legacy: true, actor: 'schedule' } },
      });
    }
    expect(await walletRevision(line.id)).toBeGreaterThan(0);
    expect(await line.limit()).toBe('200.00');
    expect(await line.post(`/${first}/rollback`)).toMatchObject({ status: 200 });
    expect((await actions(line)).filter((action) => String(action).startsWith('policy.sign'))).toHaveLength(
      2,
    );
    await runCron('*/5 * * * *');
    expect((await actions(line)).filter((action) => String(action).startsWith('policy.sign'))).toHaveLength(
      2,
    );
  });

  test('are signed by a rollback to them, where the cron was not there yet', async () => {
    const { line, first } = await upgraded();
    expect(await line.post(`/${first}/rollback`)).toMatchObject({ status: 200, body: { state: 'live' } });
    expect((await line.get(`/${first}/signed`)).body).toMatchObject({
      payload: { approval: { legacy: true, actor: 'admin_token' } },
    });
    expect(await line.limit()).toBe('100.00');
  });
});
