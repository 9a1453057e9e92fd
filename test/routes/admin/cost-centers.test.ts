import { beforeAll, describe, expect, test } from 'vitest';
import { call, field, MANAGER, makeCostCenter, rows, storedRevision, walletRevision } from './admin-calls.ts';

const FIELDS = { name: 'Platform', timezone: 'Europe/Berlin', manager: MANAGER };

describe('a cost center', () => {
  test('is created, read and listed', async () => {
    const created = await call('POST', '/cost_centers', { id: 'platform', ...FIELDS });
    expect(created.status).toBe(201);
    expect(created.headers.get('request-id')).toMatch(/^req_/);
    expect(created.body).toMatchObject({
      id: 'platform',
      name: 'Platform',
      timezone: 'Europe/Berlin',
      manager: { ...MANAGER, slack_user_id: null },
      jurisdiction: null,
      archived_at: null,
      paused_at: null,
      live_policy_version: null,
    });
    expect(await call('GET', '/cost_centers/platform')).toMatchObject({ status: 200, body: created.body });
    expect(rows(await call('GET', '/cost_centers'))).toContainEqual(created.body);
  });

  test('of an id that is taken is a 409', async () => {
    await makeCostCenter('taken');
    expect(await call('POST', '/cost_centers', { id: 'taken', ...FIELDS })).toMatchObject({
      status: 409,
      body: { type: 'error', error: { type: 'conflict_error', message: 'cost center taken exists already' } },
    });
  });

  test('that nobody made is a 404', async () => {
    for (const path of ['/cost_centers/nobody', '/cost_centers/No%20Body']) {
      expect(await call('GET', path)).toMatchObject({
        status: 404,
        body: { error: { type: 'not_found_error' } },
      });
    }
    expect((await call('PATCH', '/cost_centers/nobody', { name: 'x' })).status).toBe(404);
    expect((await call('POST', '/cost_centers/nobody/pause', { reason: 'x' })).status).toBe(404);
  });

  test.each<[string, object, string]>([
    ['an id in capitals', { id: 'Platform' }, 'id'],
    ['an id of 64 characters', { id: 'x'.repeat(64) }, 'id'],
    ['no name', { name: undefined }, 'name'],
    ['a name of spaces', { name: '   ' }, 'name'],
    ['a made-up time zone', { timezone: 'Mars/Olympus' }, 'timezone'],
    ['a manager without e-mail', { manager: { name: 'Ada' } }, 'manager.email'],
    ['an e-mail that is none', { manager: { name: 'Ada', email: 'ada' } }, 'manager.email'],
    ['an unknown field', { colour: 'red' }, 'colour'],
    ['another jurisdiction', { jurisdiction: 'moon' }, 'jurisdiction'],
    ['a jurisdiction this platform lacks', { jurisdiction: 'eu' }, 'jurisdiction'],
  ])('with %s is a 400 that names the field', async (_what, change, path) => {
    const answer = await call('POST', '/cost_centers', { id: 'invalid', ...FIELDS, ...change });
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { type: 'invalid_request_error', problems: [{ path }] } },
    });
    expect(answer.body).toMatchObject({ error: { message: expect.stringContaining(`${path}: `) } });
  });

  test('with several wrong fields gets them all named at once', async () => {
    const answer = await call('POST', '/cost_centers', { id: '!', name: '', timezone: 'x', manager: {} });
    expect(answer.body).toMatchObject({
      error: {
        problems: ['id', 'name', 'timezone', 'manager.name', 'manager.email'].map((path) => ({ path })),
      },
    });
  });
});

describe('a change of a cost center', () => {
  beforeAll(() => makeCostCenter('squad'));

  test('is in the wallet when the call returns, and only touches what it names', async () => {
    const answer = await call('PATCH', '/cost_centers/squad', {
      timezone: 'Asia/Tokyo',
      manager: { name: 'Grace' },
    });
    expect(answer).toMatchObject({
      status: 200,
      body: { name: 'The squad', timezone: 'Asia/Tokyo', manager: { name: 'Grace', email: MANAGER.email } },
    });
    expect(await walletRevision('squad')).toBe(await storedRevision('squad'));
  });

  test('to what it is already can be repeated and changes nothing', async () => {
    const first = await call('PATCH', '/cost_centers/squad', { name: 'Same' });
    const revision = await storedRevision('squad');
    expect(await call('PATCH', '/cost_centers/squad', { name: 'Same' })).toMatchObject({
      status: 200,
      body: first.body,
    });
    expect(await storedRevision('squad')).toBe(revision);
  });

  test('pauses with a reason and an end, and resumes', async () => {
    const until = '2099-01-01T01:00:00+01:00';
    const paused = await call('POST', '/cost_centers/squad/pause', { reason: 'incident', until });
    expect(paused).toMatchObject({
      status: 200,
      body: { paused_reason: 'incident', paused_until: '2099-01-01T00:00:00.000Z' },
    });
    const again = await call('POST', '/cost_centers/squad/pause', { reason: 'still' });
    expect(again.body).toMatchObject({ paused_reason: 'still', paused_until: null });
    expect(field(again, 'paused_at')).toBe(field(paused, 'paused_at'));
    const resumed = await call('POST', '/cost_centers/squad/resume', { reason: 'fixed' });
    expect(resumed.body).toMatchObject({ paused_at: null, paused_reason: null, paused_until: null });
    expect(await call('POST', '/cost_centers/squad/resume')).toMatchObject({ status: 200 });
  });

  test.each<[string, unknown, string]>([
    ['without a reason', {}, 'reason'],
    ['until yesterday', { reason: 'x', until: '2020-01-01T00:00:00Z' }, 'until'],
    ['until some time', { reason: 'x', until: 'tomorrow' }, 'until'],
  ])('does not pause %s', async (_what, body, path) => {
    expect(await call('POST', '/cost_centers/squad/pause', body)).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path }] } },
    });
  });

  test('archives and restores, each repeatable', async () => {
    const archived = await call('POST', '/cost_centers/squad/archive');
    expect(field(archived, 'archived_at')).toMatch(/Z$/);
    expect(await call('POST', '/cost_centers/squad/archive')).toMatchObject({
      status: 200,
      body: archived.body,
    });
    expect((await call('POST', '/cost_centers/squad/restore')).body).toMatchObject({ archived_at: null });
  });

  test('is in the audit log with what it was and what it became', async () => {
    await makeCostCenter('watched');
    await call('PATCH', '/cost_centers/watched', { name: 'New' });
    await call('POST', '/cost_centers/watched/pause', { reason: 'incident' });
    await call('POST', '/cost_centers/watched/resume', { reason: 'fixed' });
    const events = rows(await call('GET', '/audit?cost_center=watched'));
    expect(events).toMatchObject([
      {
        action: 'cost_center.resume',
        before: { paused_reason: 'incident' },
        after: { paused_at: null, reason: 'fixed' },
      },
      { action: 'cost_center.pause', before: { paused_at: null }, after: { paused_reason: 'incident' } },
      { action: 'cost_center.update', before: { name: 'The watched' }, after: { name: 'New' } },
      {
        action: 'cost_center.create',
        actor: 'admin_token',
        target: 'watched',
        before: null,
        after: { name: 'The watched' },
      },
    ]);
  });
});
