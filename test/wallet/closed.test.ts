import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { completed, openRequest, usd } from '../fixture.ts';
import {
  change,
  costing,
  dayBudget,
  drain,
  ledgerOf,
  openWallet,
  type Scenario,
  setClock,
  standingOf,
  useFakeClock,
} from './scenario.ts';

useFakeClock();

/** Sets columns of the cost center itself. */
async function setCostCenter(scenario: Scenario, columns: Record<string, string | null>): Promise<void> {
  const names = Object.keys(columns).map((name) => `${name} = ?`);
  const update = env.DB.prepare(`UPDATE cost_centers SET ${names.join(', ')} WHERE id = ?`);
  await change(scenario, update.bind(...Object.values(columns), scenario.id));
}

const PAUSED = {
  paused_at: '2035-06-13T11:00:00.000Z',
  paused_until: '2035-06-13T13:00:00.000Z',
  paused_reason: 'quarterly freeze',
};

describe('a cost center that somebody paused', () => {
  test('refuses for good, with the reason and when it goes on', async () => {
    const scenario = await openWallet(dayBudget('10'));
    await setCostCenter(scenario, PAUSED);
    const reply = await scenario.wallet.open(openRequest(scenario.id, 't'));
    expect(reply).toMatchObject({
      status: 'refused',
      refusal: { why: 'paused', retryable: false, retryAfterSeconds: 3600 },
    });
    expect(reply.status === 'refused' && reply.refusal.message).toMatch(
      /is paused until 2035-06-13 13:00 \(UTC\): quarterly freeze; ask Mara Manager \(mara@example.com\)\.$/,
    );
    expect(await scenario.wallet.holds()).toEqual([]);
  });

  test('goes on by itself at the instant named', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await setCostCenter(scenario, PAUSED);
    setClock('2035-06-13T12:59:59.999Z');
    expect(await wallet.open(openRequest(id, 'before'))).toMatchObject({ status: 'refused' });
    setClock('2035-06-13T13:00:00.000Z');
    expect(await wallet.open(openRequest(id, 'after'))).toMatchObject({ status: 'admitted' });
  });

  test('without an end stays paused until it is resumed', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await setCostCenter(scenario, { ...PAUSED, paused_until: null });
    setClock('2036-06-13T12:00:00.000Z');
    expect(await wallet.open(openRequest(id, 'before'))).toMatchObject({
      refusal: { why: 'paused', retryAfterSeconds: null },
    });
    await setCostCenter(scenario, { paused_at: null, paused_reason: null });
    expect(await wallet.open(openRequest(id, 'after'))).toMatchObject({ status: 'admitted' });
  });

  test('lets the turns that run already settle, and its refusals are entries', async () => {
    const scenario = await openWallet(dayBudget('10'));
    const { id, wallet } = scenario;
    await wallet.open(openRequest(id, 'running'));
    await setCostCenter(scenario, PAUSED);
    await wallet.open(openRequest(id, 'refused'));
    await wallet.settle(completed('running', costing(1)));
    expect(await standingOf(scenario)).toMatchObject({ settledNanoUsd: usd(1), heldNanoUsd: 0 });
    await drain(wallet);
    expect(await ledgerOf(id)).toMatchObject([
      { turn_id: 'refused', kind: 'refusal', charged_nano_usd: 0 },
      { turn_id: 'running', kind: 'charge', charged_nano_usd: usd(1) },
    ]);
  });
});

describe('an archived cost center', () => {
  test('takes no more turns, and takes them again once it is restored', async () => {
    const scenario = await openWallet(null);
    const { id, wallet } = scenario;
    await setCostCenter(scenario, { archived_at: '2035-06-13T11:00:00.000Z' });
    expect(await wallet.open(openRequest(id, 'before'))).toMatchObject({
      refusal: { why: 'archived', retryable: false, retryAfterSeconds: null },
    });
    await setCostCenter(scenario, { archived_at: null });
    expect(await wallet.open(openRequest(id, 'after'))).toMatchObject({ status: 'admitted' });
  });
});
