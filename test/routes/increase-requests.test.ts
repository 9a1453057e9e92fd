/** Asking for more: the developer asks with their key, the manager answers, and the very next turn passes. */
import { createScheduledController } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test, vi } from 'vitest';
import type { AlertEvent } from '../../durable-objects/ledger/entry.ts';
import type { Env } from '../../worker/bindings.ts';
import { scheduled } from '../../worker/scheduled.ts';
import { DEVELOPER, insertKey, keyIdOf, keyText } from '../fixture.ts';
import { administer, administered } from '../turn/admin.ts';
import { type Gateway, gateway, messagesBody, streamedAnswer, streamOf } from '../turn/gateway.ts';
import { passTime, useFakeClock } from '../wallet/scenario.ts';
import { type DeliveryLine, deliveryLine } from './admin/delivery-line.ts';

useFakeClock();

const HOUR_MS = 3_600_000;
const POLICY = {
  timezone: 'Europe/Berlin',
  budgets: [
    { id: 'dev-day', scope: 'developer', window: 'day', limit_usd: '0.01', overrides: { rich: '5.00' } },
    { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '100.00' },
    { id: 'key-week', scope: 'key', window: 'week', limit_usd: '100.00' },
    { id: 'session', scope: 'session', window: 'session', limit_usd: '100.00' },
    { id: 'frozen', scope: 'developer', line: 'haiku', window: 'month', limit_usd: '0' },
  ],
};
const ASKED = { budget: 'dev-day', extra_usd: '0.05', reason: 'release day' };

interface Team extends Gateway {
  line: DeliveryLine;
  ask(body: unknown, key?: string): Promise<{ status: number; body: Record<string, unknown> }>;
  answer(
    id: unknown,
    verb: string,
    body?: object,
  ): Promise<{ status: number; body: Record<string, unknown> }>;
}

async function bodyOf(response: Response): Promise<{ status: number; body: Record<string, unknown> }> {
  return { status: response.status, body: Object(await response.json()) };
}

async function team(overrides: Partial<Env> = {}, policy: object | null = POLICY): Promise<Team> {
  const line = deliveryLine();
  const answer = () => streamOf(streamedAnswer());
  const bursar = await gateway(policy, answer, { ALERTS: line.ALERTS, ...overrides });
  return {
    ...bursar,
    line,
    ask: async (body, key = bursar.key) => {
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
      const init = { method: 'POST', headers, body: typeof body === 'string' ? body : JSON.stringify(body) };
      return await bodyOf(await bursar.call('/v1/me/increase_requests', init));
    },
    answer: async (id, verb, body) => {
      const headers = new Headers({ authorization: `Bearer ${env.ADMIN_TOKEN}` });
      if (body) headers.set('content-type', 'application/json');
      const init = { method: 'POST', headers, ...(body ? { body: JSON.stringify(body) } : {}) };
      return await bodyOf(await bursar.call(`/admin/v1/increase_requests/${id}/${verb}`, init));
    },
  };
}

async function adminGet(
  bursar: Team,
  path: string,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const headers = { authorization: `Bearer ${env.ADMIN_TOKEN}` };
  return await bodyOf(await bursar.call(`/admin/v1${path}`, { headers }));
}

/** Spends the developer's day: one turn of USAGE costs 0.0066 USD. */
async function spendAll(bursar: Team): Promise<void> {
  for (let turns = 0; turns < 2; turns += 1) {
    await (await bursar.turn(messagesBody({ max_tokens: 10 }))).text();
    await bursar.settled();
  }
  const refused = await bursar.turn(messagesBody({ max_tokens: 10 }));
  expect(refused.status).toBe(429);
  await refused.body?.cancel();
}

describe('a developer who asks', () => {
  test('gets the request, pending, in the names of the official SDK', async () => {
    const bursar = await team();
    const { status, body } = await bursar.ask(ASKED);
    expect(status).toBe(201);
    expect(body).toEqual({
      type: 'spend_limit_increase_request',
      id: expect.stringMatching(/^increase_[0-9A-Z]{26}$/),
      cost_center: bursar.costCenter,
      actor: {
        type: 'user_actor',
        user_id: DEVELOPER,
        email_address: DEVELOPER,
        name: null,
        deleted: false,
      },
      budget: 'dev-day',
      subject: DEVELOPER,
      period: 'daily',
      extra_usd: '0.05',
      reason: 'release day',
      status: 'pending',
      created_at: '2035-06-13T12:00:00.000Z',
      expires_at: '2035-06-14T12:00:00.000Z',
      resolved_at: null,
      resolved_by: null,
      resolution: null,
      approved_usd: null,
      raise: null,
    });
    const headers = { authorization: `Bearer ${bursar.key}` };
    const mine = await bodyOf(await bursar.call('/v1/me/increase_requests', { headers }));
    expect(mine).toEqual({ status: 200, body: { data: [body], next_cursor: null } });
    const listed = await adminGet(
      bursar,
      `/increase_requests?cost_center=${bursar.costCenter}&status=pending`,
    );
    expect(listed.body).toEqual({ data: [body], next_cursor: null });
  });

  test('is told of to delivery, and by an event that is kept without their words', async () => {
    const bursar = await team();
    const { body } = await bursar.ask(ASKED);
    const facts = { request_id: body.id, extra_usd: '0.05' };
    const event: AlertEvent = {
      event_id: expect.stringMatching(/^[0-9A-Z]{26}$/),
      cost_center: bursar.costCenter,
      on: 'increase_request',
      occurred_at: '2035-06-13T12:00:00.000Z',
      turn_id: null,
      session: null,
      developer: DEVELOPER,
      policy_version: 1,
      budget: 'dev-day',
      subject: DEVELOPER,
      stage: null,
      window_start: '2035-06-12T22:00:00.000Z',
      resets_at: '2035-06-13T22:00:00.000Z',
      standing: { ...facts, reason: 'release day', developer: DEVELOPER },
      context: null,
    };
    expect(bursar.line.told).toEqual([
      { object: bursar.costCenter, call: 'accept', given: [bursar.costCenter, [event]] },
    ]);
    const { body: page } = await adminGet(bursar, `/alerts?cost_center=${bursar.costCenter}`);
    expect(page.data).toMatchObject([{ ...event, standing: facts }]);
    expect(Object.keys(Object(Object(page.data)[0]).standing)).toEqual(['request_id', 'extra_usd']);
    const audit = await adminGet(bursar, `/audit?cost_center=${bursar.costCenter}`);
    expect(audit.body.data).toMatchObject([
      { action: 'increase_request.create', actor: `key:${keyIdOf(bursar.costCenter)}`, target: body.id },
    ]);
    expect(JSON.stringify(audit.body)).not.toContain('release day');
  });

  test('whose request reaches no delivery object has asked all the same', async () => {
    const away = deliveryLine({ accept: () => Promise.reject(new Error('away')) });
    const bursar = await team({ ALERTS: away.ALERTS });
    expect((await bursar.ask(ASKED)).status).toBe(201);
    expect(away.told).toHaveLength(3);
  });

  test('is told of by the next scheduled run where delivery was away', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const away = deliveryLine({ accept: () => Promise.reject(new Error('away')) });
    const bursar = await team({ ALERTS: away.ALERTS });
    const { body } = await bursar.ask(ASKED);
    const back = deliveryLine();
    await scheduled(createScheduledController(), { ...(env as unknown as Env), ALERTS: back.ALERTS });
    const told = back.told.filter(({ object }) => object === bursar.costCenter);
    expect(told).toEqual(away.told.slice(0, 1));
    expect(told).toMatchObject([
      {
        call: 'accept',
        given: [bursar.costCenter, [{ standing: { request_id: body.id, reason: 'release day' } }]],
      },
    ]);
    await bursar.answer(body.id, 'deny');
    await scheduled(createScheduledController(), { ...(env as unknown as Env), ALERTS: back.ALERTS });
    expect(back.told.filter(({ object }) => object === bursar.costCenter)).toHaveLength(1);
  });

  test('for a shared, a key’s and a session’s budget names whom it would be for', async () => {
    const bursar = await team();
    const subjects: unknown[] = [];
    for (const [budget, session] of [
      ['team-day', undefined],
      ['key-week', undefined],
      ['session', 'session-1'],
    ] as const) {
      const { body } = await bursar.ask({ ...ASKED, budget, session });
      subjects.push([body.budget, body.subject, body.period]);
    }
    expect(subjects).toEqual([
      ['team-day', null, 'daily'],
      ['key-week', keyIdOf(bursar.costCenter), 'weekly'],
      ['session', 'session-1', null],
    ]);
  });

  test('a second time for the same budget is a 409 that names the first, until that expires', async () => {
    const bursar = await team();
    const { body: first } = await bursar.ask(ASKED);
    expect(await bursar.ask({ ...ASKED, extra_usd: '0.01' })).toMatchObject({
      status: 409,
      body: { error: { type: 'conflict_error', message: expect.stringContaining(String(first.id)) } },
    });
    expect((await bursar.ask({ ...ASKED, budget: 'team-day' })).status).toBe(201);
    passTime(24 * HOUR_MS);
    const { body: pages } = await adminGet(
      bursar,
      `/increase_requests?cost_center=${bursar.costCenter}&status=expired`,
    );
    expect(Object(pages.data)).toHaveLength(2);
    expect(await bursar.answer(first.id, 'approve')).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('expired at 2035-06-14T12:00:00.000Z') } },
    });
    expect((await bursar.ask(ASKED)).status).toBe(201);
    const { body: again } = await adminGet(
      bursar,
      `/increase_requests?cost_center=${bursar.costCenter}&status=pending`,
    );
    expect(again.data).toMatchObject([{ budget: 'dev-day', status: 'pending' }]);
  });

  test.each<[string, unknown, string[]]>([
    ['for nothing', { ...ASKED, extra_usd: '0' }, ['extra_usd']],
    ['for less', { ...ASKED, extra_usd: '-1' }, ['extra_usd']],
    ['for a number', { ...ASKED, extra_usd: 5 }, ['extra_usd']],
    ['for no amount', { ...ASKED, extra_usd: '1e3' }, ['extra_usd']],
    ['for more than five million', { ...ASKED, budget: 'team-day', extra_usd: '5000000.01' }, ['extra_usd']],
    ['for eleven times the limit', { ...ASKED, extra_usd: '0.11' }, ['extra_usd']],
    ['for more of what is frozen', { ...ASKED, budget: 'frozen', extra_usd: '0.01' }, ['extra_usd']],
    ['for a budget nobody has', { ...ASKED, budget: 'team-year' }, ['budget']],
    ['for a session’s budget without one', { ...ASKED, budget: 'session' }, ['session']],
    ['without a reason', { ...ASKED, reason: ' ' }, ['reason']],
    ['for somebody else', { ...ASKED, developer: 'boss@example.com' }, ['developer']],
    [
      'with everything wrong',
      { budget: 1, extra_usd: '', reason: 'x'.repeat(501) },
      ['budget', 'extra_usd', 'reason'],
    ],
    ['in no JSON', '{', ['body']],
  ])('%s is a 400 that names the field', async (_, body, paths) => {
    const bursar = await team();
    const answer = await bursar.ask(body);
    expect(answer.status).toBe(400);
    const { problems } = Object(answer.body.error);
    expect(problems.map((each: { path: string }) => each.path)).toEqual(paths);
  });

  test('may ask for ten times the limit, exactly', async () => {
    expect((await (await team()).ask({ ...ASKED, extra_usd: '0.10' })).status).toBe(201);
  });

  test('without a policy, with a forged or a revoked key gets an answer that says so', async () => {
    const free = await team({}, null);
    expect(await free.ask(ASKED)).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path: 'budget' }] } },
    });
    const bursar = await team();
    expect((await bursar.ask(ASKED, `${bursar.key.slice(0, -4)}AAAA`)).status).toBe(401);
    await administered(bursar, 'DELETE', `/keys/${keyIdOf(bursar.costCenter)}`);
    expect((await bursar.ask(ASKED)).status).toBe(401);
  });

  test('sees no request of anybody else', async () => {
    const bursar = await team();
    const other = 'kaaaaaaaaaaaaaaaaaaaaaaaa';
    await insertKey(bursar.costCenter, other, 'other@example.com', 1).run();
    await bursar.ask(ASKED);
    const headers = { authorization: `Bearer ${await keyText(bursar.costCenter, other)}` };
    const theirs = await bodyOf(await bursar.call('/v1/me/increase_requests', { headers }));
    expect(theirs).toEqual({ status: 200, body: { data: [], next_cursor: null } });
  });
});

describe('an approval', () => {
  test('is a raise until the window ends, and the very next turn passes', async () => {
    const bursar = await team();
    await spendAll(bursar);
    const { body: asked } = await bursar.ask(ASKED);
    const { status, body } = await bursar.answer(asked.id, 'approve', { reason: 'ship it' });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: asked.id,
      status: 'approved',
      resolved_by: 'admin_token',
      resolved_at: '2035-06-13T12:00:00.000Z',
      resolution: 'ship it',
      approved_usd: '0.05',
      raise: expect.stringMatching(/^raise_/),
    });
    const passed = await bursar.turn(messagesBody({ max_tokens: 10 }));
    expect(passed.status).toBe(200);
    await passed.text();
    const raises = await bodyOf(await administer(bursar, 'GET', '/raises'));
    expect(raises.body.data).toEqual([
      {
        id: body.raise,
        budget: 'dev-day',
        subject: DEVELOPER,
        extra_usd: '0.05',
        until: '2035-06-13T22:00:00.000Z',
        reason: `increase request ${asked.id}: ship it`,
        ended_at: null,
        created_at: '2035-06-13T12:00:00.000Z',
      },
    ]);
    expect(bursar.line.told.at(-1)).toEqual({
      object: bursar.costCenter,
      call: 'resolve',
      given: [bursar.costCenter, 'dev-day', DEVELOPER],
    });
    const audit = await adminGet(bursar, `/audit?cost_center=${bursar.costCenter}&limit=1`);
    expect(audit.body.data).toMatchObject([
      {
        action: 'increase_request.approve',
        actor: 'admin_token',
        before: { status: 'pending' },
        after: { status: 'approved', raise: { id: body.raise, extra_usd: '0.05' } },
      },
    ]);
  });

  test('takes another amount and end, within the ceiling', async () => {
    const bursar = await team();
    const { body: asked } = await bursar.ask(ASKED);
    expect(await bursar.answer(asked.id, 'approve', { extra_usd: '0.11' })).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path: 'extra_usd' }] } },
    });
    expect(await bursar.answer(asked.id, 'approve', { until: '2030-01-01T00:00:00Z' })).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path: 'until' }] } },
    });
    const terms = { extra_usd: '0.02', until: '2035-06-13T14:00:00Z' };
    const { body } = await bursar.answer(asked.id, 'approve', terms);
    expect(body).toMatchObject({ extra_usd: '0.05', approved_usd: '0.02' });
    const raises = await bodyOf(await administer(bursar, 'GET', '/raises'));
    expect(raises.body.data).toMatchObject([{ extra_usd: '0.02', until: '2035-06-13T14:00:00.000Z' }]);
  });

  test('happens once, whatever comes at the same time', async () => {
    const bursar = await team();
    const { body: asked } = await bursar.ask(ASKED);
    const answers = await Promise.all([
      bursar.answer(asked.id, 'approve'),
      bursar.answer(asked.id, 'approve'),
      bursar.answer(asked.id, 'deny'),
    ]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409, 409]);
    const raises = await bodyOf(await administer(bursar, 'GET', '/raises'));
    const isApproved = answers.slice(0, 2).some(({ status }) => status === 200);
    expect(Object(raises.body.data)).toHaveLength(isApproved ? 1 : 0);
  });

  test('of a budget that the live policy has no more is a 409; of no request a 404', async () => {
    const bursar = await team();
    const { body: asked } = await bursar.ask(ASKED);
    const [, ...rest] = POLICY.budgets;
    await administered(bursar, 'POST', '/policies', { policy: { ...POLICY, budgets: rest } });
    await administered(bursar, 'POST', '/policies/2/activate');
    expect(await bursar.answer(asked.id, 'approve')).toMatchObject({ status: 409 });
    expect((await bursar.answer('increase_0', 'approve')).status).toBe(404);
    expect((await bursar.answer('increase_0', 'deny')).status).toBe(404);
  });
});

test('a denial says why, raises nothing, and lets the developer ask again', async () => {
  const bursar = await team();
  const { body: asked } = await bursar.ask(ASKED);
  const { status, body } = await bursar.answer(asked.id, 'deny', { reason: 'tomorrow' });
  expect(status).toBe(200);
  expect(body).toMatchObject({ status: 'denied', resolution: 'tomorrow', raise: null, approved_usd: null });
  expect((await bodyOf(await administer(bursar, 'GET', '/raises'))).body.data).toEqual([]);
  expect(await bursar.answer(asked.id, 'approve')).toMatchObject({
    status: 409,
    body: { error: { message: expect.stringContaining('was denied at') } },
  });
  expect((await bursar.ask(ASKED)).status).toBe(201);
});

test('a raise over the API resolves the incidents of its budget', async () => {
  const bursar = await team();
  const raise = { budget: 'team-day', extra_usd: '1', until: '2035-06-13T20:00:00Z', reason: 'x' };
  await administered(bursar, 'POST', '/raises', raise);
  expect(bursar.line.told).toEqual([
    { object: bursar.costCenter, call: 'resolve', given: [bursar.costCenter, 'team-day', null] },
  ]);
});
