import { describe, expect, test } from 'vitest';
import { FIRST_OUTPUT_TOKENS } from '../../durable-objects/core/estimate.ts';
import type { OpenReply, StandingView } from '../../durable-objects/wallet/rpc.ts';
import { completed, openRequest } from '../fixture.ts';
import { costing, openWallet, type Scenario, standingOf, useFakeClock } from '../wallet/scenario.ts';

useFakeClock();

const TURNS = 200;
/** A turn of the crowd is expected to cost $0.121; the line leaves room for ten of them. */
const EXPECTED_NANO_USD = 14_001 * 8_000 + FIRST_OUTPUT_TOKENS.main * 20_000;
const ROOM_FOR_TEN = '1.27';

function policy(admission: 'expected' | 'guaranteed', limitUsd: string): object {
  return {
    admission,
    budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: limitUsd }],
    stages: [{ at: '1.00', do: 'pause' }],
    cascade: ['claude-opus-5-5'],
  };
}

async function openCrowd({ id, wallet }: Scenario, round = 0): Promise<OpenReply[]> {
  return await Promise.all(
    Array.from({ length: TURNS }, (_, index) =>
      wallet.open(openRequest(id, turnIdOf(index, round), { session: `s${round}-${index}` })),
    ),
  );
}

function turnIdOf(index: number, round = 0): string {
  return `turn-${round}-${index}`;
}

function admittedIn(replies: readonly OpenReply[]): number[] {
  return replies.flatMap((reply, index) => (reply.status === 'admitted' ? [index] : []));
}

/** Why the others were not admitted, each answer once. */
function refusalsIn(replies: readonly OpenReply[]): string[] {
  const refused = replies.filter((reply) => reply.status === 'refused');
  return [...new Set(refused.map(({ refusal }) => `${refusal.why}, retryable: ${refusal.retryable}`))];
}

function expectUnderItsLine(standing: StandingView | undefined): void {
  const { settledNanoUsd, heldNanoUsd, limitNanoUsd } = standing ?? {};
  expect((settledNanoUsd ?? Number.NaN) + (heldNanoUsd ?? Number.NaN)).toBeLessThanOrEqual(limitNanoUsd ?? 0);
}

describe('200 concurrent turns on a wallet with room for ten', { timeout: 30_000 }, () => {
  test('hold ten, and all others are told to try again', async () => {
    const scenario = await openWallet(policy('expected', ROOM_FOR_TEN));
    const replies = await openCrowd(scenario);
    expect(admittedIn(replies)).toHaveLength(10);
    expect(refusalsIn(replies)).toEqual(['pending, retryable: true']);
    const standing = await standingOf(scenario);
    expect(standing?.heldNanoUsd).toBe(10 * EXPECTED_NANO_USD);
    expectUnderItsLine(standing);
  });

  test('are asked to come back after a few seconds, not all at once', async () => {
    const scenario = await openWallet(policy('expected', ROOM_FOR_TEN));
    const replies = await openCrowd(scenario);
    const waits = replies.flatMap((reply) =>
      reply.status === 'refused' ? [reply.refusal.retryAfterSeconds ?? Number.NaN] : [],
    );
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...waits)).toBeLessThanOrEqual(10);
    expect(new Set(waits).size).toBeGreaterThan(1);
  });

  test('all get through in the end where each costs little, and none is refused for good', async () => {
    const scenario = await openWallet(policy('expected', ROOM_FOR_TEN));
    for (let round = 0; round < 2; round += 1) {
      const replies = await openCrowd(scenario, round);
      expect(refusalsIn(replies)).toEqual(['pending, retryable: true']);
      expectUnderItsLine(await standingOf(scenario));
      const settling = admittedIn(replies).map((index) =>
        scenario.wallet.settle(completed(turnIdOf(index, round), costing(0.000_1))),
      );
      await Promise.all(settling);
    }
    expect(await standingOf(scenario)).toMatchObject({ heldNanoUsd: 0, settledNanoUsd: 2_000_000 });
  });

  test('that settle while others open never take the wallet over its line', async () => {
    const scenario = await openWallet(policy('guaranteed', '20.00'));
    const { id, wallet } = scenario;
    const replies = await Promise.all(
      Array.from({ length: TURNS }, async (_, index) => {
        const turnId = turnIdOf(index);
        const reply = await wallet.open(openRequest(id, turnId, { session: turnId, maxTokens: 4_000 }));
        expectUnderItsLine(await standingOf(scenario));
        if (reply.status === 'admitted') await wallet.settle(completed(turnId, costing(0.08)));
        return reply;
      }),
    );
    expect(admittedIn(replies).length).toBeGreaterThan(10);
    expect(refusalsIn(replies).every((why) => why === 'pending, retryable: true')).toBe(true);
    expectUnderItsLine(await standingOf(scenario));
  });

  test('are refused for good once settled money leaves no room', async () => {
    const scenario = await openWallet(policy('expected', ROOM_FOR_TEN));
    await scenario.wallet.open(openRequest(scenario.id, 'first'));
    await scenario.wallet.settle(completed('first', costing(1.2)));
    expect(refusalsIn(await openCrowd(scenario))).toEqual(['budget, retryable: false']);
  });
});
