import { runDurableObjectAlarm } from 'cloudflare:test';
import { describe, expect, test } from 'vitest';
import { LEASE_MS } from '../../durable-objects/wallet/open.ts';
import { completed, openRequest, usd } from '../fixture.ts';
import {
  alarmAt,
  costing,
  dayBudget,
  drain,
  ledgerOf,
  openWallet,
  passTime,
  setClock,
  standingOf,
  useFakeClock,
} from '../wallet/scenario.ts';

useFakeClock();

describe('a clock that jumps back', () => {
  test('does not bring yesterday’s money back', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    setClock('2035-06-14T00:00:01.000Z');
    await wallet.open(openRequest(id, 't1'));
    await wallet.settle(completed('t1', costing(9)));
    setClock('2035-06-13T23:59:00.000Z');
    expect(await standingOf(scenario)).toMatchObject({
      settledNanoUsd: usd(9),
      windowStart: '2035-06-14T00:00:00+00:00',
    });
    await wallet.open(openRequest(id, 't2'));
    await wallet.settle(completed('t2', costing(0.5)));
    expect(await standingOf(scenario)).toMatchObject({ settledNanoUsd: usd(9.5) });
    await drain(wallet);
    expect((await ledgerOf(id)).map((entry) => entry.admitted_at)).toEqual([
      '2035-06-14T00:00:01.000Z',
      '2035-06-14T00:00:01.000Z',
    ]);
  });

  test('ends no lease early', async () => {
    const { id, wallet } = await openWallet(dayBudget('10'));
    await wallet.open(openRequest(id, 't'));
    passTime(-3_600_000);
    await runDurableObjectAlarm(wallet);
    expect(await wallet.holds()).toHaveLength(1);
    passTime(3_600_000 + LEASE_MS);
    await runDurableObjectAlarm(wallet);
    expect(await wallet.holds()).toEqual([]);
  });

  test('does not keep what was settled from D1 until it has caught up', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await wallet.open(openRequest(id, 't1'));
    passTime(-3_600_000);
    await wallet.open(openRequest(id, 't2'));
    await wallet.settle(completed('t2', costing(1)));
    expect((await alarmAt(wallet)) ?? Number.NaN).toBeLessThanOrEqual(Date.now() + 5_000);
  });
});

describe('a clock that jumps ahead', () => {
  test('ends the leases it passes, each charged once', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await wallet.open(openRequest(id, 't'));
    const held = (await standingOf(scenario))?.heldNanoUsd;
    passTime(3_600_000);
    await runDurableObjectAlarm(wallet);
    expect(await standingOf(scenario)).toMatchObject({ settledNanoUsd: held, heldNanoUsd: 0 });
  });

  test('keeps what a window can still need', async () => {
    const scenario = await openWallet({
      budgets: [{ id: 'team-month', scope: 'cost_center', window: 'month', limit_usd: '100' }],
    });
    const { id, wallet } = scenario;
    setClock('2035-05-01T00:00:00.000Z');
    await wallet.open(openRequest(id, 'first'));
    await wallet.settle(completed('first', costing(1)));
    setClock('2035-05-31T23:59:59.000Z');
    await wallet.open(openRequest(id, 'last'));
    await wallet.settle(completed('last', costing(1)));
    await drain(wallet);
    expect(await standingOf(scenario, 'team-month')).toMatchObject({ settledNanoUsd: usd(2) });
  });
});
