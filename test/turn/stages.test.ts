import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { completed, openRequest, usageOf, walletStub } from '../fixture.ts';
import {
  type Gateway,
  gateway,
  messageStart,
  messagesBody,
  sse,
  streamedAnswer,
  streamOf,
} from './gateway.ts';

/** $10 a day for the team. */
const TEAM = { budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '10' }] };

/** Spends money of the gateway's developer. */
async function spend(bursar: Gateway, usd: number): Promise<void> {
  const wallet = walletStub(bursar.costCenter);
  const turnId = `${bursar.costCenter}-spent-${usd}`;
  await wallet.open(openRequest(bursar.costCenter, turnId, { bodyBytes: 10, maxTokens: 10 }));
  await wallet.settle(completed(turnId, usageOf({ inputTokens: Math.round((usd * 1e9) / 4_000) })));
}

function servedModel(bursar: Gateway): unknown {
  return JSON.parse(new TextDecoder().decode(bursar.sent.at(-1)?.body)).model;
}

describe('at 80 %', () => {
  test('the turn goes on, the client is warned and an alert event is written', async () => {
    const bursar = await gateway(TEAM, () => streamOf(streamedAnswer()));
    await spend(bursar, 8.2);
    const response = await bursar.turn(messagesBody());
    await response.text();
    expect(response.headers.get('x-bursar-decision')).toBe('proceed');
    expect(response.headers.get('anthropic-ratelimit-unified-status')).toBe('allowed_warning');
    expect(response.headers.get('anthropic-ratelimit-unified-overage-utilization')).toBe('0.82');
    expect(response.headers.get('anthropic-ratelimit-unified-overage-surpassed-threshold')).toBe('0.75');
    await bursar.entries();
    const query =
      'SELECT "on", budget, stage, turn_id, session, policy_version FROM alert_events WHERE cost_center = ?';
    expect((await env.DB.prepare(query).bind(bursar.costCenter).all()).results).toEqual([
      {
        on: 'stage:alert',
        budget: 'team-day',
        stage: 'team-day@0.80',
        turn_id: `${bursar.costCenter}-spent-8.2`,
        session: 'session-1',
        policy_version: 1,
      },
    ]);
  });
});

describe('at 95 %', () => {
  test.each([
    ['claude-opus-5-5', 'claude-sonnet-5-5'],
    ['claude-sonnet-5-5', 'claude-haiku-5-5'],
  ])('a turn that asks for %s is sent to %s and says why', async (asked, served) => {
    const bursar = await gateway(TEAM, () => streamOf(streamedAnswer()));
    await spend(bursar, 9.6);
    const response = await bursar.turn(messagesBody({ model: asked }));
    await response.text();
    expect(servedModel(bursar)).toBe(served);
    expect(response.headers.get('x-bursar-decision')).toBe('downgrade');
    expect(response.headers.get('x-bursar-model')).toBe(served);
    expect(response.headers.get('x-bursar-reason')).toBe('stage:team-day@0.95');
  });

  test('the entry tells the model asked and served, the stage and the charge at the served model’s price', async () => {
    const answer = streamedAnswer().replace('claude-opus-5-5', 'claude-sonnet-5-5');
    const bursar = await gateway(TEAM, () => streamOf(answer));
    await spend(bursar, 9.6);
    await (await bursar.turn(messagesBody())).text();
    const entries = await bursar.entries();
    expect(entries.at(-1)).toMatchObject({
      model_asked: 'claude-opus-5-5',
      model_served: 'claude-sonnet-5-5',
      decision: 'downgrade',
      stage: 'team-day@0.95',
      reasons: '["stage:team-day@0.95"]',
      charged_nano_usd: 1_000 * 2_000 + 200 * 2_500 + 3_000 * 100 + 50 * 10_000,
    });
  });

  test('what the cheaper model does not accept is fitted, and nothing else is changed', async () => {
    const bursar = await gateway(TEAM, () => streamOf(streamedAnswer()));
    await spend(bursar, 9.6);
    const body = messagesBody({ speed: 'fast', thinking: { type: 'adaptive' }, tools: [{ name: 'Bash' }] });
    await (await bursar.turn(body)).text();
    const sent = JSON.parse(new TextDecoder().decode(bursar.sent[0]?.body));
    const { speed: _, ...rest } = body as Record<string, unknown>;
    expect(sent).toEqual({ ...rest, model: 'claude-sonnet-5-5' });
  });
});

describe('at 110 %', () => {
  test('the refusal has the headers and the body that Claude Code shows as they are', async () => {
    const bursar = await gateway(TEAM, () => streamOf(streamedAnswer()));
    await spend(bursar, 11);
    const response = await bursar.turn(messagesBody());
    const midnight = new Date().setUTCHours(24, 0, 0, 0) / 1000;
    const headers = Object.fromEntries(response.headers);
    expect(response.status).toBe(429);
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'x-should-retry': 'false',
      'anthropic-ratelimit-unified-status': 'rejected',
      'anthropic-ratelimit-unified-reset': String(midnight),
      'anthropic-ratelimit-unified-overage-reset': String(midnight),
      'anthropic-ratelimit-unified-overage-utilization': '1',
      'anthropic-ratelimit-unified-overage-surpassed-threshold': '1',
      'anthropic-ratelimit-unified-overage-period': 'monthly',
      'anthropic-ratelimit-unified-overage-scope': 'group_pool',
      'anthropic-ratelimit-unified-overage-disabled-reason': 'org_spend_cap_reached',
      'x-bursar-decision': 'refuse',
      'x-bursar-model': 'none',
    });
    expect(headers).not.toHaveProperty('anthropic-ratelimit-unified-representative-claim');
    expect(headers).not.toHaveProperty('anthropic-ratelimit-unified-overage-status');
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    expect(Number(headers['retry-after'])).toBeLessThanOrEqual(86_400);
    const body = (await response.json()) as { error: { type: string; message: string }; request_id: string };
    expect(body).toMatchObject({ type: 'error', error: { type: 'billing_error' } });
    expect(body.request_id).toBe(headers['request-id']);
    expect(body.error.message).toMatch(
      /^The shared budget of Squad \S+, team-day, is used up: \$11\.00 of \$10\.00 spent today; it resets \d{4}-\d\d-\d\d 00:00 \(UTC\); until then ask Mara Manager \(mara@example\.com\) to raise it\.$/,
    );
    expect(bursar.sent).toHaveLength(0);
  });

  test.each([
    ['day', 'daily'],
    ['week', 'weekly'],
    ['month', 'monthly'],
  ])('a developer’s own budget per %s is refused as %s and without the pool', async (window, period) => {
    const own = { budgets: [{ id: 'own', scope: 'developer', window, limit_usd: '10' }] };
    const bursar = await gateway(own, () => streamOf(streamedAnswer()));
    await spend(bursar, 11);
    const { headers } = await bursar.turn(messagesBody());
    expect(headers.get('anthropic-ratelimit-unified-overage-period')).toBe(period);
    expect(headers.has('anthropic-ratelimit-unified-overage-scope')).toBe(false);
  });

  test('a refusal is an entry of no money', async () => {
    const bursar = await gateway(TEAM, () => streamOf(streamedAnswer()));
    await spend(bursar, 11);
    await bursar.turn(messagesBody());
    expect((await bursar.entries()).at(-1)).toMatchObject({
      kind: 'refusal',
      charged_nano_usd: 0,
      decision: 'refuse',
      stage: 'team-day@1.10',
      model_served: null,
    });
  });

  test('counting tokens and listing models still answer', async () => {
    const bursar = await gateway(TEAM, () => Response.json({ input_tokens: 7 }));
    await spend(bursar, 11);
    const headers = { authorization: `Bearer ${bursar.key}`, 'content-type': 'application/json' };
    const counted = await bursar.call('/v1/messages/count_tokens', { method: 'POST', headers, body: '{}' });
    expect(await counted.json()).toEqual({ input_tokens: 7 });
    expect((await bursar.call('/v1/models', { headers })).status).toBe(200);
  });
});

describe('where only open holds stand in the way', () => {
  test('the turn is told to try again in a few seconds', async () => {
    const small = {
      budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '0.00005' }],
    };
    const bursar = await gateway(small, () => streamOf(streamedAnswer()));
    const wallet = walletStub(bursar.costCenter);
    const facts = { model: 'claude-haiku-5-5', bodyBytes: 100, maxTokens: 100 };
    await wallet.open(openRequest(bursar.costCenter, `${bursar.costCenter}-open`, facts));
    const response = await bursar.turn(messagesBody({ model: 'claude-haiku-5-5', max_tokens: 100 }));
    expect(response.status).toBe(429);
    expect(response.headers.has('x-should-retry')).toBe(false);
    expect(Number(response.headers.get('retry-after'))).toBeLessThanOrEqual(5);
    expect(await response.json()).toMatchObject({ error: { type: 'rate_limit_error' } });
  });
});

test('a refusal of the model itself, before any output, is not charged', async () => {
  const usage = { input_tokens: 900, output_tokens: 0 };
  const refused = [
    messageStart(usage),
    sse('message_delta', { delta: { stop_reason: 'refusal' }, usage }),
    sse('message_stop', {}),
  ].join('');
  const bursar = await gateway(TEAM, () => streamOf(refused));
  await (await bursar.turn(messagesBody())).text();
  expect(await bursar.entries()).toMatchObject([
    { kind: 'charge', charged_nano_usd: 0, input_tokens: 900, stop_reason: 'refusal' },
  ]);
});
