import { runDurableObjectAlarm } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import {
  completed,
  createCostCenter,
  freshCostCenter,
  openRequest,
  usageOf,
  usd,
  walletStub,
} from '../fixture.ts';

const BUDGET = { budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '10' }] };

async function openWallet(policy: object | null = BUDGET) {
  const id = freshCostCenter();
  await createCostCenter(id, policy);
  return { id, wallet: walletStub(id) };
}

describe('a turn', () => {
  test('holds what it is expected to cost, and its exact cost takes the place of the hold', async () => {
    const { id, wallet } = await openWallet();
    expect(await wallet.open(openRequest(id, 't1'))).toMatchObject({
      status: 'admitted',
      model: 'claude-opus-5-5',
    });
    const [held] = (await wallet.view(id)).budgets;
    expect(held?.heldNanoUsd).toBeGreaterThan(0);
    expect(held?.settledNanoUsd).toBe(0);

    const usage = usageOf({ inputTokens: 1_200, outputTokens: 2_500 });
    expect(await wallet.settle(completed('t1', usage))).toEqual({
      status: 'settled',
      chargedNanoUsd: usd(0.0548),
    });
    expect((await wallet.view(id)).budgets[0]).toMatchObject({ heldNanoUsd: 0, settledNanoUsd: usd(0.0548) });
  });

  test('is one entry in the ledger, with its money, tokens and reasons', async () => {
    const { id, wallet } = await openWallet();
    await wallet.open(openRequest(id, `${id}-t1`));
    await wallet.settle(
      completed(`${id}-t1`, usageOf({ inputTokens: 1_000, cacheReadTokens: 9_000, outputTokens: 10 })),
    );
    await runDurableObjectAlarm(wallet);
    const { results } = await env.DB.prepare('SELECT * FROM ledger_entries WHERE cost_center = ?')
      .bind(id)
      .all();
    expect(results).toHaveLength(1);
    expect(results[0]).toMatchObject({
      kind: 'charge',
      developer: 'dev@example.com',
      key_tags: '{"team":"a"}',
      model_served: 'claude-opus-5-5',
      decision: 'proceed',
      policy_version: 1,
      input_tokens: 1_000,
      cache_read_tokens: 9_000,
      total_input_tokens: 10_000,
      new_input_tokens: 10_000,
      charged_nano_usd: usd(0.006),
      estimated: 0,
      http_status: 200,
    });
  });

  test('opened twice is held once, and with other content it is a conflict', async () => {
    const { id, wallet } = await openWallet();
    const first = await wallet.open(openRequest(id, 't1'));
    expect(await wallet.open(openRequest(id, 't1'))).toEqual(first);
    expect(await wallet.holds()).toHaveLength(1);
    expect(await wallet.open(openRequest(id, 't1', { bodyBytes: 7 }))).toEqual({ status: 'conflict' });
  });

  test('settled twice is charged once, and with other content it is a conflict', async () => {
    const { id, wallet } = await openWallet();
    await wallet.open(openRequest(id, 't1'));
    const settlement = completed('t1', usageOf({ outputTokens: 1_000 }));
    const first = await wallet.settle(settlement);
    expect(await wallet.settle(settlement)).toEqual(first);
    expect(await wallet.settle(completed('t1', usageOf({ outputTokens: 9 })))).toEqual({
      status: 'conflict',
    });
    expect((await wallet.view(id)).budgets[0]?.settledNanoUsd).toBe(usd(0.02));
  });
});
