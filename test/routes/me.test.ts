/** `GET /v1/me`: where the holder of a key stands, and what of sessions they may see. */
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test, vi } from 'vitest';
import { BROKEN, walletLine } from '../faults/wallet-line.ts';
import { keyIdOf, walletStub } from '../fixture.ts';
import { administered } from '../turn/admin.ts';
import { answering, ask, askJson, colleague, spend, teamDay, turn } from '../turn/standing-scene.ts';
import { change, passTime, useFakeClock } from '../wallet/scenario.ts';

const HOUR_MS = 3_600_000;
const OPUS = 'claude-opus-5-5';
const SONNET = 'claude-sonnet-5-5';
const HAIKU = 'claude-haiku-5-5';

useFakeClock();

function inHours(hours: number): string {
  return new Date(Date.now() + hours * HOUR_MS).toISOString();
}

const MANY = {
  timezone: 'Europe/Berlin',
  budgets: [
    { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '100' },
    { id: 'dev-week', scope: 'developer', window: 'week', limit_usd: '20' },
    { id: 'key-month', scope: 'key', window: 'month', limit_usd: '1000' },
    { id: 'session', scope: 'session', window: 'session', limit_usd: '50' },
    { id: 'opus-day', scope: 'cost_center', line: 'opus', window: 'day', limit_usd: '40' },
  ],
};

describe('a caller', () => {
  test('sees the models their key may use, and how they stand to limits besides money', async () => {
    const limits = [
      { scope: 'cost_center', tokens_per_minute: 1_000_000 },
      { scope: 'key', requests_per_minute: 60, concurrent_turns: 4 },
    ];
    const bursar = await answering({ budgets: [], limits, allowed_models: [OPUS, HAIKU] });
    const { costCenter } = bursar;
    const keyId = keyIdOf(costCenter);
    const update = env.DB.prepare('UPDATE virtual_keys SET allowed_models = ? WHERE id = ?');
    await change(
      { id: costCenter, wallet: walletStub(costCenter) },
      update.bind(JSON.stringify([HAIKU, SONNET]), keyId),
    );
    const used = { requests_last_minute: 0, tokens_last_minute: 0, concurrent_turns: 0 };
    const none = { requests_per_minute: null, tokens_per_minute: null, concurrent_turns_limit: null };
    expect(await askJson(bursar, '/v1/me')).toMatchObject({
      allowed_models: [HAIKU],
      limits: [
        { scope: 'cost_center', subject: costCenter, ...used, ...none, tokens_per_minute: 1_000_000 },
        {
          scope: 'key',
          subject: keyId,
          ...used,
          ...none,
          requests_per_minute: 60,
          concurrent_turns_limit: 4,
        },
      ],
    });
  });

  test('sees every budget that applies to them, the fullest first, to the nano-dollar', async () => {
    const bursar = await answering(MANY);
    await spend(bursar, 10);
    const me = await askJson(bursar, '/v1/me');
    expect(me).toMatchObject({
      cost_center: bursar.costCenter,
      name: `Squad ${bursar.costCenter}`,
      manager: 'Mara Manager (mara@example.com)',
      developer: 'dev@example.com',
      timezone: 'Europe/Berlin',
      policy_version: 1,
      fullest: 'dev-week',
      // What binds whatever the model: no turn of a main loop was seen yet.
      binding: 'dev-week',
      paused: null,
      archived: false,
      exempt_until: null,
      session: null,
      sessions_today: [],
      settled_usd: { day: '10.00', week: '10.00', month: '10.00' },
      as_of: '2035-06-13T14:00:00+02:00',
      budgets: [
        {
          id: 'dev-week',
          scope: 'developer',
          subject: 'dev@example.com',
          window: 'week',
          resets_at: '2035-06-18T00:00:00+02:00',
          limit_usd: '20.00',
          settled_usd: '10.00',
          held_usd: '0.00',
          remaining_usd: '10.00',
          utilization: 0.5,
          stage: 'none',
        },
        { id: 'opus-day', line: 'opus', utilization: 0.25 },
        { id: 'team-day', utilization: 0.1 },
        { id: 'key-month', utilization: 0.01 },
      ],
    });
  });

  test('over a budget has nothing left of it, and what is held is told apart', async () => {
    const bursar = await answering(teamDay('10'));
    await spend(bursar, 10.5);
    expect(await askJson(bursar, '/v1/me')).toMatchObject({
      budgets: [{ settled_usd: '10.50', remaining_usd: '0.00', utilization: 1.05, stage: 'downgrade' }],
    });
  });

  test('without a policy sees no budget and what they spent', async () => {
    const bursar = await answering(null);
    await spend(bursar, 3);
    expect(await askJson(bursar, '/v1/me')).toMatchObject({
      policy_version: null,
      fullest: null,
      binding: null,
      budgets: [],
      timezone: 'UTC',
      settled_usd: { day: '3.00', week: '3.00', month: '3.00' },
    });
  });

  test('sees a pause with its reason and end, an exemption, and an archive', async () => {
    const bursar = await answering(teamDay('10'));
    await administered(bursar, 'POST', '/exempt', { reason: 'incident', until: inHours(2) });
    await administered(bursar, 'POST', '/pause', { reason: 'month-end', until: inHours(1) });
    expect(await askJson(bursar, '/v1/me')).toMatchObject({
      paused: { reason: 'month-end', until: '2035-06-13T15:00:00+02:00' },
      exempt_until: '2035-06-13T16:00:00+02:00',
    });
    passTime(2 * HOUR_MS);
    expect(await askJson(bursar, '/v1/me')).toMatchObject({ paused: null, exempt_until: null });
    await administered(bursar, 'POST', '/archive');
    expect(await askJson(bursar, '/v1/me')).toMatchObject({ archived: true });
  });
});

describe('a session', () => {
  test('that was stepped down names the model, the stage, since when and until when', async () => {
    const bursar = await answering(teamDay('10'));
    await spend(bursar, 9.6);
    expect((await turn(bursar)).get('x-bursar-model')).toBe(SONNET);
    passTime(60_000);
    await turn(bursar);
    const me = await askJson(bursar, '/v1/me?session=s1');
    const session = {
      id: 's1',
      started_at: '2035-06-13T14:00:00+02:00',
      last_at: '2035-06-13T14:01:00+02:00',
      model_asked: OPUS,
      model: SONNET,
      stepped_down: {
        since: '2035-06-13T14:00:00+02:00',
        until: '2035-06-14T00:00:00+02:00',
        reason: 'stage:team-day@0.95',
        why: 'team-day reached 95 %',
      },
      preferred_model: null,
      stopped: null,
      budget: null,
    };
    expect(me).toMatchObject({ binding: 'team-day', session, sessions_today: [session] });
  });

  test('is back on what it asks for when its window has reset or a raise lifted the cause', async () => {
    const raised = await answering(teamDay('10'));
    await spend(raised, 9.6);
    await turn(raised);
    // The answer left the cheaper model's cache warm for five minutes.
    const raise = { budget: 'team-day', extra_usd: '10', until: inHours(3), reason: 'release' };
    await administered(raised, 'POST', '/raises', raise);
    expect(await askJson(raised, '/v1/me?session=s1')).toMatchObject({
      session: { model: SONNET, stepped_down: { reason: 'sticky:cache_warm', until: null } },
    });
    passTime(301_000);
    expect(await askJson(raised, '/v1/me?session=s1')).toMatchObject({
      session: { model: OPUS, stepped_down: null },
    });
    const reset = await answering(teamDay('10'));
    await spend(reset, 9.6);
    await turn(reset);
    passTime(11 * HOUR_MS);
    expect(await askJson(reset, '/v1/me?session=s1')).toMatchObject({
      session: { model: OPUS, stepped_down: null },
    });
  });

  test('sent down by a route names the route, and no end', async () => {
    const routes = [{ id: 'low', when: { budget: 'team-day', remaining_usd_below: '9' }, use: HAIKU }];
    const bursar = await answering(teamDay('10', { routes }));
    await spend(bursar, 2);
    await turn(bursar);
    expect(await askJson(bursar, '/v1/me?session=s1')).toMatchObject({
      session: {
        model: HAIKU,
        stepped_down: { reason: 'route:low', until: null, why: 'route low sends such turns there' },
      },
    });
  });

  test('shows its wish, its stop and its own budget', async () => {
    const bursar = await answering(MANY);
    await turn(bursar);
    await bursar.call('/v1/me/prefer', {
      method: 'POST',
      headers: { authorization: `Bearer ${bursar.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ session: 's1', model: HAIKU }),
    });
    await turn(bursar);
    await administered(bursar, 'POST', '/sessions/s1/stop', { reason: 'loops' });
    expect(await askJson(bursar, '/v1/me?session=s1')).toMatchObject({
      session: {
        model: HAIKU,
        stepped_down: { reason: 'preferred', until: null },
        preferred_model: HAIKU,
        stopped: 'loops',
        budget: { id: 'session', scope: 'session', subject: 's1', resets_at: null, limit_usd: '50.00' },
      },
      budgets: expect.arrayContaining([expect.objectContaining({ id: 'session', subject: 's1' })]),
    });
  });

  test('of another developer looks like one that has not begun', async () => {
    const bursar = await answering(MANY);
    const ada = await colleague(bursar);
    await turn(bursar, 'ours', ada.secret);
    await administered(bursar, 'POST', '/sessions/ours/stop', { reason: 'loops' });
    const hers = await askJson(bursar, '/v1/me?session=ours');
    const none = await askJson(bursar, '/v1/me?session=none');
    expect(JSON.stringify(hers).replaceAll('"ours"', '"none"')).toBe(JSON.stringify(none));
    expect(none).toMatchObject({
      session: { id: 'none', started_at: null, model: null, stepped_down: null, stopped: null, budget: null },
      sessions_today: [],
    });
    // A turn of one's own in a session of that name makes it one's own too.
    await administered(bursar, 'DELETE', '/sessions/ours/stop');
    await turn(bursar, 'ours');
    expect(await askJson(bursar, '/v1/me?session=ours')).toMatchObject({ session: { model: OPUS } });
  });

  test('is listed with what its developer spent in it today', async () => {
    const bursar = await answering(teamDay('100'));
    const ada = await colleague(bursar);
    await turn(bursar, 'shared');
    await turn(bursar, 'shared', ada.secret);
    passTime(1_000);
    await turn(bursar, 'later');
    expect(await askJson(bursar, '/v1/me')).toMatchObject({
      sessions_today: [
        { id: 'later', settled_today_usd: '0.0066' },
        { id: 'shared', settled_today_usd: '0.0066' },
      ],
    });
    passTime(24 * HOUR_MS);
    expect(await askJson(bursar, '/v1/me')).toMatchObject({
      sessions_today: [],
      settled_usd: { day: '0.00' },
    });
  });

  test('goes by the pseudonym once its developer has left', async () => {
    const bursar = await answering(teamDay('100'));
    await turn(bursar);
    const headers = { authorization: `Bearer ${env.ADMIN_TOKEN}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ reason: 'left the company' });
    const path = '/admin/v1/developers/dev@example.com/pseudonymise';
    expect((await bursar.call(path, { method: 'POST', headers, body })).status).toBe(200);
    const developers = await runInDurableObject(walletStub(bursar.costCenter), (_, state) =>
      state.storage.sql.exec<{ developer: string }>('SELECT developer FROM served_sessions').toArray(),
    );
    expect(developers).toEqual([{ developer: expect.stringMatching(/^left-/) }]);
  });
});

describe('asking wrongly', () => {
  test.each([
    ['an empty session', '?session=', 'session'],
    ['a session of 201 characters', `?session=${'s'.repeat(201)}`, 'session'],
    ['two sessions', '?session=a&session=b', 'session'],
    ['a parameter that is none', '?sesion=a', 'sesion'],
  ])('with %s is a 400 that names it', async (_what, query, path) => {
    const bursar = await answering(null);
    for (const call of ['/v1/me', '/v1/me/statusline', '/v1/me/notice']) {
      const response = await ask(bursar, `${call}${query}`);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        type: 'error',
        error: { type: 'invalid_request_error', problems: [{ path }] },
      });
    }
  });

  test.each([
    '/v1/me',
    '/v1/me/statusline',
    '/v1/me/notice',
    '/api/oauth/usage',
  ])('%s with no key, a forged or a revoked one is the 401 of any other call', async (path) => {
    const bursar = await answering(null);
    const ada = await colleague(bursar);
    await administered(bursar, 'DELETE', `/keys/${ada.id}`);
    for (const authorization of ['', 'Bearer bk_forged', `Bearer ${ada.secret}`]) {
      const response = await ask(bursar, path, { authorization });
      expect(response.status).toBe(401);
      expect(response.headers.get('x-should-retry')).toBe('false');
    }
  });

  test('while the wallet is away is a 529', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    const line = walletLine('caller', () => {
      passTime(10_000);
      return Promise.reject(BROKEN);
    });
    const bursar = await answering(null, { WALLET: line.wallets });
    expect((await ask(bursar, '/v1/me')).status).toBe(529);
  });
});
