import { runDurableObjectAlarm } from 'cloudflare:test';
import { describe, expect, test } from 'vitest';
import { FIRST_OUTPUT_TOKENS } from '../../durable-objects/core/estimate.ts';
import { LEASE_MS } from '../../durable-objects/wallet/open.ts';
import type { Progress } from '../../durable-objects/wallet/rpc.ts';
import { ANSWER, completed, openRequest, usageOf, usd } from '../fixture.ts';
import {
  costing,
  dayBudget,
  drain,
  ledgerOf,
  openWallet,
  outboxDepth,
  passTime,
  type Scenario,
  standingOf,
  useFakeClock,
} from './scenario.ts';

useFakeClock();

/** An open turn of 50 kB on Opus 5.5. */
async function runningTurn(): Promise<Scenario & { turnId: string; heldNanoUsd: number }> {
  const scenario = await openWallet(dayBudget('100'));
  const turnId = `${scenario.id}-t`;
  await scenario.wallet.open(openRequest(scenario.id, turnId));
  const heldNanoUsd = (await standingOf(scenario))?.heldNanoUsd ?? 0;
  return { ...scenario, turnId, heldNanoUsd };
}

/** What a stream that has begun has shown: 1,000 input tokens ($0.004) and so many output tokens. */
function streamed(outputTokens: number): Progress {
  return { usage: usageOf({ inputTokens: 1_000, outputTokens: 1 }), outputTokens };
}

async function runOut({ wallet }: Scenario): Promise<void> {
  passTime(LEASE_MS);
  expect(await runDurableObjectAlarm(wallet)).toBe(true);
}

async function settled(scenario: Scenario): Promise<number | undefined> {
  const standing = await standingOf(scenario);
  expect(standing?.heldNanoUsd).toBe(0);
  return standing?.settledNanoUsd;
}

describe('a lease', () => {
  test('keeps its hold while it is renewed, however long the turn runs', async () => {
    const turn = await runningTurn();
    for (let renewals = 0; renewals < 20; renewals += 1) {
      passTime(LEASE_MS - 1);
      expect(
        await turn.wallet.renew({ turnId: turn.turnId, attempt: 1, progress: streamed(renewals) }),
      ).toEqual({ status: 'renewed' });
      await runDurableObjectAlarm(turn.wallet);
    }
    expect((await standingOf(turn))?.heldNanoUsd).toBe(turn.heldNanoUsd);
    await turn.wallet.settle(completed(turn.turnId, costing(3)));
    expect(await settled(turn)).toBe(usd(3));
  });

  test('has not run out a millisecond early', async () => {
    const turn = await runningTurn();
    passTime(LEASE_MS - 1);
    await runDurableObjectAlarm(turn.wallet);
    expect(await turn.wallet.holds()).toHaveLength(1);
  });

  test('of a turn it does not know, or one that is over, is not renewed', async () => {
    const { wallet, turnId } = await runningTurn();
    const renewal = { turnId, attempt: 1, progress: streamed(5) };
    expect(await wallet.renew({ ...renewal, turnId: 'never-opened' })).toEqual({ status: 'unknown_turn' });
    await wallet.settle(completed(turnId, costing(1)));
    expect(await wallet.renew(renewal)).toEqual({ status: 'resolved' });
  });
});

describe('a lease that ran out is never free: it is charged', () => {
  test('what was seen last', async () => {
    const turn = await runningTurn();
    await turn.wallet.renew({ turnId: turn.turnId, attempt: 1, progress: streamed(100) });
    await turn.wallet.renew({ turnId: turn.turnId, attempt: 1, progress: streamed(50_000) });
    await runOut(turn);
    expect(await settled(turn)).toBe(usd(1.004));
  });

  test('the most that was seen, where an older renewal comes after a newer one', async () => {
    const turn = await runningTurn();
    await turn.wallet.renew({ turnId: turn.turnId, attempt: 1, progress: streamed(50_000) });
    await turn.wallet.renew({ turnId: turn.turnId, attempt: 1, progress: { usage: null, outputTokens: 0 } });
    await runOut(turn);
    expect(await settled(turn)).toBe(usd(1.004));
  });

  test('all that was expected of it, where nothing was ever seen', async () => {
    const turn = await runningTurn();
    await runOut(turn);
    expect(await settled(turn)).toBe(turn.heldNanoUsd);
    await drain(turn.wallet);
    expect(await ledgerOf(turn.id)).toMatchObject([
      { kind: 'charge', estimated: 1, estimated_why: 'lease_expired', charged_nano_usd: turn.heldNanoUsd },
    ]);
  });

  test('its estimated input, where only a renewal without usage was seen', async () => {
    const turn = await runningTurn();
    await turn.wallet.renew({
      turnId: turn.turnId,
      attempt: 1,
      progress: { usage: null, outputTokens: 0 },
    });
    await runOut(turn);
    expect(await settled(turn)).toBe(turn.heldNanoUsd - usd(FIRST_OUTPUT_TOKENS.main * 20e-6));
  });

  test('once, however often the alarm runs', async () => {
    const turn = await runningTurn();
    await runOut(turn);
    passTime(LEASE_MS);
    await runDurableObjectAlarm(turn.wallet);
    expect(await settled(turn)).toBe(turn.heldNanoUsd);
    await drain(turn.wallet);
    expect(await ledgerOf(turn.id)).toHaveLength(1);
  });
});

describe('after a lease ran out', () => {
  test('a settlement is a correction by the difference that points to the charge', async () => {
    const turn = await runningTurn();
    await runOut(turn);
    expect(await turn.wallet.settle(completed(turn.turnId, costing(1)))).toEqual({
      status: 'settled',
      chargedNanoUsd: usd(1),
    });
    expect(await settled(turn)).toBe(usd(1));
    await drain(turn.wallet);
    const [charge, correction, ...more] = await ledgerOf(turn.id);
    expect(more).toEqual([]);
    expect(correction).toMatchObject({
      kind: 'correction',
      corrects: charge?.entry_id,
      charged_nano_usd: usd(1) - turn.heldNanoUsd,
      estimated: 0,
      admitted_at: charge?.admitted_at,
    });
    expect((charge?.output_tokens ?? 0) + (correction?.output_tokens ?? 0)).toBe(50_000);
    expect((charge?.total_input_tokens ?? 0) + (correction?.total_input_tokens ?? 0)).toBe(0);
  });

  test('a settlement that says less gives money back', async () => {
    const turn = await runningTurn();
    await runOut(turn);
    await turn.wallet.settle(completed(turn.turnId, costing(0.01)));
    expect(await settled(turn)).toBe(usd(0.01));
  });

  test('the same settlement again changes nothing, and another one is a conflict', async () => {
    const turn = await runningTurn();
    await runOut(turn);
    const first = await turn.wallet.settle(completed(turn.turnId, costing(1)));
    expect(await turn.wallet.settle(completed(turn.turnId, costing(1)))).toEqual(first);
    expect(await turn.wallet.settle(completed(turn.turnId, costing(2)))).toEqual({ status: 'conflict' });
    expect(await settled(turn)).toBe(usd(1));
    await drain(turn.wallet);
    expect(await ledgerOf(turn.id)).toHaveLength(2);
  });

  test('a failure before any usage gives all of it back', async () => {
    const turn = await runningTurn();
    await runOut(turn);
    const failure = { turnId: turn.turnId, attempt: 1, outcome: { kind: 'failed' as const }, answer: ANSWER };
    expect(await turn.wallet.settle(failure)).toEqual({ status: 'settled', chargedNanoUsd: 0 });
    expect(await settled(turn)).toBe(0);
    await drain(turn.wallet);
    expect(await ledgerOf(turn.id)).toMatchObject([
      { kind: 'charge', charged_nano_usd: turn.heldNanoUsd },
      { kind: 'correction', charged_nano_usd: -turn.heldNanoUsd },
    ]);
  });

  test('a renewal brings the charge up to date, and the settlement after it corrects what is left', async () => {
    const turn = await runningTurn();
    await runOut(turn);
    const renewal = { turnId: turn.turnId, attempt: 1, progress: streamed(50_000) };
    expect(await turn.wallet.renew(renewal)).toEqual({ status: 'renewed' });
    expect(await settled(turn)).toBe(usd(1.004));
    await turn.wallet.settle(completed(turn.turnId, costing(2)));
    expect(await settled(turn)).toBe(usd(2));
    await drain(turn.wallet);
    const entries = await ledgerOf(turn.id);
    expect(entries.map((entry) => entry.kind)).toEqual(['charge', 'correction', 'correction']);
    expect(entries.slice(1).map((entry) => entry.corrects)).toEqual([
      entries[0]?.entry_id,
      entries[0]?.entry_id,
    ]);
  });

  test('opening it again answers as it did the first time and holds nothing', async () => {
    const turn = await runningTurn();
    await runOut(turn);
    expect(await turn.wallet.open(openRequest(turn.id, turn.turnId))).toMatchObject({ status: 'admitted' });
    expect(await settled(turn)).toBe(turn.heldNanoUsd);
  });
});

describe('a runaway hold that somebody ends', () => {
  test('is charged at the best figure known, and says why', async () => {
    const turn = await runningTurn();
    await turn.wallet.renew({ turnId: turn.turnId, attempt: 1, progress: streamed(50_000) });
    expect(await turn.wallet.endHold(turn.turnId, 'looping')).toBe(true);
    expect(await settled(turn)).toBe(usd(1.004));
    expect(await turn.wallet.holds()).toEqual([]);
    await drain(turn.wallet);
    expect(await ledgerOf(turn.id)).toMatchObject([{ estimated: 1, estimated_why: 'ended: looping' }]);
  });

  test('is ended once, and what it settles at later corrects it', async () => {
    const turn = await runningTurn();
    await turn.wallet.endHold(turn.turnId, 'looping');
    expect(await turn.wallet.endHold(turn.turnId, 'looping')).toBe(false);
    expect(await turn.wallet.endHold('never-opened', 'looping')).toBe(false);
    await turn.wallet.settle(completed(turn.turnId, costing(1)));
    expect(await settled(turn)).toBe(usd(1));
    expect(await turn.wallet.endHold(turn.turnId, 'looping')).toBe(false);
    expect(await outboxDepth(turn.wallet)).toBe(2);
  });
});
