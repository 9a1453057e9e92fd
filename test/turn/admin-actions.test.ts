import { describe, expect, test } from 'vitest';
import { walletStub } from '../fixture.ts';
import { passTime, useFakeClock } from '../wallet/scenario.ts';
import { administer, administered } from './admin.ts';
import {
  type Gateway,
  gateway,
  messageStart,
  messagesBody,
  openStream,
  sse,
  streamedAnswer,
  streamOf,
  USAGE,
  USAGE_NANO_USD,
} from './gateway.ts';

const HOUR_MS = 3_600_000;
const teamDay = (limitUsd: string): object => ({
  budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: limitUsd }],
});

useFakeClock();

async function anyGateway(policy: object | null = teamDay('100')): Promise<Gateway> {
  return await gateway(policy, () => streamOf(streamedAnswer()));
}

async function turnStatus(bursar: Gateway): Promise<number> {
  const response = await bursar.turn(messagesBody());
  await response.text();
  return response.status;
}

async function activate(bursar: Gateway, policy: object): Promise<void> {
  const created = await administer(bursar, 'POST', '/policies', { policy });
  const { version } = { version: 0, ...((await created.json()) as object) };
  await administered(bursar, 'POST', `/policies/${version}/activate`);
}

describe('a cost center that was paused', () => {
  test('takes no turn from when the call returns, and the refusal gives the reason', async () => {
    const bursar = await anyGateway();
    expect(await turnStatus(bursar)).toBe(200);
    await administered(bursar, 'POST', '/pause', { reason: 'a key leaked' });
    const response = await bursar.turn(messagesBody());
    expect(response.status).toBe(429);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(response.headers.get('x-bursar-reason')).toBe('paused');
    expect(response.headers.has('retry-after')).toBe(false);
    expect(response.headers.has('anthropic-ratelimit-unified-reset')).toBe(false);
    expect(await response.json()).toMatchObject({
      error: {
        type: 'billing_error',
        message: `Squad ${bursar.costCenter} is paused until it is resumed: a key leaked; ask Mara Manager (mara@example.com).`,
      },
    });
    expect(bursar.sent).toHaveLength(1);
  });

  test('is refused in the ledger at no cost', async () => {
    const bursar = await anyGateway();
    await administered(bursar, 'POST', '/pause', { reason: 'a key leaked' });
    await turnStatus(bursar);
    expect(await bursar.entries()).toMatchObject([
      { kind: 'refusal', charged_nano_usd: 0, reasons: '["paused"]' },
    ]);
  });

  test('takes turns again from when it was resumed', async () => {
    const bursar = await anyGateway();
    await administered(bursar, 'POST', '/pause', { reason: 'a key leaked' });
    await administered(bursar, 'POST', '/resume');
    expect(await turnStatus(bursar)).toBe(200);
  });

  test('until an instant takes turns again by itself, and says when', async () => {
    const bursar = await anyGateway();
    const until = new Date(Date.now() + HOUR_MS).toISOString();
    await administered(bursar, 'POST', '/pause', { reason: 'month-end', until });
    const response = await bursar.turn(messagesBody());
    expect(response.status).toBe(429);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(3_500);
    expect(Number(response.headers.get('retry-after'))).toBeLessThanOrEqual(3_600);
    expect(await response.text()).toContain(`${until.slice(0, 10)} ${until.slice(11, 16)} (UTC)`);
    passTime(HOUR_MS);
    expect(await turnStatus(bursar)).toBe(200);
  });

  test('still counts tokens and lists models', async () => {
    const bursar = await gateway(null, () => Response.json({ input_tokens: 7 }));
    await administered(bursar, 'POST', '/pause', { reason: 'a key leaked' });
    const headers = { authorization: `Bearer ${bursar.key}`, 'content-type': 'application/json' };
    const counting = { method: 'POST', headers, body: '{}' };
    expect((await bursar.call('/v1/messages/count_tokens', counting)).status).toBe(200);
    expect((await bursar.call('/v1/models', { headers })).status).toBe(200);
  });

  test('lets a turn that runs come to its end', async () => {
    const upstream = openStream();
    const bursar = await gateway(teamDay('100'), upstream.answer);
    const running = (await bursar.turn(messagesBody())).text();
    await administered(bursar, 'POST', '/pause', { reason: 'a key leaked' });
    await upstream.write(streamedAnswer());
    await upstream.end();
    expect(await running).toBe(streamedAnswer());
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge', charged_nano_usd: USAGE_NANO_USD }]);
  });
});

describe('a cost center that was archived', () => {
  test('takes no turns, and takes them again once it was restored', async () => {
    const bursar = await anyGateway();
    await administered(bursar, 'POST', '/archive');
    const response = await bursar.turn(messagesBody());
    expect(response.status).toBe(429);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(await response.text()).toContain('is archived and takes no more turns');
    expect(bursar.sent).toHaveLength(0);
    await administered(bursar, 'POST', '/restore');
    expect(await turnStatus(bursar)).toBe(200);
  });
});

describe('a hold that an admin ends', () => {
  test('is settled at the best figure known, and corrected when its turn ends after all', async () => {
    const upstream = openStream();
    const bursar = await gateway(teamDay('100'), upstream.answer);
    const response = await bursar.turn(messagesBody());
    const running = response.text();
    await upstream.write(messageStart());
    const turnId = response.headers.get('x-bursar-turn-id');
    const listed = (await (await administer(bursar, 'GET', '/holds')).json()) as object;
    expect(listed).toMatchObject({ data: [{ turn_id: turnId }] });
    await administered(bursar, 'DELETE', `/holds/${turnId}`, { reason: 'runaway' });
    expect(await walletStub(bursar.costCenter).holds()).toEqual([]);
    await upstream.write(sse('message_delta', { delta: { stop_reason: 'end_turn' }, usage: USAGE }));
    await upstream.end();
    await running;
    const entries = await bursar.entries();
    expect(entries).toMatchObject([
      { kind: 'charge', estimated: 1, estimated_why: 'ended: runaway', turn_id: turnId },
      { kind: 'correction', estimated: 0, turn_id: turnId },
    ]);
    const charged = entries.reduce((sum, entry) => sum + Number(entry.charged_nano_usd), 0);
    expect(charged).toBe(USAGE_NANO_USD);
  });

  test('twice is a 404 the second time', async () => {
    const upstream = openStream();
    const bursar = await gateway(teamDay('100'), upstream.answer);
    const response = await bursar.turn(messagesBody());
    const path = `/holds/${response.headers.get('x-bursar-turn-id')}`;
    await administered(bursar, 'DELETE', path, { reason: 'runaway' });
    expect((await administer(bursar, 'DELETE', path, { reason: 'runaway' })).status).toBe(404);
    await upstream.end();
    await response.text();
  });
});

describe('a policy that goes live', () => {
  test('decides over the next turn', async () => {
    const bursar = await anyGateway();
    expect(await turnStatus(bursar)).toBe(200);
    await activate(bursar, teamDay('0.000001'));
    expect(await turnStatus(bursar)).toBe(429);
    await activate(bursar, teamDay('50'));
    expect(await turnStatus(bursar)).toBe(200);
    const entries = await bursar.entries();
    expect(entries.map((entry) => [entry.kind, entry.policy_version])).toEqual([
      ['charge', 1],
      ['refusal', 2],
      ['charge', 3],
    ]);
  });

  test('by a rollback decides again as it did', async () => {
    const bursar = await anyGateway();
    await activate(bursar, teamDay('0.000001'));
    expect(await turnStatus(bursar)).toBe(429);
    await administered(bursar, 'POST', '/policies/1/rollback');
    expect(await turnStatus(bursar)).toBe(200);
  });

  test('counts what was spent before it', async () => {
    const bursar = await anyGateway(null);
    expect(await turnStatus(bursar)).toBe(200);
    await bursar.settled();
    await activate(bursar, teamDay('0.001'));
    const view = (await (await administer(bursar, 'GET', '/wallet')).json()) as object;
    expect(view).toMatchObject({ budgets: [{ id: 'team-day', settled_usd: '0.0066', stage: 'pause' }] });
    expect(await turnStatus(bursar)).toBe(429);
  });
});
