import { runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { isInCanary } from '../../../durable-objects/core/policy/canary.ts';
import { followTrips } from '../../../worker/policy/trips.ts';
import { openDatabase } from '../../../worker/store/database.ts';
import { completed, openRequest, usageOf, walletStub } from '../../fixture.ts';
import { call, rows } from './admin-calls.ts';
import { APPROVED_ONLY, conflict, limited, type PolicyLine, policyLine } from './policy-calls.ts';

const CANARY = { canary: { share: '0.10' } };

async function auditOf({ id }: PolicyLine): Promise<{ action: string; actor: string; after: unknown }[]> {
  return rows(await call('GET', `/audit?cost_center=${id}&limit=100`)).map((event) => Object(event));
}

async function guardOf(line: PolicyLine, version: number): Promise<unknown> {
  return Object((await line.get(`/${version}`)).body).guard;
}

/** A line whose version 1 is live, and version 2 approved. */
async function readyLine(live = '100', next = '50'): Promise<PolicyLine> {
  const line = await policyLine();
  await line.live(live);
  await line.approved(next);
  return line;
}

describe('a canary', () => {
  test('runs beside the live version, is told of, and is audited with its share', async () => {
    const line = await readyLine();
    expect(await line.post('/2/activate', CANARY)).toMatchObject({ status: 200, body: { state: 'canary' } });
    expect(await line.states()).toEqual(['live', 'canary']);
    expect(await line.limit()).toBe('100.00');
    expect(await guardOf(line, 2)).toMatchObject({
      state: 'watching',
      rollout: 'canary',
      canary: { share: '0.1' },
      base_version: 1,
      until: null,
      evidence: null,
      signals: {
        refusals: { watched: true, version: { turns: 0, bad: 0, rate: null }, base: { turns: 0, bad: 0 } },
        upstream_400s: { watched: true },
        increase_requests: { watched: true },
        outcome_errors: { watched: true },
      },
    });
    expect(await guardOf(line, 1)).toBeNull();
    expect((await auditOf(line))[0]).toMatchObject({
      action: 'policy.canary',
      after: { state: 'canary', canary: { share: '0.1' }, guards: expect.arrayContaining(['refusals']) },
    });
  });

  test('takes another share, and the same one twice changes nothing', async () => {
    const line = await readyLine();
    await line.post('/2/activate', CANARY);
    expect(await line.post('/2/activate', { canary: { share: '0.25' } })).toMatchObject({ status: 200 });
    const events = (await auditOf(line)).length;
    expect(await line.post('/2/activate', { canary: { share: '0.250' } })).toMatchObject({ status: 200 });
    expect(await guardOf(line, 2)).toMatchObject({ canary: { share: '0.25' } });
    expect(await auditOf(line)).toHaveLength(events);
  });

  test('is promoted: live for all, watched for seven days against the version before', async () => {
    const line = await readyLine();
    await line.post('/2/activate', { ...CANARY, guards: { increase_requests: false } });
    expect(await line.post('/2/promote')).toMatchObject({ status: 200, body: { state: 'live' } });
    expect(await line.states()).toEqual(['retired', 'live']);
    expect(await line.limit()).toBe('50.00');
    const guard = Object(await guardOf(line, 2));
    expect(guard).toMatchObject({
      state: 'watching',
      rollout: 'live',
      canary: null,
      base_version: 1,
      signals: { increase_requests: { watched: false }, refusals: { watched: true } },
    });
    expect(Date.parse(guard.until) - Date.parse(guard.since)).toBe(7 * 86_400_000);
    expect(await line.post('/2/promote')).toMatchObject({ status: 200, body: { state: 'live' } });
  });

  test('ends with a rollback to the live version, and may be tried again', async () => {
    const line = await readyLine();
    await line.post('/2/activate', CANARY);
    expect(await line.post('/1/rollback', { reason: 'too early' })).toMatchObject({
      status: 200,
      body: { state: 'live' },
    });
    expect(await line.states()).toEqual(['live', 'approved']);
    expect(await guardOf(line, 2)).toMatchObject({ state: 'ended' });
    expect(await line.post('/2/activate', CANARY)).toMatchObject({ status: 200, body: { state: 'canary' } });
  });

  test('ends as another version goes live for all', async () => {
    const line = await readyLine();
    await line.approved('70');
    await line.post('/2/activate', CANARY);
    expect(await line.post('/3/activate')).toMatchObject({ status: 200, body: { state: 'live' } });
    expect(await line.states()).toEqual(['retired', 'approved', 'live']);
    expect(await line.limit()).toBe('70.00');
  });

  test('needs no approval where the deployment asks for none', async () => {
    const line = await policyLine({ POLICY_APPROVAL: 'off' });
    await line.draft('100');
    await line.post('/1/activate');
    await line.draft('50');
    expect(await line.post('/2/activate', CANARY)).toMatchObject({ status: 200, body: { state: 'canary' } });
    expect(await line.under(APPROVED_ONLY).post('/2/promote')).toMatchObject(conflict('was never approved'));
    expect(await line.post('/1/rollback')).toMatchObject({ status: 200 });
    expect(await line.states()).toEqual(['live', 'draft']);
  });

  test('keeps its document when it is a draft again: the ledger names its number', async () => {
    const line = await policyLine({ POLICY_APPROVAL: 'off' });
    await line.draft('100');
    await line.post('/1/activate');
    await line.draft('50');
    await line.post('/2/activate', CANARY);
    await line.post('/1/rollback');
    expect(await line.replace(2, limited('9000'))).toMatchObject(
      conflict('version 2 decided over sessions as a canary'),
    );
    expect(await line.replace(2, limited('50'))).toMatchObject({ status: 200 });
    const update = env.DB.prepare(
      "UPDATE policy_versions SET document = '{}' WHERE cost_center = ? AND version = 2",
    );
    await expect(update.bind(line.id).run()).rejects.toThrow('that decided is never changed');
  });
});

describe('what is no canary', () => {
  test.each([
    [{ canary: { share: '0' } }, 'canary.share'],
    [{ canary: { share: '1' } }, 'canary.share'],
    [{ canary: { share: '1.5' } }, 'canary.share'],
    [{ canary: { share: 'abc' } }, 'canary.share'],
    [{ canary: { share: 0.1 } }, 'canary.share'],
    [{ canary: {} }, 'canary.share'],
    [{ canary: { share: '0.1', sticky: true } }, 'sticky'],
    [{ canary: { share: '0.1' }, activate_at: '2099-01-01T00:00:00Z' }, 'canary'],
    [{ guards: { refusal: false } }, 'refusal'],
    [{ guards: { refusals: 'off' } }, 'guards.refusals'],
    [{ percent: 10 }, 'percent'],
  ])('%o is a 400 that names %s', async (body, field) => {
    const line = await policyLine();
    const answer = await line.post('/1/activate', body);
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain(field);
  });

  test('the live version, a draft, and what has no live version beside it are 409s that say what to do', async () => {
    const line = await policyLine();
    const first = await line.approved('100');
    expect(await line.post(`/${first}/activate`, CANARY)).toMatchObject(
      conflict('has no live version that a canary could be held against: activate version 1 for all'),
    );
    await line.post(`/${first}/activate`);
    expect(await line.post(`/${first}/activate`, CANARY)).toMatchObject(conflict('beside itself'));
    await line.draft('50');
    expect(await line.post('/2/activate', CANARY)).toMatchObject(conflict('needs an approval'));
    expect(await line.post('/2/promote')).toMatchObject(conflict('there is nothing to promote'));
    expect(await line.post('/9/promote')).toMatchObject({ status: 404 });
  });

  test('a second one is refused with the names of the first and of the live version', async () => {
    const line = await readyLine();
    await line.approved('70');
    await line.post('/2/activate', CANARY);
    expect(await line.post('/3/activate', CANARY)).toMatchObject(
      conflict(
        'version 2 is running as a canary, and there is one at most: promote it, or end it by rolling back to version 1',
      ),
    );
    expect(await line.post('/2/activate')).toMatchObject(conflict('promote it'));
    expect(await line.post('/2/rollback')).toMatchObject(conflict('roll back to version 1'));
  });
});

/** Makes a key of a cost center. */
async function keyOf({ id }: PolicyLine): Promise<string> {
  const { body } = await call('POST', `/cost_centers/${id}/keys`, { developer: 'dev@example.com' });
  return Object(body).id;
}

let turns = 0;

/** Spends, then has further sessions come until one of them is served again; how many were refused. */
async function refusedSessions({ id }: PolicyLine, keyId: string, share: number | null): Promise<number> {
  const wallet = walletStub(id);
  const spend = async (session: string, tokens: number): Promise<boolean> => {
    turns += 1;
    const request = { ...openRequest(id, `${id}-${turns}`, { session }), keyId };
    const reply = await wallet.open(request);
    if (reply.status !== 'admitted') return false;
    return (
      (await wallet.settle(completed(request.turnId, usageOf({ outputTokens: tokens })))).status === 'settled'
    );
  };
  const sessions = Array.from({ length: 2_000 }, (_, index) => `session-${index}`).filter(
    (session) => share === null || isInCanary(session, 2, share),
  );
  await spend(sessions[0] ?? '', 100_000);
  for (let refused = 0; refused < 30; refused += 1) {
    if (await spend(sessions[refused + 1] ?? '', 1_000)) return refused;
  }
  throw new Error('the guard did not trip');
}

async function drained({ id }: PolicyLine): Promise<void> {
  for (let alarms = 0; alarms < 50; alarms += 1) {
    await runDurableObjectAlarm(walletStub(id));
    const query = 'SELECT count(*) AS trips FROM policy_trips WHERE cost_center = ?';
    const row = await env.DB.prepare(query).bind(id).first<{ trips: number }>();
    if (row?.trips === 1) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('the trip does not arrive');
}

/** Has D1 hear of a trip of a version's last rollout, and follow it. */
async function tripped({ id }: PolicyLine, version: number): Promise<void> {
  await env.DB.prepare(
    `INSERT INTO policy_trips (rollout, cost_center, version, base_version, signal, occurred_at, evidence)
     SELECT id, cost_center, version, base_version, 'refusals', started_at, '{}' FROM policy_rollouts
     WHERE cost_center = ? AND version = ? ORDER BY id DESC LIMIT 1`,
  )
    .bind(id, version)
    .run();
  await followTrips(openDatabase(env.DB), new Date().toISOString());
}

describe('a guard that tripped', () => {
  test('has the version before live again, with its evidence in the audit log, once', async () => {
    const line = await readyLine('1000', '1');
    const keyId = await keyOf(line);
    await line.post('/2/activate');
    const refused = await refusedSessions(line, keyId, null);
    expect(refused).toBeLessThanOrEqual(20);
    expect(await guardOf(line, 2)).toMatchObject({
      state: 'tripped',
      evidence: { signal: 'refusals', bad: refused },
    });
    await drained(line);
    expect(await line.stateOf(2)).toBe('retired');
    expect(await line.states()).toEqual(['live', 'retired']);
    await followTrips(openDatabase(env.DB), new Date().toISOString());
    const events = (await auditOf(line)).filter(({ actor }) => actor === 'guard');
    expect(events).toMatchObject([
      {
        action: 'policy.rollback',
        after: {
          live_policy_version: 1,
          rolled_back_version: 2,
          evidence: { signal: 'refusals', bad: refused, base_bad: 0 },
        },
      },
    ]);
    expect(await line.limit()).toBe('1000.00');
    expect(await guardOf(line, 2)).toMatchObject({ state: 'tripped', evidence: { signal: 'refusals' } });
  });

  test('ends a canary, and the live version stays', async () => {
    const line = await readyLine('1000', '1');
    const keyId = await keyOf(line);
    await line.post('/2/activate', { canary: { share: '0.3' } });
    await refusedSessions(line, keyId, 300_000);
    await drained(line);
    await followTrips(openDatabase(env.DB), new Date().toISOString());
    expect(await line.states()).toEqual(['live', 'retired']);
    expect((await auditOf(line))[0]).toMatchObject({
      actor: 'guard',
      action: 'policy.rollback',
      after: { state: 'retired', canary_version: null, live_policy_version: 1 },
    });
  });

  test('ends a canary that may be tried again, and never without the approval that is asked for by then', async () => {
    const line = await policyLine({ POLICY_APPROVAL: 'off' });
    await line.draft('1000');
    await line.post('/1/activate');
    await line.draft('50');
    await line.post('/2/activate', CANARY);
    await tripped(line, 2);
    expect(await line.states()).toEqual(['live', 'retired']);
    expect(await line.post('/2/promote')).toMatchObject(
      conflict('version 2 is a canary that its guard ended, not running as a canary'),
    );
    expect(await line.post('/2/rollback')).toMatchObject(conflict('was never live'));
    const asking = line.under(APPROVED_ONLY);
    expect(await asking.post('/2/activate')).toMatchObject(conflict('was never approved'));
    expect(await line.post('/2/activate', CANARY)).toMatchObject({ status: 200, body: { state: 'canary' } });
  });

  test('ends the schedule that was to take the version’s place', async () => {
    const line = await readyLine('1000', '1');
    await line.post('/2/activate');
    const third = await line.approved('500');
    await line.post(`/${third}/activate`, { activate_at: '2099-01-01T00:00:00Z' });
    await tripped(line, 2);
    expect(await line.states()).toEqual(['live', 'retired', 'approved']);
    expect((await line.get(`/${third}`)).body).toMatchObject({ activate_at: null, stale: true });
    expect((await auditOf(line))[0]).toMatchObject({
      actor: 'guard',
      after: { live_policy_version: 1, scheduled_policy_version: null },
    });
  });

  test('leaves what a person changed in between as they have it', async () => {
    const line = await readyLine('1000', '1');
    await line.post('/2/activate');
    const third = await line.approved('500');
    await line.post(`/${third}/activate`);
    // The wallet's word comes late: D1 was away.
    await tripped(line, 2);
    expect(await line.states()).toEqual(['retired', 'retired', 'live']);
    expect((await auditOf(line)).filter(({ actor }) => actor === 'guard')).toEqual([]);
    const trip = await env.DB.prepare('SELECT outcome FROM policy_trips WHERE cost_center = ?')
      .bind(line.id)
      .first();
    expect(trip).toEqual({ outcome: 'superseded' });
  });

  test('is cleared by a person who puts the version in force again', async () => {
    const line = await readyLine('1000', '1');
    const keyId = await keyOf(line);
    await line.post('/2/activate');
    await refusedSessions(line, keyId, null);
    await drained(line);
    expect(await line.post('/2/rollback', { reason: 'it is meant' })).toMatchObject({
      status: 200,
      body: { state: 'live' },
    });
    expect(await line.limit()).toBe('1.00');
    expect(await line.states()).toEqual(['retired', 'live']);
  });
});

describe('guards that are switched off', () => {
  test('are recorded and audited, at activation and while the version is watched', async () => {
    const line = await readyLine();
    await line.post('/2/activate', { guards: { refusals: false } });
    expect(await guardOf(line, 2)).toMatchObject({
      signals: { refusals: { watched: false }, outcome_errors: { watched: true } },
    });
    expect((await auditOf(line))[0]).toMatchObject({
      action: 'policy.activate',
      after: { guards: ['upstream_400s', 'increase_requests', 'outcome_errors'] },
    });
    await line.post('/2/activate', { guards: { refusals: true, outcome_errors: false } });
    expect(await guardOf(line, 2)).toMatchObject({
      signals: { refusals: { watched: true }, outcome_errors: { watched: false } },
    });
    expect((await auditOf(line))[0]).toMatchObject({ action: 'policy.guards' });
  });

  test('of a version that none watches stay off, repeated too, and are a 409 switched on', async () => {
    const line = await policyLine();
    await line.approved('100');
    for (const _ of ['first', 'again']) {
      expect(await line.post('/1/activate', { guards: { refusals: false } })).toMatchObject({
        status: 200,
        body: { state: 'live' },
      });
    }
    expect(await line.post('/1/activate', { guards: { refusals: true } })).toMatchObject(
      conflict('no guard watches it'),
    );
    expect(await line.post('/1/activate')).toMatchObject({ status: 200 });
  });
});
