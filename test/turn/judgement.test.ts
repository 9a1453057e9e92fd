/** What people do beside a policy, as the very next turn meets it: raises, stops, exemptions and preferences. */
import { evictDurableObject } from 'cloudflare:test';
import { describe, expect, test, vi } from 'vitest';
import { BROKEN, walletLine } from '../faults/wallet-line.ts';
import { completed, openRequest, walletStub } from '../fixture.ts';
import { costing, passTime, useFakeClock } from '../wallet/scenario.ts';
import { administer, administered, issuedKey } from './admin.ts';
import { type Gateway, gateway, messagesBody, streamedAnswer, streamOf } from './gateway.ts';

const HOUR_MS = 3_600_000;
const OPUS = 'claude-opus-5-5';
const HAIKU = 'claude-haiku-5-5';

useFakeClock();

const budgetOf = (id: string, scope: string, limitUsd: string): object => ({
  budgets: [{ id, scope, window: 'day', limit_usd: limitUsd }],
});
const TEAM = budgetOf('team-day', 'cost_center', '10');

async function gatewayTo(policy: object | null, overrides = {}): Promise<Gateway> {
  return await gateway(policy, () => streamOf(streamedAnswer()), overrides);
}

/** Spends money with a key, by default the gateway's own. */
async function spend({ costCenter }: Gateway, usd: number, keyId?: string): Promise<void> {
  const wallet = walletStub(costCenter);
  const request = openRequest(costCenter, crypto.randomUUID(), { session: 'earlier', maxTokens: 10 });
  await wallet.open(keyId === undefined ? request : { ...request, keyId });
  await wallet.settle(completed(request.turnId, costing(usd)));
}

interface Asking {
  key?: string;
  session?: string;
  model?: string;
}

/** A whole turn, and what its headers say of it. */
async function turn(bursar: Gateway, { key = bursar.key, session = 's1', model = OPUS }: Asking = {}) {
  const headers = { authorization: `Bearer ${key}`, 'x-claude-code-session-id': session };
  const response = await bursar.turn(messagesBody({ model }), { headers });
  const text = await response.text();
  const said = (name: string): string | null => response.headers.get(`x-bursar-${name}`);
  return {
    status: response.status,
    text,
    model: said('model'),
    decision: said('decision'),
    reason: said('reason'),
  };
}

function inHours(hours: number): string {
  return new Date(Date.now() + hours * HOUR_MS).toISOString();
}

async function json(response: Response): Promise<object> {
  return (await response.json()) as object;
}

async function raise(bursar: Gateway, change: object = {}): Promise<string> {
  const body = { budget: 'team-day', extra_usd: '5', until: inHours(1), reason: 'release', ...change };
  const response = await administer(bursar, 'POST', '/raises', body);
  expect(response.status).toBe(201);
  return String(Object(await response.json()).id);
}

/** A key of another developer of the same cost center. */
async function colleague(bursar: Gateway) {
  return await issuedKey(await administer(bursar, 'POST', '/keys', { developer: 'ada@example.com' }));
}

describe('a raise', () => {
  test('lets the very next turn pass a paused wallet, shows there and in the entry, and ends by itself', async () => {
    const bursar = await gatewayTo(TEAM);
    await spend(bursar, 11);
    expect(await turn(bursar)).toMatchObject({ status: 429, reason: expect.stringContaining('team-day') });
    await raise(bursar);
    expect(await turn(bursar)).toMatchObject({ status: 200, model: OPUS, decision: 'proceed' });
    expect(await json(await administer(bursar, 'GET', '/wallet'))).toMatchObject({
      budgets: [{ id: 'team-day', limit_usd: '15.00', raised_usd: '5.00', stage: 'none' }],
    });
    const { standing } = (await bursar.entries()).at(-1) ?? {};
    expect(JSON.parse(String(standing))).toMatchObject([
      { budget: 'team-day', limit_nano_usd: 15e9, raised_nano_usd: 5e9 },
    ]);
    passTime(HOUR_MS - 1);
    expect((await turn(bursar)).status).toBe(200);
    passTime(1);
    expect((await turn(bursar)).status).toBe(429);
    expect(await json(await administer(bursar, 'GET', '/wallet'))).toMatchObject({
      budgets: [{ limit_usd: '10.00', raised_usd: '0.00', stage: 'pause' }],
    });
  });

  test('ends with the call that ends it, and raises add up until then', async () => {
    const bursar = await gatewayTo(TEAM);
    await spend(bursar, 19);
    await raise(bursar);
    expect((await turn(bursar)).status).toBe(429);
    const second = await raise(bursar);
    expect((await turn(bursar)).status).toBe(200);
    await administered(bursar, 'DELETE', `/raises/${second}`);
    expect((await turn(bursar)).status).toBe(429);
  });

  test('for one developer lifts nobody else', async () => {
    const bursar = await gatewayTo(budgetOf('dev-day', 'developer', '10'));
    const ada = await colleague(bursar);
    await spend(bursar, 11);
    await spend(bursar, 11, ada.id);
    await raise(bursar, { budget: 'dev-day', subject: 'Ada@Example.com' });
    expect((await turn(bursar, { key: ada.secret })).status).toBe(200);
    expect((await turn(bursar)).status).toBe(429);
  });

  test('and a stop reach a wallet that was evicted, and stay there when it is again', async () => {
    const bursar = await gatewayTo(TEAM);
    const wallet = walletStub(bursar.costCenter);
    await spend(bursar, 11);
    await evictDurableObject(wallet);
    await raise(bursar);
    await administered(bursar, 'POST', '/sessions/s2/stop', { reason: 'loops' });
    await evictDurableObject(wallet);
    expect((await turn(bursar)).status).toBe(200);
    expect(await turn(bursar, { session: 's2' })).toMatchObject({ status: 429, reason: 'stopped' });
  });
});

describe('a session that was stopped', () => {
  test('is refused with its reason while another one goes on, and goes on after the lift', async () => {
    const bursar = await gatewayTo(TEAM);
    const session = 'a/b c';
    const path = `/sessions/${encodeURIComponent(session)}/stop`;
    expect((await turn(bursar, { session })).status).toBe(200);
    await administered(bursar, 'POST', path, { reason: 'it loops over one test' });
    const refused = await turn(bursar, { session });
    expect(refused).toMatchObject({ status: 429, decision: 'refuse', reason: 'stopped' });
    expect(refused.text).toContain('was stopped: it loops over one test; start a new session');
    expect((await turn(bursar, { session: 'other' })).status).toBe(200);
    await administered(bursar, 'DELETE', path);
    expect((await turn(bursar, { session })).status).toBe(200);
    expect((await bursar.entries()).map(({ kind, reasons }) => [kind, reasons])).toEqual([
      ['charge', '[]'],
      ['refusal', '["stopped"]'],
      ['charge', '[]'],
      ['charge', '[]'],
    ]);
  });
});

describe('a cost center that is exempt', () => {
  test('goes on at the asked model at 200 %, is charged, and is bound again after its instant', async () => {
    const bursar = await gatewayTo(TEAM);
    await spend(bursar, 20);
    expect((await turn(bursar)).status).toBe(429);
    await administered(bursar, 'POST', '/exempt', { reason: 'incident 42', until: inHours(1) });
    expect(await turn(bursar)).toMatchObject({
      status: 200,
      model: OPUS,
      decision: 'proceed',
      reason: 'exempt',
    });
    expect((await bursar.entries()).at(-1)).toMatchObject({
      kind: 'charge',
      reasons: '["exempt"]',
      charged_nano_usd: expect.toSatisfy((nanoUsd: number) => nanoUsd > 0),
    });
    passTime(HOUR_MS);
    expect((await turn(bursar)).status).toBe(429);
  });

  test('is bound again when the exemption is taken back', async () => {
    const bursar = await gatewayTo(TEAM);
    await spend(bursar, 20);
    await administered(bursar, 'POST', '/exempt', { reason: 'incident 42', until: inHours(1) });
    await administered(bursar, 'DELETE', '/exempt');
    expect((await turn(bursar)).status).toBe(429);
  });
});

/** Calls /v1/me/prefer; the body as it is where it is text. */
async function prefer(bursar: Gateway, body: unknown, headers: Record<string, string> = {}) {
  const response = await bursar.call('/v1/me/prefer', {
    method: 'POST',
    headers: { authorization: `Bearer ${bursar.key}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  expect(response.headers.get('request-id')).toMatch(/^req_/);
  return { status: response.status, headers: response.headers, body: await json(response) };
}

describe('a preference', () => {
  test('steps its session down from the next turn on, no other, and is taken back', async () => {
    const bursar = await gatewayTo(TEAM);
    const wish = await prefer(bursar, { session: 's1', model: 'claude-haiku-4-5' });
    expect(wish).toMatchObject({ status: 200 });
    expect(wish.body).toEqual({ session: 's1', model: 'claude-haiku-4-5-20251001' });
    await prefer(bursar, { session: 's1', model: HAIKU });
    expect(await turn(bursar)).toMatchObject({ model: HAIKU, decision: 'downgrade', reason: 'preferred' });
    expect(await turn(bursar, { session: 's2' })).toMatchObject({ model: OPUS, decision: 'proceed' });
    expect((await bursar.entries()).map(({ reasons }) => reasons)).toEqual(['["preferred"]', '[]']);
    const back = await prefer(bursar, { session: 's1', model: null });
    expect(back.body).toEqual({ session: 's1', model: null });
    expect(await turn(bursar)).toMatchObject({ model: OPUS, decision: 'proceed' });
  });

  test('never moves a turn to a dearer model', async () => {
    const bursar = await gatewayTo(TEAM);
    await prefer(bursar, { session: 's1', model: OPUS });
    expect(await turn(bursar, { model: HAIKU })).toMatchObject({ model: HAIKU, decision: 'proceed' });
    expect(await turn(bursar)).toMatchObject({ model: OPUS, decision: 'proceed', reason: '' });
  });

  test('of another developer does not touch mine, though we name our sessions alike', async () => {
    const bursar = await gatewayTo(TEAM);
    const ada = await colleague(bursar);
    const headers = { authorization: '', 'x-api-key': ada.secret };
    expect((await prefer(bursar, { session: 's1', model: HAIKU }, headers)).status).toBe(200);
    expect(await turn(bursar)).toMatchObject({ model: OPUS });
    expect(await turn(bursar, { key: ada.secret })).toMatchObject({ model: HAIKU, reason: 'preferred' });
  });

  test('is taken whatever is spent, paused or stopped', async () => {
    const bursar = await gatewayTo(TEAM);
    await spend(bursar, 20);
    await administered(bursar, 'POST', '/pause', { reason: 'a key leaked' });
    await administered(bursar, 'POST', '/sessions/s1/stop', { reason: 'loops' });
    expect((await prefer(bursar, { session: 's1', model: HAIKU })).status).toBe(200);
  });

  test.each<[string, unknown, string[]]>([
    ['without a session', { model: HAIKU }, ['session']],
    ['of an empty session', { session: '', model: HAIKU }, ['session']],
    ['of a session of 201 characters', { session: 's'.repeat(201), model: HAIKU }, ['session']],
    ['without a model', { session: 's1' }, ['model']],
    ['for a model nobody knows', { session: 's1', model: 'gpt-9' }, ['model']],
    ['for a model that has retired', { session: 's1', model: 'claude-3-5-haiku-20241022' }, ['model']],
    ['with an unknown field', { session: 's1', model: HAIKU, budget: 'team-day' }, ['budget']],
    ['with everything wrong', { model: 'gpt-9', why: 'x' }, ['session', 'model', 'why']],
    ['that is a list', [], ['$']],
    ['that is not JSON', '{"session":', ['body']],
  ])('%s is a 400 that names the field', async (_what, body, paths) => {
    const answer = await prefer(await gatewayTo(null), body);
    expect(answer).toMatchObject({ status: 400, body: { error: { type: 'invalid_request_error' } } });
    expect(answer.body).toMatchObject({ error: { problems: paths.map((path) => ({ path })) } });
  });

  test('of another content type is a 400, and of more than 16 KB a 413', async () => {
    const bursar = await gatewayTo(null);
    expect((await prefer(bursar, {}, { 'content-type': 'text/plain' })).status).toBe(400);
    const large = await prefer(bursar, { session: 's'.repeat(17_000), model: null });
    expect(large).toMatchObject({ status: 413, body: { error: { type: 'request_too_large' } } });
  });

  test('with a key that is none, forged or revoked is the 401 of any other call', async () => {
    const bursar = await gatewayTo(null);
    const ada = await colleague(bursar);
    await administered(bursar, 'DELETE', `/keys/${ada.id}`);
    for (const authorization of ['', 'Bearer bk_forged', `Bearer ${ada.secret}`]) {
      const answer = await prefer(bursar, { session: 's1', model: HAIKU }, { authorization });
      expect(answer).toMatchObject({ status: 401, body: { error: { type: 'authentication_error' } } });
      expect(answer.headers.get('x-should-retry')).toBe('false');
    }
  });

  test('while the wallet is away is a 529', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    const line = walletLine('prefer', () => {
      passTime(10_000);
      return Promise.reject(BROKEN);
    });
    const bursar = await gatewayTo(null, { WALLET: line.wallets });
    const answer = await prefer(bursar, { session: 's1', model: HAIKU });
    expect(answer).toMatchObject({ status: 529, body: { error: { type: 'overloaded_error' } } });
  });
});
