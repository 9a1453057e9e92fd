import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test';
import { describe, expect, test } from 'vitest';
import { completed, openRequest, usageOf, usd } from '../fixture.ts';
import {
  changePolicy,
  costing,
  dayBudget,
  openWallet,
  passTime,
  standingOf,
  useFakeClock,
} from './scenario.ts';

useFakeClock();

const ONE_MODEL = { cascade: ['claude-opus-5-5'] };
const PAUSE = { stages: [{ at: '1.00', do: 'pause' }] };

/** A day budget that holds ceilings, of a policy with Opus alone. */
function guaranteed(limitUsd: string): object {
  return { ...dayBudget(limitUsd, { ...PAUSE, admission: 'guaranteed' }), ...ONE_MODEL };
}

describe('a budget with guaranteed admission', () => {
  test('holds the most a turn can cost: every byte a token written for an hour, and max_tokens of output', async () => {
    const scenario = await openWallet(guaranteed('100'));
    await scenario.wallet.open(openRequest(scenario.id, 't', { bodyBytes: 50_000, maxTokens: 32_000 }));
    const worst = usageOf({ cacheWrite1hTokens: 50_000, outputTokens: 32_000 });
    const held = (await standingOf(scenario))?.heldNanoUsd ?? Number.NaN;
    const reply = await scenario.wallet.settle(completed('t', worst));
    expect(reply).toMatchObject({ status: 'settled' });
    expect(reply.status === 'settled' && reply.chargedNanoUsd).toBeLessThanOrEqual(held);
  });

  test.each([
    ['fast mode', { speed: 'fast', inferenceGeo: null }],
    ['inference in the US', { speed: null, inferenceGeo: 'us' }],
    ['both', { speed: 'fast', inferenceGeo: 'us' }],
  ])('holds what %s costs, where it is asked for', async (_, modifiers) => {
    const scenario = await openWallet(guaranteed('100'));
    const facts = { bodyBytes: 50_000, maxTokens: 32_000, modifiers };
    await scenario.wallet.open(openRequest(scenario.id, 't', facts));
    const held = (await standingOf(scenario))?.heldNanoUsd ?? Number.NaN;
    const worst = usageOf({ cacheWrite1hTokens: 50_000, outputTokens: 32_000 }, modifiers);
    const reply = await scenario.wallet.settle(completed('t', worst));
    expect(reply.status === 'settled' && reply.chargedNanoUsd).toBeLessThanOrEqual(held);
  });

  test.each([
    ['a URL', { unbounded: ['url_input'] }, /\(url_input\)/],
    [
      'server tools and a fallback',
      { unbounded: ['server_tools', 'fallbacks'] },
      /\(server_tools, fallbacks\)/,
    ],
    ['no max_tokens', { maxTokens: null }, /\(max_tokens missing\)/],
  ])('refuses a turn with %s, and names it', async (_, facts, named) => {
    const { id, wallet } = await openWallet(guaranteed('100'));
    const reply = await wallet.open(openRequest(id, 't', facts));
    expect(reply).toMatchObject({ status: 'refused', refusal: { why: 'unbounded', retryable: false } });
    expect(reply.status === 'refused' && reply.refusal.message).toMatch(named);
  });

  test('beside one that holds expectations: each counts the same turn in its own way', async () => {
    const budgets = ['expected', 'guaranteed'].map((admission) => ({
      id: admission,
      scope: 'cost_center',
      window: 'day',
      limit_usd: '100',
      admission,
    }));
    const scenario = await openWallet({ budgets });
    await scenario.wallet.open(openRequest(scenario.id, 't'));
    const expected = (await standingOf(scenario, 'expected'))?.heldNanoUsd ?? Number.NaN;
    const ceiling = (await standingOf(scenario, 'guaranteed'))?.heldNanoUsd ?? Number.NaN;
    expect(expected).toBeGreaterThan(0);
    expect(ceiling).toBeGreaterThan(expected);
  });

  test('counts a turn admitted before it was guaranteed, and without a ceiling, by its expectation', async () => {
    const scenario = await openWallet(dayBudget('100'));
    const { id, wallet } = scenario;
    await wallet.open(openRequest(id, 't', { unbounded: ['url_input'] }));
    const before = (await standingOf(scenario))?.heldNanoUsd;
    await changePolicy(scenario, guaranteed('100'));
    expect((await standingOf(scenario))?.heldNanoUsd).toBe(before);
    await wallet.settle(completed('t', costing(1)));
    expect((await standingOf(scenario))?.heldNanoUsd).toBe(0);
  });

  test('keeps aside what a turn whose lease ran out can still cost: its late report passes no line', async () => {
    const scenario = await openWallet(guaranteed('1.10'));
    const { id, wallet } = scenario;
    const facts = { bodyBytes: 50_000, maxTokens: 32_000 };
    await wallet.open(openRequest(id, 'lost', facts));
    passTime(31_000);
    await runDurableObjectAlarm(wallet);
    await evictDurableObject(wallet);
    const standing = await standingOf(scenario);
    expect(standing?.settledNanoUsd).toBeGreaterThan(0);
    // A ceiling: 52,000 tokens written for an hour and 32,000 of output.
    expect((standing?.settledNanoUsd ?? 0) + (standing?.heldNanoUsd ?? 0)).toBe(usd(1.056));
    expect(await wallet.open(openRequest(id, 'other', facts))).toMatchObject({
      status: 'refused',
      refusal: { why: 'budget' },
    });
    await wallet.settle(completed('lost', usageOf({ cacheWrite1hTokens: 50_000, outputTokens: 32_000 })));
    expect(await standingOf(scenario)).toMatchObject({ settledNanoUsd: usd(1.04), heldNanoUsd: 0 });
  });

  test('keeps that aside for a day, and also where a clock that ran ahead was read and goes back', async () => {
    const week = dayBudget('100', { ...PAUSE, admission: 'guaranteed', window: 'week' });
    const scenario = await openWallet({ ...week, ...ONE_MODEL });
    await scenario.wallet.open(openRequest(scenario.id, 't'));
    passTime(31_000);
    await runDurableObjectAlarm(scenario.wallet);
    const aside = (await standingOf(scenario))?.heldNanoUsd ?? 0;
    expect(aside).toBeGreaterThan(0);
    passTime(86_400_000);
    expect((await standingOf(scenario))?.heldNanoUsd).toBe(0);
    passTime(-10_000);
    expect((await standingOf(scenario))?.heldNanoUsd).toBe(aside);
  });
});
