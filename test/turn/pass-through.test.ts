import { describe, expect, test } from 'vitest';
import { gateway, messagesBody, streamedAnswer, streamOf, USAGE, USAGE_NANO_USD } from './gateway.ts';

const BUDGET = { budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '100' }] };

describe('a turn whose model is not changed', () => {
  test('reaches the upstream with the very bytes of its body', async () => {
    const bursar = await gateway(BUDGET, () => streamOf(streamedAnswer()));
    const body =
      '{ "model":"claude-opus-5-5",\n "messages":[{"role":"user","content":"h\\u00e9 \u{1F600}"}], "max_tokens":1e3, "unknown":{"b":1,"a":[]}}';
    await (await bursar.turn(body)).text();
    expect(new TextDecoder().decode(bursar.sent[0]?.body)).toBe(body);
  });

  test('comes back with the very bytes of the answer, pings included', async () => {
    const bursar = await gateway(BUDGET, () => streamOf(streamedAnswer()));
    const response = await bursar.turn(messagesBody());
    expect(await response.text()).toBe(streamedAnswer());
  });

  test('keeps its path and query', async () => {
    const bursar = await gateway(BUDGET, () => streamOf(streamedAnswer()));
    const headers = { authorization: `Bearer ${bursar.key}`, 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: JSON.stringify(messagesBody()) };
    await (await bursar.call('/v1/messages?beta=true', init)).text();
    expect(bursar.sent[0]?.url).toBe('https://api.anthropic.com/v1/messages?beta=true');
  });

  test('is charged exactly what the upstream says it used', async () => {
    const bursar = await gateway(BUDGET, () => streamOf(streamedAnswer()));
    await (await bursar.turn(messagesBody())).text();
    expect(await bursar.entries()).toMatchObject([
      {
        kind: 'charge',
        charged_nano_usd: USAGE_NANO_USD,
        estimated: 0,
        stop_reason: 'end_turn',
        http_status: 200,
        provider: 'anthropic',
        upstream_request_id: 'req_upstream_1',
      },
    ]);
  });

  test.each([
    ['of a length that is known', true],
    ['of a length that is not', false],
  ])('not streamed, %s, is charged the same', async (_, isLengthKnown) => {
    const answer = {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'claude-opus-5-5',
      content: [{ type: 'text', text: 'Hi' }],
      stop_reason: 'end_turn',
      usage: USAGE,
    };
    const length = String(JSON.stringify(answer).length);
    const headers = isLengthKnown ? { 'content-length': length } : {};
    const bursar = await gateway(BUDGET, () => Response.json(answer, { headers }));
    const response = await bursar.turn(messagesBody({ stream: false }));
    expect(await response.json()).toEqual(answer);
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge', charged_nano_usd: USAGE_NANO_USD }]);
  });
});

describe('headers on the way up', () => {
  async function upstreamHeadersOf(headers: Record<string, string>): Promise<Headers> {
    const bursar = await gateway(BUDGET, () => streamOf(streamedAnswer()));
    await (await bursar.turn(messagesBody(), { headers })).text();
    return bursar.sent[0]?.headers ?? new Headers();
  }

  test.each([
    ['anthropic-beta', 'context-management-2025-06-27,unheard-of-2027-01-01'],
    ['anthropic-version', '2026-10-21'],
    ['anthropic-workspace-id', 'wrk_1'],
    ['anthropic-unheard-of', 'x'],
    ['x-stainless-lang', 'js'],
    ['user-agent', 'claude-cli/2.1.330'],
  ])('%s passes unchanged', async (name, value) => {
    expect((await upstreamHeadersOf({ [name]: value })).get(name)).toBe(value);
  });

  test.each([
    ['cookie', 'a=b'],
    ['x-claude-code-session-id', 's'],
    ['x-client-request-id', 'r'],
    ['x-bursar-simulate', 'fail=500'],
    ['x-forwarded-for', '10.0.0.1'],
    ['proxy-authorization', 'Basic x'],
  ])('%s stays here', async (name, value) => {
    expect((await upstreamHeadersOf({ [name]: value })).has(name)).toBe(false);
  });

  test('a missing anthropic-version is set, and the credential is the gateway’s own', async () => {
    const headers = await upstreamHeadersOf({});
    expect(headers.get('anthropic-version')).toBe('2023-06-01');
    expect(headers.get('x-api-key')).toBe('test-upstream-key');
    expect(headers.has('authorization')).toBe(false);
  });

  test('a key sent as x-api-key is replaced, not passed on', async () => {
    const bursar = await gateway(BUDGET, () => streamOf(streamedAnswer()));
    const headers = { 'x-api-key': bursar.key, 'content-type': 'application/json' };
    const response = await bursar.call('/v1/messages', {
      method: 'POST',
      headers,
      body: JSON.stringify(messagesBody()),
    });
    await response.text();
    expect(response.status).toBe(200);
    expect(bursar.sent[0]?.headers.get('x-api-key')).toBe('test-upstream-key');
  });
});

describe('headers on the way down', () => {
  test('the organisation’s limits give way to the caller’s own standing', async () => {
    const bursar = await gateway(BUDGET, () =>
      streamOf(streamedAnswer(), {
        'anthropic-ratelimit-requests-remaining': '12',
        'anthropic-ratelimit-unified-status': 'rejected',
        'anthropic-organization-id': 'org_1',
        'set-cookie': '__cf_bm=1',
      }),
    );
    const { headers } = await bursar.turn(messagesBody());
    expect(headers.has('anthropic-ratelimit-requests-remaining')).toBe(false);
    expect(headers.get('anthropic-ratelimit-unified-status')).toBe('allowed');
    expect(headers.get('anthropic-ratelimit-unified-overage-utilization')).toBe('0.00');
    expect(headers.get('anthropic-organization-id')).toBe('org_1');
    expect(headers.has('set-cookie')).toBe(false);
  });

  test('every answer to a turn is marked', async () => {
    const bursar = await gateway(BUDGET, () => streamOf(streamedAnswer()));
    const { headers } = await bursar.turn(messagesBody());
    expect(headers.get('request-id')).toBe('req_upstream_1');
    expect(headers.get('x-bursar-turn-id')).toMatch(/^turn_[0-9a-f-]{36}$/);
    expect(headers.get('x-bursar-model')).toBe('claude-opus-5-5');
    expect(headers.get('x-bursar-decision')).toBe('proceed');
    expect(headers.get('x-bursar-reason')).toBe('');
    expect(headers.get('x-bursar-budget')).toMatch(
      /^team-day;used=0\.00;remaining_usd=100\.00;resets=\d{4}-\d\d-\d\dT00:00:00\+00:00$/,
    );
  });

  test('a cost center without a policy spends without limit and has no standing', async () => {
    const bursar = await gateway(null, () => streamOf(streamedAnswer()));
    const { headers } = await bursar.turn(messagesBody());
    expect(headers.has('x-bursar-budget')).toBe(false);
    expect(headers.has('anthropic-ratelimit-unified-status')).toBe(false);
  });
});

describe('an upstream error', () => {
  test.each([
    400, 404, 413, 429, 500, 529,
  ])('%i passes with its body and request-id, and nothing is charged', async (status) => {
    const body = {
      type: 'error',
      error: { type: 'some_error', message: 'context_management: Extra inputs are not permitted' },
    };
    const bursar = await gateway(BUDGET, () =>
      Response.json(body, { status, headers: { 'request-id': 'req_e', 'retry-after': '7' } }),
    );
    const response = await bursar.turn(messagesBody());
    expect(response.status).toBe(status);
    expect(response.headers.get('request-id')).toBe('req_e');
    expect(response.headers.get('retry-after')).toBe('7');
    expect(await response.json()).toEqual(body);
    expect(await bursar.entries()).toMatchObject([
      { kind: 'failure', charged_nano_usd: 0, http_status: status },
    ]);
  });

  test.each([401, 403])('%i is about the gateway’s own credential: a 502 and an alert', async (status) => {
    const bursar = await gateway(BUDGET, () =>
      Response.json({ error: { message: 'invalid x-api-key' } }, { status }),
    );
    const response = await bursar.turn(messagesBody());
    expect(response.status).toBe(502);
    expect(await response.text()).not.toContain('invalid x-api-key');
    expect(await bursar.entries()).toMatchObject([{ kind: 'failure', http_status: status }]);
  });
});
