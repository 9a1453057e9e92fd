import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test';
import { describe, expect, test } from 'vitest';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import type { OpenReply } from '../../durable-objects/wallet/rpc.ts';
import { completed, DEVELOPER, insertKey, openRequest, usageOf, usd } from '../fixture.ts';
import {
  change,
  changePolicy,
  costing,
  drain,
  ledgerOf,
  openWallet,
  passTime,
  type Scenario,
  setClock,
  standingOf,
  useFakeClock,
} from './scenario.ts';

useFakeClock();

const [OPUS, SONNET, HAIKU] = ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5'] as const;
const DAY_MS = 86_400_000;
const PAUSE_AT_LIMIT = [{ at: '1.00', do: 'pause' }];

let turns = 0;

function request({ id }: Scenario, facts: Partial<TurnFacts> = {}, keyId?: string) {
  turns += 1;
  const opened = openRequest(id, `${id}-${turns}`, { cacheTtl: 'none', ...facts });
  return keyId === undefined ? opened : { ...opened, keyId };
}

/** A whole turn that costs this much on Opus (its line is that of the model it went to). */
async function spend(
  scenario: Scenario,
  dollars: number,
  facts: Partial<TurnFacts> = {},
  keyId?: string,
): Promise<OpenReply> {
  const opened = request(scenario, facts, keyId);
  const reply = await scenario.wallet.open(opened);
  if (reply.status === 'admitted') {
    await scenario.wallet.settle(completed(opened.turnId, { ...costing(dollars), model: null }));
  }
  return reply;
}

async function ask(scenario: Scenario, facts: Partial<TurnFacts> = {}, keyId?: string): Promise<string> {
  const reply = await scenario.wallet.open(request(scenario, facts, keyId));
  if (reply.status === 'admitted') return reply.model;
  return reply.status === 'refused' ? `refused ${reply.refusal.standing?.id}` : reply.status;
}

function dollars(amount: number, model: string): { model: string; outputTokens: number } {
  const perToken = { [OPUS]: 20e-6, [SONNET]: 10e-6, [HAIKU]: 0.5e-6 }[model] ?? Number.NaN;
  return { model, outputTokens: Math.round(amount / perToken) };
}

/** A whole turn served by the model asked for, at this price. */
async function spendOn(scenario: Scenario, model: string, amount: number, session = 's1'): Promise<void> {
  const opened = request(scenario, { model, session });
  await scenario.wallet.open(opened);
  const { outputTokens } = dollars(amount, model);
  await scenario.wallet.settle(completed(opened.turnId, usageOf({ outputTokens }, { model })));
}

describe('a budget of one line', () => {
  const opusDay = { id: 'opus-day', scope: 'cost_center', line: 'opus', window: 'day', limit_usd: '1' };

  test('counts its line alone, and hands turns down until its window resets', async () => {
    const scenario = await openWallet({ budgets: [{ ...opusDay, stages: PAUSE_AT_LIMIT }] });
    await spendOn(scenario, SONNET, 5);
    expect(await standingOf(scenario, 'opus-day')).toMatchObject({ settledNanoUsd: 0, line: 'opus' });
    await spendOn(scenario, OPUS, 1);
    expect(await standingOf(scenario, 'opus-day')).toMatchObject({ settledNanoUsd: usd(1), stage: 'pause' });
    expect(await ask(scenario, { session: 'other' })).toBe(SONNET);
    expect(await ask(scenario, { session: 'other', model: HAIKU })).toBe(HAIKU);
    setClock('2035-06-14T00:00:00.000Z');
    expect(await ask(scenario, { session: 'other' })).toBe(OPUS);
  });

  test('beside one of the next line hands down past both, and refuses only where nothing is left', async () => {
    const lines = ['opus', 'sonnet', 'haiku'].map((line) => ({
      ...opusDay,
      id: `${line}-day`,
      line,
      stages: PAUSE_AT_LIMIT,
    }));
    const scenario = await openWallet({ budgets: lines });
    await spendOn(scenario, OPUS, 1);
    await spendOn(scenario, SONNET, 1, 's2');
    expect(await ask(scenario, { session: 's3' })).toBe(HAIKU);
    await spendOn(scenario, HAIKU, 1, 's4');
    expect(await ask(scenario, { session: 's5' })).toBe('refused haiku-day');
  });

  test('added in mid-window counts what that line spent before', async () => {
    const scenario = await openWallet(null);
    await spendOn(scenario, OPUS, 2);
    await spendOn(scenario, SONNET, 3);
    await changePolicy(scenario, {
      budgets: [opusDay, { ...opusDay, id: 'sonnet-day', line: 'sonnet', scope: 'developer' }],
    });
    expect(await standingOf(scenario, 'opus-day')).toMatchObject({ settledNanoUsd: usd(2) });
    expect(await standingOf(scenario, 'sonnet-day', DEVELOPER)).toMatchObject({ settledNanoUsd: usd(3) });
  });
});

describe('a session budget', () => {
  const session = { id: 'session', scope: 'session', window: 'session', limit_usd: '1' };
  const policy = { budgets: [{ ...session, stages: PAUSE_AT_LIMIT }] };

  test('counts all threads of its session and no other session', async () => {
    const scenario = await openWallet(policy);
    await spend(scenario, 0.5, { session: 'a' });
    await spend(scenario, 0.5, { session: 'a', agent: 'agent-1', kind: 'subagent' });
    expect(await standingOf(scenario, 'session', 'a')).toMatchObject({
      settledNanoUsd: usd(1),
      resetsAt: null,
    });
    expect(await ask(scenario, { session: 'a' })).toBe('refused session');
    expect(await ask(scenario, { session: 'b' })).toBe(OPUS);
  });

  test('refuses with a sentence that says to start a new session, and no reset', async () => {
    const scenario = await openWallet(policy);
    await spend(scenario, 1, { session: 'a' });
    expect(await scenario.wallet.open(request(scenario, { session: 'a' }))).toMatchObject({
      status: 'refused',
      refusal: {
        retryable: false,
        retryAfterSeconds: null,
        message: expect.stringContaining('$1.00 of $1.00 spent; start a new session, or ask Mara Manager'),
        standing: { resetsAt: null },
      },
    });
  });

  test('added in mid-session counts what the session spent before', async () => {
    const scenario = await openWallet(null);
    await spend(scenario, 0.4, { session: 'a' });
    passTime(3 * DAY_MS);
    await spend(scenario, 0.3, { session: 'a' });
    await changePolicy(scenario, policy);
    expect(await standingOf(scenario, 'session', 'a')).toMatchObject({ settledNanoUsd: usd(0.7) });
  });

  test('lasts as long as its session is not idle for 35 days, however long, and begins anew after that', async () => {
    const scenario = await openWallet(policy);
    await spend(scenario, 0.3, { session: 'a' });
    for (let month = 0; month < 3; month += 1) {
      passTime(30 * DAY_MS);
      await spend(scenario, 0.2, { session: 'a' });
      await runDurableObjectAlarm(scenario.wallet);
    }
    await evictDurableObject(scenario.wallet);
    expect(await standingOf(scenario, 'session', 'a')).toMatchObject({ settledNanoUsd: usd(0.9) });
    passTime(36 * DAY_MS);
    expect(await ask(scenario, { session: 'a' })).toBe(OPUS);
    expect(await standingOf(scenario, 'session', 'a')).toMatchObject({ settledNanoUsd: 0 });
  });

  test('stops a session that burns its money in three huge turns', async () => {
    const scenario = await openWallet({ budgets: [{ ...session, limit_usd: '30' }] });
    for (let turn = 0; turn < 3; turn += 1) await spend(scenario, 11, { session: 'a' });
    expect(await ask(scenario, { session: 'a' })).toBe('refused session');
  });
});

describe('a budget of developers', () => {
  const budget = { id: 'dev-day', scope: 'developer', window: 'day', limit_usd: '1', stages: PAUSE_AT_LIMIT };

  test('binds the first turn of one never seen, and gives single people more or less', async () => {
    const overrides = { 'Rich@Example.com': '100', 'none@example.com': '0' };
    const scenario = await openWallet({ budgets: [{ ...budget, limit_usd: '0.01', overrides }] });
    const { id } = scenario;
    await change(
      scenario,
      insertKey(id, `${id}-rich`, 'rich@example.com', 0),
      insertKey(id, `${id}-none`, 'none@example.com', 0),
    );
    const big = { bodyBytes: 400_000 };
    expect(await ask(scenario, { ...big, model: OPUS })).toBe('refused dev-day');
    expect(await ask(scenario, big, `${id}-rich`)).toBe(OPUS);
    expect(await ask(scenario, { model: HAIKU }, `${id}-none`)).toBe('refused dev-day');
    expect(await standingOf(scenario, 'dev-day', 'rich@example.com')).toMatchObject({
      limitNanoUsd: usd(100),
    });
  });
});

describe('a step down that sticks', () => {
  const policy = {
    budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '10' }],
  };

  test('stays with its thread over an eviction, and ends with the window', async () => {
    const scenario = await openWallet(policy);
    await spend(scenario, 9.6);
    expect(await ask(scenario, { session: 'a' })).toBe(SONNET);
    await evictDurableObject(scenario.wallet);
    const reply = await scenario.wallet.open(request(scenario, { session: 'a' }));
    expect(reply).toMatchObject({ model: SONNET, reasons: ['stage:team-day@0.95', 'sticky'] });
    setClock('2035-06-14T00:00:00.000Z');
    expect(await ask(scenario, { session: 'a' })).toBe(OPUS);
  });

  test('is told once, and its rows say the stage', async () => {
    const scenario = await openWallet(policy);
    await spend(scenario, 9.6);
    await spend(scenario, 0.01, { session: 'a' });
    await spend(scenario, 0.01, { session: 'a' });
    await drain(scenario.wallet);
    const rows = (await ledgerOf(scenario.id)) as unknown as { stage: string; model_served: string }[];
    expect(rows.map(({ stage, model_served }) => [stage, model_served])).toEqual([
      [null, OPUS],
      ['team-day@0.95', SONNET],
      ['team-day@0.95', SONNET],
    ]);
  });
});

test('twenty budgets at once all have to admit a turn', async () => {
  const scopes = [
    ['cost_center', 'day'],
    ['developer', 'week'],
    ['key', 'month'],
    ['session', 'session'],
  ] as const;
  const budgets = Array.from({ length: 20 }, (_, index) => {
    const [scope, window] = scopes[index % 4] ?? scopes[0];
    const limitUsd = index === 13 ? '0.50' : '100';
    return { id: `b-${index}`, scope, window, limit_usd: limitUsd, stages: PAUSE_AT_LIMIT };
  });
  const scenario = await openWallet({ budgets });
  await spend(scenario, 0.5);
  expect(await ask(scenario)).toBe('refused b-13');
});
