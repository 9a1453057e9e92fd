import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test';
import { describe, expect, test } from 'vitest';
import { LEASE_MS } from '../../durable-objects/wallet/open.ts';
import { ANSWER, completed, openRequest, usd } from '../fixture.ts';
import {
  alarmAt,
  bringDatabaseBack,
  costing,
  dayBudget,
  drain,
  ledgerOf,
  openWallet,
  passTime,
  setClock,
  standingOf,
  takeDatabaseAway,
  useFakeClock,
} from '../wallet/scenario.ts';

useFakeClock();

function failed(turnId: string) {
  return { turnId, attempt: 1, outcome: { kind: 'failed' as const }, answer: ANSWER };
}

describe('a wallet evicted in mid-turn', () => {
  test('still holds the turn’s money and settles it once', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await wallet.open(openRequest(id, 't'));
    const before = await standingOf(scenario);
    await evictDurableObject(wallet);
    expect(await standingOf(scenario)).toEqual(before);
    await wallet.settle(completed('t', costing(1)));
    await evictDurableObject(wallet);
    expect(await wallet.settle(completed('t', costing(1)))).toMatchObject({ chargedNanoUsd: usd(1) });
    expect(await standingOf(scenario)).toMatchObject({ settledNanoUsd: usd(1), heldNanoUsd: 0 });
    await drain(wallet);
    expect(await ledgerOf(id)).toHaveLength(1);
  });

  test('answers a repeated open as it did before', async () => {
    const { id, wallet } = await openWallet(dayBudget('10'));
    const first = await wallet.open(openRequest(id, 't'));
    await evictDurableObject(wallet);
    expect(await wallet.open(openRequest(id, 't'))).toEqual(first);
    expect(await wallet.holds()).toHaveLength(1);
  });

  test('still ends its lease', async () => {
    const scenario = await openWallet(dayBudget('10'));
    await scenario.wallet.open(openRequest(scenario.id, 't'));
    const held = (await standingOf(scenario))?.heldNanoUsd;
    await evictDurableObject(scenario.wallet);
    passTime(LEASE_MS);
    await runDurableObjectAlarm(scenario.wallet);
    expect(await standingOf(scenario)).toMatchObject({ settledNanoUsd: held, heldNanoUsd: 0 });
  });

  test('keeps its clock and its numbers', async () => {
    const { id, wallet } = await openWallet(dayBudget('10'));
    await wallet.open(openRequest(id, 't1'));
    await wallet.settle(completed('t1', costing(1)));
    await evictDurableObject(wallet);
    setClock('2035-06-13T06:00:00.000Z');
    await wallet.open(openRequest(id, 't2'));
    await wallet.settle(completed('t2', costing(1)));
    await drain(wallet);
    expect(await ledgerOf(id)).toMatchObject([
      { turn_id: 't1', settle_seq: 1, admitted_at: '2035-06-13T12:00:00.000Z' },
      { turn_id: 't2', settle_seq: 2, admitted_at: '2035-06-13T12:00:00.000Z' },
    ]);
  });
});

describe('a turn given up before its open arrived', () => {
  test('holds nothing when the open comes at last, and stays given up', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    expect(await wallet.settle(failed('t'))).toEqual({ status: 'settled', chargedNanoUsd: 0 });
    expect((await wallet.open(openRequest(id, 't'))).status).not.toBe('admitted');
    expect(await wallet.holds()).toEqual([]);
    expect(await wallet.settle(failed('t'))).toEqual({ status: 'settled', chargedNanoUsd: 0 });
    expect(await wallet.settle(completed('t', costing(1)))).toEqual({ status: 'conflict' });
    expect(await standingOf(scenario)).toMatchObject({ settledNanoUsd: 0, heldNanoUsd: 0 });
  });

  test('that reports usage for a turn nobody opened is not known', async () => {
    const { wallet } = await openWallet(dayBudget('10'));
    expect(await wallet.settle(completed('t', costing(1)))).toEqual({ status: 'unknown_turn' });
  });
});

describe('the alarm', () => {
  test('never throws while D1 is away, and is always set again', async () => {
    const { id, wallet } = await openWallet(dayBudget('10'));
    await wallet.open(openRequest(id, 't'));
    await wallet.settle(completed('t', costing(1)));
    await takeDatabaseAway();
    const alarms: boolean[] = [];
    for (let minute = 0; minute < 8; minute += 1) {
      passTime(60_000);
      alarms.push(await runDurableObjectAlarm(wallet));
    }
    await bringDatabaseBack();
    expect(alarms).toEqual(Array.from({ length: 8 }, () => true));
    expect(await alarmAt(wallet)).not.toBeNull();
  });

  test('ends hundreds of leases in bounded steps', async () => {
    const { id, wallet } = await openWallet(null);
    const opening = Array.from({ length: 250 }, (_, index) => wallet.open(openRequest(id, `t${index}`)));
    await Promise.all(opening);
    passTime(LEASE_MS);
    await runDurableObjectAlarm(wallet);
    expect(await wallet.holds()).toHaveLength(50);
    expect(await alarmAt(wallet)).toBe(Date.now());
    await runDurableObjectAlarm(wallet);
    expect(await wallet.holds()).toEqual([]);
  });
});
