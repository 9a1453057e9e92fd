import { env } from 'cloudflare:workers';
import { describe, expect, test, vi } from 'vitest';
import { call, makeCostCenter, send, storedRevision, walletRevision } from './admin-calls.ts';

const AUTHORIZED = { authorization: `Bearer ${env.ADMIN_TOKEN}` };

describe('an admin call', () => {
  test.each<[string, Record<string, string>]>([
    ['without a token', {}],
    ['with a wrong token', { authorization: 'Bearer wrong-token-0001' }],
    ['with the token as x-api-key', { 'x-api-key': env.ADMIN_TOKEN }],
  ])('%s is a 401, whatever it asks for', async (_what, headers) => {
    for (const path of ['/cost_centers', '/nowhere', '/cost_centers/nobody/keys']) {
      const answer = await send(path, { headers });
      expect(answer).toMatchObject({
        status: 401,
        body: { type: 'error', error: { type: 'authentication_error' } },
      });
      expect(answer.headers.get('request-id')).toBe(Object(answer.body).request_id);
    }
  });

  test('to a path that is none is a 404 with a request id', async () => {
    for (const [method, path] of [
      ['GET', '/nowhere'],
      ['GET', '/'],
      ['PUT', '/cost_centers'],
    ] as const) {
      const answer = await call(method, path);
      expect(answer).toMatchObject({ status: 404, body: { error: { type: 'not_found_error' } } });
      expect(answer.headers.get('request-id')).toMatch(/^req_/);
    }
  });

  test.each<[string, Record<string, string>, string]>([
    ['that is not JSON', { 'content-type': 'application/json' }, '{"id":'],
    ['that is empty', { 'content-type': 'application/json' }, ''],
    ['of another type', { 'content-type': 'text/plain' }, '{}'],
    ['of a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'id=squad'],
    ['that is no object', { 'content-type': 'application/json' }, '[]'],
    ['that is null', { 'content-type': 'application/json' }, 'null'],
  ])('with a body %s is a 400', async (_what, headers, body) => {
    const answer = await send('/cost_centers', {
      method: 'POST',
      headers: { ...AUTHORIZED, ...headers },
      body,
    });
    expect(answer).toMatchObject({ status: 400, body: { error: { type: 'invalid_request_error' } } });
    expect(answer.headers.get('request-id')).toMatch(/^req_/);
  });

  test('with a body of 40 MB is a 413', async () => {
    const body = 'x'.repeat(40 * 1024 * 1024);
    const headers = { ...AUTHORIZED, 'content-type': 'application/json' };
    expect(await send('/cost_centers', { method: 'POST', headers, body })).toMatchObject({
      status: 413,
      body: { error: { type: 'request_too_large' } },
    });
  });
});

describe('while D1 is away', () => {
  const away = new Error('D1_ERROR: Network connection lost.');
  const statement = {
    bind: () => statement,
    all: () => Promise.reject(away),
    raw: () => Promise.reject(away),
    run: () => Promise.reject(away),
  };
  const DB = { prepare: () => statement, batch: () => Promise.reject(away) } as unknown as D1Database;

  test.each([
    ['GET', '/cost_centers', undefined],
    ['GET', '/ledger', undefined],
    [
      'POST',
      '/cost_centers',
      { id: 'lost', name: 'Lost', timezone: 'UTC', manager: { name: 'A', email: 'a@b.co' } },
    ],
    ['DELETE', '/cost_centers/squad/keys/k1', undefined],
  ])('%s %s is a 503 that can be tried again', async (method, path, body) => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const answer = await call(method, path, body, { DB });
    expect(answer).toMatchObject({ status: 503, body: { error: { type: 'api_error' } } });
    expect(answer.headers.get('retry-after')).toBe('2');
  });
});

describe('while the wallet is away', () => {
  /** A namespace whose wallet fails `failures` calls before it answers. */
  function failing(failures: number): typeof env.WALLET {
    let left = failures;
    return new Proxy(env.WALLET, {
      get(target, name) {
        if (name === 'get' && left > 0) {
          left -= 1;
          return () => ({ refresh: () => Promise.reject(new Error('the object was reset')) });
        }
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  test('a change is stored, answered with a 503, and confirmed by the same call again', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    await makeCostCenter('cut-off');
    const pause = () =>
      call('POST', '/cost_centers/cut-off/archive', undefined, { WALLET: failing(Infinity) });
    expect(await pause()).toMatchObject({
      status: 503,
      body: {
        error: {
          type: 'api_error',
          message: expect.stringContaining('the change of cost center cut-off is stored'),
        },
      },
    });
    expect((await call('GET', '/cost_centers/cut-off')).body).toMatchObject({
      archived_at: expect.any(String),
    });
    const revision = await storedRevision('cut-off');
    expect((await call('POST', '/cost_centers/cut-off/archive')).status).toBe(200);
    expect(await storedRevision('cut-off')).toBe(revision);
    expect(await walletRevision('cut-off')).toBe(revision);
  }, 15_000);

  test('a hiccup of it is not noticed', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    await makeCostCenter('hiccup');
    const answer = await call(
      'POST',
      '/cost_centers/hiccup/keys',
      { developer: 'dev' },
      { WALLET: failing(2) },
    );
    expect(answer.status).toBe(201);
  });

  test('its view is a 503', async () => {
    vi.spyOn(console, 'warn').mockImplementation(() => {});
    await makeCostCenter('unseen');
    const answer = await call('GET', '/cost_centers/unseen/wallet', undefined, { WALLET: failing(Infinity) });
    expect(answer).toMatchObject({
      status: 503,
      body: { error: { message: 'the wallet cannot be reached; try again' } },
    });
  }, 15_000);
});
