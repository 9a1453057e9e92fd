import { evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { freshCostCenter, keyIdOf, openRequest, walletStub } from '../fixture.ts';
import {
  bringDatabaseBack,
  changePolicy,
  commitChange,
  dayBudget,
  openWallet,
  passTime,
  takeDatabaseAway,
  useFakeClock,
} from './scenario.ts';

useFakeClock();

function revoke(id: string): D1PreparedStatement {
  return env.DB.prepare('UPDATE virtual_keys SET revoked_at = ? WHERE id = ?').bind(
    '2035-06-13T12:00:00.000Z',
    keyIdOf(id),
  );
}

describe('a wallet without a copy of its configuration', () => {
  test('pulls it at the first turn', async () => {
    const { id, wallet } = await openWallet(dayBudget('10'));
    expect(await wallet.open(openRequest(id, 't'))).toMatchObject({ status: 'admitted' });
    expect((await wallet.view(id)).policyVersion).toBe(1);
  });

  test('is unavailable while D1 is away, and holds nothing', async () => {
    const { id, wallet } = await openWallet(dayBudget('10'));
    await takeDatabaseAway();
    const opened = await wallet.open(openRequest(id, 't'));
    const authorized = await wallet.authorize(id, keyIdOf(id));
    await bringDatabaseBack();
    expect(opened).toMatchObject({ status: 'unavailable' });
    expect(authorized).toMatchObject({ status: 'unavailable' });
    expect(await wallet.holds()).toEqual([]);
    expect(await wallet.open(openRequest(id, 't'))).toMatchObject({ status: 'admitted' });
  });

  test('of a cost center that D1 does not know takes no turns', async () => {
    const id = freshCostCenter();
    expect(await walletStub(id).open(openRequest(id, 't'))).toMatchObject({ status: 'unavailable' });
  });
});

describe('a wallet with a copy', () => {
  test('goes on while D1 is away, also after it was evicted', async () => {
    const { id, wallet } = await openWallet(dayBudget('10'));
    await wallet.open(openRequest(id, 'before'));
    await takeDatabaseAway();
    await evictDurableObject(wallet);
    const reply = await wallet.open(openRequest(id, 'meanwhile'));
    await bringDatabaseBack();
    expect(reply).toMatchObject({ status: 'admitted', standing: { id: 'team-day' } });
  });

  test('has a pushed change when the call returns, and says which revision it has', async () => {
    const { id, wallet } = await openWallet(dayBudget('10'));
    await wallet.open(openRequest(id, 'before'));
    const revision = await commitChange(id, revoke(id));
    expect(await wallet.refresh(id, revision)).toEqual({ revision });
    expect(await wallet.open(openRequest(id, 'after'))).toMatchObject({ problem: 'revoked' });
  });

  test('rejects a push while D1 is away, so that the change is not taken for done', async () => {
    const { id, wallet } = await openWallet(dayBudget('10'));
    await wallet.open(openRequest(id, 'before'));
    const revision = await commitChange(id, revoke(id));
    await takeDatabaseAway();
    const pushed = await wallet.refresh(id, revision).then(
      () => 'done',
      () => 'rejected',
    );
    await bringDatabaseBack();
    expect(pushed).toBe('rejected');
  });

  test('pulls on its own within minutes while turns run, where a push was lost', async () => {
    const { id, wallet } = await openWallet(dayBudget('10'));
    await wallet.open(openRequest(id, 'first'));
    await commitChange(id, revoke(id));
    for (let minute = 0; minute < 6; minute += 1) {
      passTime(60_000);
      await wallet.open(openRequest(id, `minute-${minute}`));
      await runDurableObjectAlarm(wallet);
    }
    expect(await wallet.open(openRequest(id, 'last'))).toMatchObject({ problem: 'revoked' });
  });

  test('keeps the newest of changes that are pushed at once', async () => {
    const scenario = await openWallet(dayBudget('10'));
    await scenario.wallet.open(openRequest(scenario.id, 'first'));
    await Promise.all(['20', '30', '40'].map((limit) => changePolicy(scenario, dayBudget(limit))));
    const { budgets, policyVersion } = await scenario.wallet.view(scenario.id);
    expect(policyVersion).toBe(4);
    const live = await env.DB.prepare(
      'SELECT document FROM policy_versions WHERE cost_center = ? AND version = 4',
    )
      .bind(scenario.id)
      .first<{ document: string }>();
    expect(live?.document).toContain(`"limit_usd":"${(budgets[0]?.limitNanoUsd ?? 0) / 1e9}"`);
  });
});

describe('a raised or lowered limit', () => {
  test('counts from the next turn on', async () => {
    const scenario = await openWallet(dayBudget('0'));
    const { id, wallet } = scenario;
    expect(await wallet.open(openRequest(id, 't1'))).toMatchObject({ refusal: { why: 'budget' } });
    await changePolicy(scenario, dayBudget('10'));
    expect(await wallet.open(openRequest(id, 't1'))).toMatchObject({ status: 'refused' });
    expect(await wallet.open(openRequest(id, 't2'))).toMatchObject({ status: 'admitted' });
    await changePolicy(scenario, dayBudget('0'));
    expect(await wallet.open(openRequest(id, 't3'))).toMatchObject({ refusal: { why: 'budget' } });
  });
});
