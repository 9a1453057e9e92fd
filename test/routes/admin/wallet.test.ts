import { describe, expect, test } from 'vitest';
import { completed, openRequest, usageOf, walletStub } from '../../fixture.ts';
import { call, field, makeCostCenter, rows } from './admin-calls.ts';

const BUDGETS = [
  { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '500.00' },
  { id: 'dev-month', scope: 'developer', window: 'month', limit_usd: '0' },
];

/** A cost center with a key and, where given, live budgets. */
async function makeSquad(id: string, budgets: object[] | null): Promise<{ keyId: string }> {
  await makeCostCenter(id);
  if (budgets) {
    await call('POST', `/cost_centers/${id}/policies`, { policy: { timezone: 'Asia/Kolkata', budgets } });
    await call('POST', `/cost_centers/${id}/policies/1/activate`);
  }
  return {
    keyId: field(await call('POST', `/cost_centers/${id}/keys`, { developer: 'dev@example.com' }), 'id'),
  };
}

describe('the wallet', () => {
  test('shows each budget with what is settled and held, in the time zone of the policy', async () => {
    const { keyId } = await makeSquad('spending', BUDGETS.slice(0, 1));
    const stub = walletStub('spending');
    const opened = await stub.open({ ...openRequest('spending', 'turn-1'), keyId });
    expect(opened.status).toBe('admitted');
    expect((await call('GET', '/cost_centers/spending/wallet')).body).toMatchObject({
      budgets: [{ settled_usd: '0.00', held_usd: expect.stringMatching(/^\d+\.\d{2,9}$/), stage: 'none' }],
    });
    await stub.settle(completed('turn-1', usageOf({ inputTokens: 25_000_000 })));
    const answer = await call('GET', '/cost_centers/spending/wallet');
    expect(answer).toMatchObject({
      status: 200,
      body: {
        as_of: expect.stringMatching(/Z$/),
        budgets: [
          {
            id: 'team-day',
            scope: 'cost_center',
            subject: 'spending',
            line: null,
            window_start: expect.stringMatching(/T00:00:00\+05:30$/),
            resets_at: expect.stringMatching(/T00:00:00\+05:30$/),
            limit_usd: '500.00',
            raised_usd: '0.00',
            settled_usd: '100.00',
            held_usd: '0.00',
            utilization: 0.2,
            stage: 'none',
          },
        ],
      },
    });
  });

  test('shows lines, what raises add, and that a session’s budget ends with its session', async () => {
    const { keyId } = await makeSquad('scoped', [
      { id: 'opus-day', scope: 'cost_center', line: 'opus', window: 'day', limit_usd: '10' },
      { id: 'session', scope: 'session', window: 'session', limit_usd: '8' },
    ]);
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const raise = { extra_usd: '2.5', until, reason: 'demo day' };
    await call('POST', '/cost_centers/scoped/raises', { ...raise, budget: 'session', subject: 'session-1' });
    const stub = walletStub('scoped');
    for (const session of ['session-1', 'session-2']) {
      await stub.open({ ...openRequest('scoped', session, { session }), keyId });
      await stub.settle(completed(session, usageOf({ inputTokens: 1_000_000 })));
    }
    const session = { id: 'session', scope: 'session', line: null, resets_at: null, settled_usd: '4.00' };
    expect((await call('GET', '/cost_centers/scoped/wallet')).body).toMatchObject({
      budgets: [
        { id: 'opus-day', line: 'opus', raised_usd: '0.00', limit_usd: '10.00', settled_usd: '8.00' },
        { ...session, subject: 'session-1', limit_usd: '10.50', raised_usd: '2.50' },
        { ...session, subject: 'session-2', limit_usd: '8.00', raised_usd: '0.00', utilization: 0.5 },
      ],
    });
  });

  test('of a cost center without a policy has no budgets', async () => {
    await makeSquad('free', null);
    expect((await call('GET', '/cost_centers/free/wallet')).body).toMatchObject({ budgets: [] });
  });

  test('of nobody is a 404', async () => {
    expect((await call('GET', '/cost_centers/nobody/wallet')).status).toBe(404);
    expect((await call('GET', '/cost_centers/nobody/holds')).status).toBe(404);
  });
});

describe('a runaway hold', () => {
  test('is listed, ended with a reason, and then gone', async () => {
    const { keyId } = await makeSquad('runaway', BUDGETS.slice(0, 1));
    await walletStub('runaway').open({ ...openRequest('runaway', 'turn-9'), keyId });
    const list = await call('GET', '/cost_centers/runaway/holds');
    expect(list).toMatchObject({
      status: 200,
      body: {
        data: [
          {
            turn_id: 'turn-9',
            attempt: 1,
            developer: 'dev@example.com',
            key_id: keyId,
            session: 'session-1',
            model: 'claude-opus-5-5',
            held_usd: expect.stringMatching(/^\d+\.\d{2,9}$/),
            opened_at: expect.stringMatching(/Z$/),
            lease_expires_at: expect.stringMatching(/Z$/),
          },
        ],
        next_cursor: null,
      },
    });
    const path = '/cost_centers/runaway/holds/turn-9';
    expect(await call('DELETE', path, {})).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path: 'reason' }] } },
    });
    expect((await call('DELETE', path, { reason: 'stuck tool loop' })).status).toBe(204);
    expect(rows(await call('GET', '/cost_centers/runaway/holds'))).toEqual([]);
    expect((await call('DELETE', path, { reason: 'again' })).status).toBe(404);
    expect(rows(await call('GET', '/audit?cost_center=runaway'))[0]).toMatchObject({
      action: 'hold.end',
      target: 'turn-9',
      after: { reason: 'stuck tool loop', hold: { turn_id: 'turn-9' } },
    });
  });
});
