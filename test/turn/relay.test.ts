import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { completed, keyIdOf, openRequest, usageOf, walletStub } from '../fixture.ts';
import { drained } from '../wallet/scenario.ts';
import { administered } from './admin.ts';
import { type Gateway, gateway, messagesBody, type Sent } from './gateway.ts';
import { failing, providerTeam } from './provider-team.ts';

const BUDGET = { budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '10' }] };

function headersOf({ key }: Gateway, more: Record<string, string> = {}): Record<string, string> {
  return { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...more };
}

async function count(bursar: Gateway, body = JSON.stringify(messagesBody()), more = {}): Promise<Response> {
  const init = { method: 'POST', headers: headersOf(bursar, more), body };
  return await bursar.call('/v1/messages/count_tokens?beta=true', init);
}

const counted = (): Response => Response.json({ input_tokens: 7 }, { headers: { 'request-id': 'req_up' } });

async function alertsOf({ costCenter }: Gateway): Promise<Record<string, unknown>[]> {
  await drained(walletStub(costCenter));
  const query = 'SELECT * FROM alert_events WHERE cost_center = ?';
  return (await env.DB.prepare(query).bind(costCenter).all()).results;
}

describe('counting tokens', () => {
  test('passes the body’s very bytes and the answer’s', async () => {
    const bursar = await gateway(BUDGET, counted);
    const body = '{ "model":"claude-opus-5-5", "messages":[], "unknown": 1e3 }';
    const response = await count(bursar, body, { 'anthropic-beta': 'a,b' });
    expect(response.status).toBe(200);
    expect(response.headers.get('request-id')).toBe('req_up');
    expect(await response.text()).toBe('{"input_tokens":7}');
    const [sent] = bursar.sent;
    expect(sent?.url).toBe('https://api.anthropic.com/v1/messages/count_tokens?beta=true');
    expect(new TextDecoder().decode(sent?.body)).toBe(body);
    expect(sent?.headers.get('x-api-key')).toBe('test-upstream-key');
    expect(sent?.headers.get('anthropic-beta')).toBe('a,b');
    expect(sent?.headers.get('anthropic-version')).toBe('2023-06-01');
    expect(sent?.headers.has('authorization')).toBe(false);
  });

  test('is never held nor charged, and leaves no entry', async () => {
    let heldMeanwhile: unknown[] = [];
    const bursar: Gateway = await gateway(BUDGET, async () => {
      heldMeanwhile = await walletStub(bursar.costCenter).holds();
      return counted();
    });
    await (await count(bursar)).text();
    expect(heldMeanwhile).toEqual([]);
    expect(await bursar.entries()).toEqual([]);
    const [standing] = (await walletStub(bursar.costCenter).view(bursar.costCenter)).budgets;
    expect(standing).toMatchObject({ settledNanoUsd: 0, heldNanoUsd: 0 });
  });

  test('works over the budget’s pause line, where a turn is refused', async () => {
    const bursar = await gateway(BUDGET, counted);
    const wallet = walletStub(bursar.costCenter);
    const spent = `${bursar.costCenter}-spent`;
    await wallet.open(openRequest(bursar.costCenter, spent, { bodyBytes: 10, maxTokens: 10 }));
    await wallet.settle(completed(spent, usageOf({ outputTokens: 600_000 })));
    expect((await bursar.turn(messagesBody())).status).toBe(429);
    expect((await count(bursar)).status).toBe(200);
  });

  test('shows the prompt to no provider that the policy keeps turns from', async () => {
    const policy = { ...BUDGET, allowed_providers: ['b'] };
    const team = await providerTeam(policy, { a: { answers: counted }, b: { answers: failing(500) } });
    expect((await count(team.bursar)).status).toBe(500);
    const withOwn = await providerTeam(policy, { a: { answers: counted } }, { OWN_CREDENTIALS: 'on' });
    const headers = { 'x-bursar-key': withOwn.bursar.key, authorization: 'Bearer sk-ant-oat01-mine' };
    expect((await count(withOwn.bursar, JSON.stringify(messagesBody()), headers)).status).toBe(403);
    expect([...team.asked(), ...withOwn.asked()]).toEqual(['b']);
  });

  test('of no model in particular uses no credential of another cost center', async () => {
    const theirs = { answers: counted, settings: { cost_centers: ['somebody-else'] } };
    const team = await providerTeam(BUDGET, { theirs, common: { answers: counted } });
    await count(team.bursar, '{}');
    await team.bursar.call('/v1/models', { headers: headersOf(team.bursar) });
    expect(team.asked()).toEqual(['common', 'common']);
  });

  test('works 26 times at once, as /context asks', async () => {
    const bursar = await gateway(BUDGET, counted);
    const body = JSON.stringify(messagesBody());
    const size = { 'content-length': String(body.length) };
    const answers = await Promise.all(Array.from({ length: 26 }, () => count(bursar, body, size)));
    expect(answers.map((answer) => answer.status)).toEqual(Array(26).fill(200));
  });

  test.each([400, 404, 429, 500, 529])('passes an upstream’s %i as it is', async (status) => {
    const body = { type: 'error', error: { type: 'some_error', message: 'because' } };
    const bursar = await gateway(BUDGET, () => Response.json(body, { status }));
    const response = await count(bursar);
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual(body);
    expect(response.headers.get('request-id')).toMatch(/^req_/);
  });

  test('keeps the organisation’s limits to itself', async () => {
    const limits = { 'anthropic-ratelimit-requests-remaining': '12' };
    const bursar = await gateway(BUDGET, () => Response.json({ input_tokens: 7 }, { headers: limits }));
    expect((await count(bursar)).headers.has('anthropic-ratelimit-requests-remaining')).toBe(false);
  });

  test('is a 502 where the upstream cannot be reached', async () => {
    const bursar = await gateway(BUDGET, () => {
      throw new TypeError('connection refused');
    });
    const response = await count(bursar);
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ type: 'error', error: { type: 'api_error' } });
  });

  test.each<[what: string, headers: Record<string, string>, status: number]>([
    ['of another type than JSON', { 'content-type': 'text/plain' }, 400],
    ['said to be of 40 MB', { 'content-length': String(40 * 1024 * 1024) }, 413],
  ])('of a body %s is refused here', async (_what, headers, status) => {
    const bursar = await gateway(BUDGET, counted);
    expect((await count(bursar, '{}', headers)).status).toBe(status);
    expect(bursar.sent).toHaveLength(0);
  });
});

describe('an upstream that refuses the gateway’s own credential', () => {
  test.each([401, 403])('with %i: counting is a 502, and an admin is told', async (status) => {
    const bursar = await gateway(BUDGET, () => Response.json({ error: 'invalid x-api-key' }, { status }));
    const response = await count(bursar);
    expect(response.status).toBe(502);
    expect(await response.text()).not.toContain('invalid x-api-key');
    await bursar.settled();
    const [alert, ...others] = await alertsOf(bursar);
    expect(others).toEqual([]);
    expect(alert).toMatchObject({ on: 'upstream_credential', turn_id: null, policy_version: 1 });
    expect(JSON.parse(String(alert?.standing))).toMatchObject({ provider: 'anthropic', status });
    expect(String(alert?.standing)).not.toContain('test-upstream-key');
  });

  test('in a turn and while counting tells the admin once an hour, of the turn first', async () => {
    const bursar = await gateway(BUDGET, () => Response.json({}, { status: 401 }));
    const response = await bursar.turn(messagesBody());
    await bursar.settled();
    await count(bursar);
    await bursar.settled();
    expect(await alertsOf(bursar)).toMatchObject([
      { on: 'upstream_credential', turn_id: response.headers.get('x-bursar-turn-id') },
    ]);
  });
});

describe('the models', () => {
  const answer = ({ url }: Sent): Response => Response.json({ asked: new URL(url).pathname });

  test.each([
    '/v1/models',
    '/v1/models?limit=1000',
    '/v1/models/claude-opus-5-5',
  ])('%s comes from upstream, as it is for a client of its API', async (path) => {
    const bursar = await gateway(BUDGET, answer);
    const headers = headersOf(bursar, { 'anthropic-version': '2023-06-01' });
    const response = await bursar.call(path, { headers });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ asked: path.replace(/\?.*/, '') });
    expect(bursar.sent[0]).toMatchObject({ method: 'GET', url: `https://api.anthropic.com${path}` });
    expect(bursar.sent[0]?.body).toHaveLength(0);
  });
});

describe('the key of a call that is no turn', () => {
  const calls: [path: string, init: RequestInit][] = [
    ['/v1/messages/count_tokens', { method: 'POST', body: '{}' }],
    ['/v1/models', {}],
    ['/v1/models/claude-opus-5-5', {}],
  ];
  test.each(calls)('is asked for: %s', async (path, init) => {
    const bursar = await gateway(BUDGET, counted);
    const headers = { 'content-type': 'application/json' };
    const response = await bursar.call(path, { ...init, headers });
    expect(response.status).toBe(401);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(bursar.sent).toHaveLength(0);
  });

  test.each(calls)('is checked with the wallet: %s', async (path, init) => {
    const bursar = await gateway(BUDGET, counted);
    await administered(bursar, 'PATCH', `/keys/${keyIdOf(bursar.costCenter)}`, { enabled: false });
    const response = await bursar.call(path, { ...init, headers: headersOf(bursar) });
    expect(response.status).toBe(401);
    expect(await response.text()).toContain('is disabled');
    expect(bursar.sent).toHaveLength(0);
  });
});

describe('what needs no key', () => {
  test('HEAD /api/hello, which a client asks at its start', async () => {
    const bursar = await gateway(null, counted);
    const response = await bursar.call('/api/hello', { method: 'HEAD' });
    expect(response.status).toBe(200);
    expect(response.headers.get('request-id')).toMatch(/^req_/);
    expect(bursar.sent).toHaveLength(0);
  });

  test('GET /healthz, which says what stands behind', async () => {
    const bursar = await gateway(null, counted);
    const response = await bursar.call('/healthz');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ status: 'ok', provider: 'anthropic', providers: ['anthropic'] });
  });
});
