import { describe, expect, test } from 'vitest';
import { type Gateway, gateway, messagesBody, streamedAnswer, streamOf } from './gateway.ts';

async function anyGateway(): Promise<Gateway> {
  return await gateway(null, () => streamOf(streamedAnswer()));
}

interface ErrorBody {
  type: string;
  error: { type: string; message: string };
  request_id: string;
}

describe('a bad body gets a clear error in the envelope, and nothing reaches the upstream', () => {
  test.each<[what: string, body: string, says: string]>([
    ['not JSON', '{"model":', 'body: expected JSON'],
    ['empty', '', 'body: expected JSON'],
    ['invalid UTF-8 escapes', '{"model":"\\ud8', 'body: expected JSON'],
    ['an array', '[]', 'body: expected a JSON object'],
    ['null', 'null', 'body: expected a JSON object'],
    ['no model', '{"messages":[]}', 'model: expected'],
    ['an empty model', '{"model":"","messages":[]}', 'model: expected'],
    ['a number as model', '{"model":5,"messages":[]}', 'model: expected'],
    ['messages missing', '{"model":"claude-opus-5-5"}', 'messages: expected an array'],
    ['messages a string', '{"model":"claude-opus-5-5","messages":"hi"}', 'messages: expected an array'],
  ])('%s', async (_what, body, says) => {
    const bursar = await anyGateway();
    const response = await bursar.turn(body);
    expect(response.status).toBe(400);
    const answer = (await response.json()) as ErrorBody;
    expect(answer).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
    expect(answer.error.message).toContain(says);
    expect(answer.request_id).toBe(response.headers.get('request-id'));
    expect(bursar.sent).toHaveLength(0);
  });

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/jsonp',
  ])('content type %s', async (type) => {
    const bursar = await anyGateway();
    const response = await bursar.turn(messagesBody(), { headers: { 'content-type': type } });
    expect(response.status).toBe(400);
    expect(((await response.json()) as ErrorBody).error.message).toContain(
      'content-type: expected application/json',
    );
  });

  test('a body of 40 MB is a 413', async () => {
    const bursar = await anyGateway();
    const response = await bursar.turn(new Uint8Array(40 * 1024 * 1024));
    expect(response.status).toBe(413);
    expect(((await response.json()) as ErrorBody).error.type).toBe('request_too_large');
  });

  test('a body of 31 MB passes', async () => {
    const bursar = await anyGateway();
    const content = 'x'.repeat(31 * 1024 * 1024);
    const response = await bursar.turn(messagesBody({ messages: [{ role: 'user', content }] }));
    await response.text();
    expect(response.status).toBe(200);
    expect(bursar.sent[0]?.body.byteLength).toBeGreaterThan(31 * 1024 * 1024);
  });

  test('an unknown path is a 404', async () => {
    const bursar = await anyGateway();
    const response = await bursar.call('/v1/nothing');
    expect(response.status).toBe(404);
    expect(((await response.json()) as ErrorBody).error).toEqual({
      type: 'not_found_error',
      message: 'There is nothing at GET /v1/nothing.',
    });
  });
});

describe('a bad key is one 401 that no client tries again', () => {
  const forged = (key: string): string => `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`;
  test.each<[what: string, headers: (key: string) => Record<string, string>]>([
    ['none', () => ({})],
    ['not one of ours', () => ({ authorization: 'Bearer sk-ant-api03-x' })],
    ['a mac with its last character changed', (key) => ({ authorization: `Bearer ${forged(key)}` })],
    ['the same as x-api-key', (key) => ({ 'x-api-key': forged(key) })],
    [
      'another cost center’s name in it',
      (key) => ({ authorization: `Bearer ${key.replace(/squad-\d+/, 'other')}` }),
    ],
    ['10 KB long', () => ({ authorization: `Bearer bk_${'a'.repeat(10_000)}` })],
    [
      'a secret generation that never was',
      (key) => ({ authorization: `Bearer ${key.replace('.1_', '.9_')}` }),
    ],
    ['basic authentication', () => ({ authorization: 'Basic Ym86Ym8=' })],
  ])('%s', async (_what, headers) => {
    const bursar = await anyGateway();
    const response = await bursar.call('/v1/messages', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers(bursar.key) },
      body: JSON.stringify(messagesBody()),
    });
    expect(response.status).toBe(401);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(((await response.json()) as ErrorBody).error.type).toBe('authentication_error');
    expect(bursar.sent).toHaveLength(0);
  });
});

describe('a gateway that is not configured says what is missing', () => {
  test.each([
    [{ KEY_SECRETS: undefined }, 'KEY_SECRETS'],
    [{ KEY_SECRETS: '1:short' }, 'KEY_SECRETS'],
    [{ SIGNING_KEYS: undefined }, 'SIGNING_KEYS'],
    [{ SIGNING_KEYS: '1:short' }, 'SIGNING_KEYS'],
    [{ POLICY_APPROVAL: 'maybe' }, 'POLICY_APPROVAL'],
    [{ POLICY_FOUR_EYES: 'true' }, 'POLICY_FOUR_EYES'],
    [{ ADMIN_TOKEN: undefined }, 'ADMIN_TOKEN'],
    [{ ANTHROPIC_API_KEY: undefined }, 'ANTHROPIC_API_KEY'],
    [{ PROVIDER: 'openai' }, 'PROVIDER'],
    [{ ANTHROPIC_UPSTREAM_URL: 'not a url' }, 'ANTHROPIC_UPSTREAM_URL'],
    [{ ANTHROPIC_VERSION: 'latest' }, 'ANTHROPIC_VERSION'],
  ])('%j', async (overrides, named) => {
    const bursar = await gateway(null, () => streamOf(streamedAnswer()), overrides as object);
    const response = await bursar.turn(messagesBody());
    expect(response.status).toBe(500);
    expect(((await response.json()) as ErrorBody).error.message).toContain(named);
  });
});
