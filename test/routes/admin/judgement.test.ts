/** What people may do beside a policy: raise a budget, stop a session, exempt a cost center. */
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { BROKEN, walletLine } from '../../faults/wallet-line.ts';
import { NOON, passTime, useFakeClock } from '../../wallet/scenario.ts';
import {
  type Answer,
  call,
  field,
  makeCostCenter,
  rows,
  storedRevision,
  walletRevision,
} from './admin-calls.ts';

useFakeClock();

const HOUR_MS = 3_600_000;
const SQUAD = '/cost_centers/squad';
const RAISE = {
  budget: 'team-day',
  extra_usd: '25.5',
  until: '2035-06-13T16:00:00+02:00',
  reason: 'release week',
};

const policy = {
  budgets: [
    { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '100' },
    { id: 'dev-day', scope: 'developer', window: 'day', limit_usd: '10' },
    { id: 'key-day', scope: 'key', window: 'day', limit_usd: '10' },
    { id: 'session', scope: 'session', window: 'session', limit_usd: '10' },
  ],
};

let keyId = '';

beforeAll(async () => {
  for (const id of ['squad', 'other']) {
    await makeCostCenter(id);
    await call('POST', `/cost_centers/${id}/policies`, { policy });
    await call('POST', `/cost_centers/${id}/policies/1/activate`);
  }
  keyId = field(await call('POST', `${SQUAD}/keys`, { developer: 'dev@example.com' }), 'id');
});

/** The paths of a 400's problems, in order. */
function problemPaths(answer: Answer): unknown[] {
  expect(answer).toMatchObject({ status: 400, body: { error: { type: 'invalid_request_error' } } });
  const { problems } = Object(answer.body).error;
  return problems.map((problem: { path: string }) => problem.path);
}

function namesIn(answer: Answer, name: string): unknown[] {
  return rows(answer).map((row) => Object(row)[name]);
}

/** Wallets that answer no push; each try takes as long as the caller waits for all of them. */
function silentWallets() {
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  const line = walletLine('refresh', () => {
    passTime(10_000);
    return Promise.reject(BROKEN);
  });
  return { WALLET: line.wallets };
}

describe('a raise', () => {
  test('is created, in the wallet when the call returns, and in the audit log', async () => {
    const answer = await call('POST', `${SQUAD}/raises`, RAISE);
    expect(answer).toMatchObject({ status: 201 });
    expect(answer.body).toEqual({
      id: expect.stringMatching(/^raise_[0-9A-Z]{26}$/),
      budget: 'team-day',
      subject: null,
      extra_usd: '25.50',
      until: '2035-06-13T14:00:00.000Z',
      reason: 'release week',
      ended_at: null,
      created_at: NOON,
    });
    expect(await walletRevision('squad')).toBe(await storedRevision('squad'));
    expect(rows(await call('GET', '/audit?cost_center=squad'))[0]).toMatchObject({
      action: 'raise.create',
      target: field(answer, 'id'),
      before: null,
      after: answer.body,
    });
  });

  test.each<[string, string, string | null]>([
    ['team-day', 'squad', 'squad'],
    ['dev-day', '  Dev@Example.COM ', 'dev@example.com'],
    ['session', 'Session-1', 'Session-1'],
  ])('of %s can be for %j alone', async (budget, subject, kept) => {
    const answer = await call('POST', `${SQUAD}/raises`, { ...RAISE, budget, subject });
    expect(answer).toMatchObject({ status: 201, body: { budget, subject: kept } });
  });

  test('of a key’s budget can be for a key of this cost center, and no other', async () => {
    const raise = { ...RAISE, budget: 'key-day', subject: keyId };
    expect(await call('POST', `${SQUAD}/raises`, raise)).toMatchObject({ status: 201 });
    expect(problemPaths(await call('POST', '/cost_centers/other/raises', raise))).toEqual(['subject']);
  });

  test.each<[string, object, string[]]>([
    ['that is over already', { until: NOON }, ['until']],
    ['until some time', { until: 'tomorrow' }, ['until']],
    ['of nothing', { extra_usd: '0' }, ['extra_usd']],
    ['of less than nothing', { extra_usd: '-5' }, ['extra_usd']],
    ['of a number', { extra_usd: 5 }, ['extra_usd']],
    ['of ten decimals', { extra_usd: '0.0000000001' }, ['extra_usd']],
    ['of more than a limit can be', { extra_usd: '5000000.01' }, ['extra_usd']],
    ['of a budget nobody has', { budget: 'team-year' }, ['budget']],
    ['without a budget', { budget: undefined }, ['budget']],
    ['for somebody in a shared budget', { subject: 'dev@example.com' }, ['subject']],
    ['for a developer of spaces', { budget: 'dev-day', subject: '  ' }, ['subject']],
    ['for a session of 201 characters', { budget: 'session', subject: 'x'.repeat(201) }, ['subject']],
    ['for nobody', { budget: 'dev-day', subject: '' }, ['subject']],
    ['without a reason', { reason: undefined }, ['reason']],
    ['for a reason of 501 characters', { reason: 'x'.repeat(501) }, ['reason']],
    ['with an unknown field', { percent: 10 }, ['percent']],
    [
      'with everything wrong at once',
      { budget: 'no', extra_usd: '', until: 'x', reason: ' ' },
      ['extra_usd', 'until', 'reason', 'budget'],
    ],
    [
      'whose subject and end are wrong',
      { subject: 'other', until: '2020-01-01T00:00:00Z' },
      ['until', 'subject'],
    ],
  ])('%s is a 400 that names the field', async (_what, change, paths) => {
    expect(problemPaths(await call('POST', `${SQUAD}/raises`, { ...RAISE, ...change }))).toEqual(paths);
  });

  test('without a live policy says so; of nobody it is a 404', async () => {
    await makeCostCenter('free');
    expect(await call('POST', '/cost_centers/free/raises', RAISE)).toMatchObject({
      status: 400,
      body: {
        error: {
          message: 'budget: cost center free has no live policy, so it has no budget to raise',
          problems: [{ path: 'budget' }],
        },
      },
    });
    expect((await call('POST', '/cost_centers/nobody/raises', RAISE)).status).toBe(404);
    expect((await call('GET', '/cost_centers/nobody/raises')).status).toBe(404);
  });

  test('is listed newest first in pages, by whether it is in force', async () => {
    const path = '/cost_centers/other/raises';
    const make = async (until: string): Promise<string> => {
      passTime(1);
      return field(await call('POST', path, { ...RAISE, until }), 'id');
    };
    const brief = await make('2035-06-13T13:00:00Z');
    const ended = await make('2035-06-13T15:00:00Z');
    const lasting = await make('2035-06-13T15:00:00Z');
    await call('DELETE', `${path}/${ended}`);
    passTime(HOUR_MS);
    expect(namesIn(await call('GET', path), 'id')).toEqual([lasting, ended, brief]);
    expect(namesIn(await call('GET', `${path}?active=true`), 'id')).toEqual([lasting]);
    expect(namesIn(await call('GET', `${path}?active=false`), 'id')).toEqual([ended, brief]);
    const page = await call('GET', `${path}?limit=2`);
    const cursor = field(page, 'next_cursor');
    expect(namesIn(await call('GET', `${path}?limit=2&cursor=${cursor}`), 'id')).toEqual([brief]);
    expect(problemPaths(await call('GET', `${path}?active=true&cursor=${cursor}`))).toEqual(['cursor']);
    expect(problemPaths(await call('GET', `${path}?active=yes`))).toEqual(['active']);
  });

  test('is ended early, once; one that ran out stays as it is; one that nobody made is a 404', async () => {
    const id = field(await call('POST', `${SQUAD}/raises`, RAISE), 'id');
    const path = `${SQUAD}/raises/${id}`;
    passTime(1_000);
    expect(await call('DELETE', path)).toMatchObject({ status: 204, body: null });
    const revision = await storedRevision('squad');
    expect(await walletRevision('squad')).toBe(revision);
    expect((await call('DELETE', path)).status).toBe(204);
    const spent = field(await call('POST', `${SQUAD}/raises`, RAISE), 'id');
    passTime(24 * HOUR_MS);
    expect((await call('DELETE', `${SQUAD}/raises/${spent}`)).status).toBe(204);
    expect(await storedRevision('squad')).toBe((revision ?? 0) + 1);
    expect(rows(await call('GET', `${SQUAD}/raises?limit=2`))).toMatchObject([
      { id: spent, ended_at: null },
      { id, ended_at: '2035-06-13T12:00:01.000Z' },
    ]);
    expect(await call('DELETE', `${SQUAD}/raises/raise_0`)).toMatchObject({
      status: 404,
      body: { error: { message: 'there is no raise raise_0 in cost center squad' } },
    });
    expect((await call('DELETE', `/cost_centers/other/raises/${id}`)).status).toBe(404);
  });

  test('that the wallet did not confirm is a 503 that says not to add another one', async () => {
    const answer = await call('POST', `${SQUAD}/raises`, RAISE, silentWallets());
    const { id } = Object(rows(await call('GET', `${SQUAD}/raises?limit=1`))[0]);
    expect(answer).toMatchObject({
      status: 503,
      body: { error: { message: expect.stringContaining(`raise ${id} is stored`) } },
    });
    expect(answer.body).toMatchObject({
      error: { message: expect.stringContaining('do not repeat the call') },
    });
    expect((await call('DELETE', `${SQUAD}/raises/${id}`, undefined, silentWallets())).status).toBe(503);
    expect((await call('DELETE', `${SQUAD}/raises/${id}`)).status).toBe(204);
    expect(await walletRevision('squad')).toBe(await storedRevision('squad'));
  });
});

describe('a session', () => {
  const stop = (session: string): string => `${SQUAD}/sessions/${encodeURIComponent(session)}/stop`;

  test('is stopped, gets a newer reason, is listed, and lifted once', async () => {
    const session = 'a/b%2F c?';
    const first = await call('POST', stop(session), { reason: 'loops' });
    expect(first).toMatchObject({ status: 201 });
    expect(first.body).toEqual({ session, reason: 'loops', stopped_at: NOON });
    await call('POST', stop('session-2'), { reason: 'burns money' });
    passTime(1_000);
    expect(await call('POST', stop(session), { reason: 'still loops' })).toMatchObject({
      status: 200,
      body: { session, reason: 'still loops', stopped_at: NOON },
    });
    const revision = await storedRevision('squad');
    expect(await walletRevision('squad')).toBe(revision);
    expect((await call('POST', stop(session), { reason: 'still loops' })).status).toBe(200);
    expect(await storedRevision('squad')).toBe(revision);
    const page = await call('GET', `${SQUAD}/session_stops?limit=1`);
    expect(namesIn(page, 'session')).toEqual([session]);
    const next = `${SQUAD}/session_stops?limit=1&cursor=${field(page, 'next_cursor')}`;
    expect(rows(await call('GET', next))).toMatchObject([{ session: 'session-2', reason: 'burns money' }]);
    expect(await call('DELETE', stop(session))).toMatchObject({ status: 204, body: null });
    expect(namesIn(await call('GET', `${SQUAD}/session_stops`), 'session')).toEqual(['session-2']);
    expect((await call('DELETE', stop(session))).status).toBe(404);
    expect((await call('POST', stop(session), { reason: 'again' })).status).toBe(201);
    expect(rows(await call('GET', '/audit?cost_center=squad&limit=3'))).toMatchObject([
      { action: 'session.stop', target: session, before: null, after: { reason: 'again' } },
      { action: 'session.lift', target: session, before: { reason: 'still loops' }, after: null },
      { action: 'session.stop', before: { reason: 'loops' }, after: { reason: 'still loops' } },
    ]);
  });

  test.each<[string, string, unknown, string[]]>([
    ['without a reason', 's', {}, ['reason']],
    ['for a reason of 501 characters', 's', { reason: 'x'.repeat(501) }, ['reason']],
    ['until an instant', 's', { reason: 'x', until: NOON }, ['until']],
    ['of 201 characters', 's'.repeat(201), { reason: 'x' }, ['session']],
  ])('%s is not stopped', async (_what, session, body, paths) => {
    expect(problemPaths(await call('POST', stop(session), body))).toEqual(paths);
  });

  test('that nobody stopped, or of nobody, is a 404', async () => {
    expect(await call('DELETE', stop('calm'))).toMatchObject({
      status: 404,
      body: { error: { message: 'there is no stop of session calm in cost center squad' } },
    });
    const path = '/cost_centers/nobody/sessions/s/stop';
    expect((await call('POST', path, { reason: 'x' })).status).toBe(404);
    expect((await call('DELETE', path)).status).toBe(404);
    expect((await call('GET', '/cost_centers/nobody/session_stops')).status).toBe(404);
  });

  test('whose lift the wallet did not confirm is a 503, and pushed by the next try', async () => {
    await call('POST', stop('stuck'), { reason: 'loops' });
    expect((await call('DELETE', stop('stuck'), undefined, silentWallets())).status).toBe(503);
    expect((await call('DELETE', stop('stuck'))).status).toBe(404);
    expect(await walletRevision('squad')).toBe(await storedRevision('squad'));
  });
});

describe('an exemption', () => {
  const EXEMPT = { reason: 'incident 42', until: '2035-06-13T18:00:00Z' };

  test('shows in the cost center until its instant, or until it is taken back', async () => {
    const exempt = await call('POST', `${SQUAD}/exempt`, EXEMPT);
    const shown = { exempt_until: '2035-06-13T18:00:00.000Z', exempt_reason: 'incident 42' };
    expect(exempt).toMatchObject({ status: 200, body: shown });
    expect(await walletRevision('squad')).toBe(await storedRevision('squad'));
    expect((await call('GET', SQUAD)).body).toMatchObject(shown);
    passTime(6 * HOUR_MS);
    const none = { exempt_until: null, exempt_reason: null };
    expect((await call('GET', SQUAD)).body).toMatchObject(none);
    const longer = { ...EXEMPT, until: '2035-06-14T18:00:00Z' };
    expect((await call('POST', `${SQUAD}/exempt`, longer)).status).toBe(200);
    expect(await call('DELETE', `${SQUAD}/exempt`)).toMatchObject({ status: 204, body: null });
    expect((await call('GET', SQUAD)).body).toMatchObject(none);
    expect((await call('DELETE', `${SQUAD}/exempt`)).status).toBe(204);
    expect(rows(await call('GET', '/audit?cost_center=squad&limit=3'))).toMatchObject([
      { action: 'cost_center.bind', before: { exempt_reason: 'incident 42' }, after: none },
      { action: 'cost_center.exempt', before: none, after: { exempt_until: '2035-06-14T18:00:00.000Z' } },
      { action: 'cost_center.exempt', before: none, after: shown },
    ]);
  });

  test.each<[string, object, string[]]>([
    ['without a reason and an end', { reason: undefined, until: undefined }, ['reason', 'until']],
    ['that is over already', { until: NOON }, ['until']],
    ['of more than 31 days', { until: '2035-07-14T12:00:00.001Z' }, ['until']],
    ['without an end', { until: null }, ['until']],
    ['of one budget', { budget: 'team-day' }, ['budget']],
  ])('%s is a 400 that names the field', async (_what, change, paths) => {
    expect(problemPaths(await call('POST', `${SQUAD}/exempt`, { ...EXEMPT, ...change }))).toEqual(paths);
  });

  test('of 31 days is possible; of nobody it is a 404', async () => {
    const longest = { ...EXEMPT, until: '2035-07-14T12:00:00Z' };
    expect((await call('POST', '/cost_centers/other/exempt', longest)).status).toBe(200);
    expect((await call('POST', '/cost_centers/nobody/exempt', EXEMPT)).status).toBe(404);
    expect((await call('DELETE', '/cost_centers/nobody/exempt')).status).toBe(404);
  });
});
