/** What is reported of turns in a random history: settlements and renewals, to both wallets. */
import { expect } from 'vitest';
import type { Outcome, SettleRequest } from '../../durable-objects/wallet/rpc.ts';
import { ANSWER } from '../fixture.ts';
import { answered, outcomeOf, takenBy, unseenCost } from './answers.ts';
import type { CommandThat } from './commands.ts';
import { attemptOf, pick } from './picked.ts';
import type { Cost } from './reference-prices.ts';
import type { World } from './world.ts';

export async function settleTurn(world: World, command: CommandThat<'settle'>): Promise<void> {
  const picked = pick(world, command.turn);
  // A failure report of a turn that was never let in would give it up; `give_up` is about that.
  if (!picked?.turn) return;
  const { request, turn } = picked;
  const { outcome, cost } = outcomeOf(turn, request, command);
  const mayBeUndecided = outcome.kind === 'failed' || outcome.kind === 'broken_off';
  const isUndecided = command.isUndecided && mayBeUndecided;
  const attempt = attemptOf(turn, command.isStale || isUndecided);
  const settlement = {
    turnId: request.turnId,
    attempt,
    outcome: isUndecided ? ({ ...outcome, undecided: true } as Outcome) : outcome,
    answer: { ...ANSWER, priceMillionths: Number(takenBy(turn, command.provider)) },
  };
  await settleBoth(world, settlement, cost);
}

export async function settleBoth(world: World, settlement: SettleRequest, cost: Cost | null): Promise<void> {
  const report = JSON.stringify(settlement);
  const turn = world.reference.turns.get(settlement.turnId);
  const isUnreported = turn !== undefined && turn.report === null;
  const { outcome } = settlement;
  const isUndecided = 'undecided' in outcome && outcome.undecided === true;
  const expected = world.reference.settle({ ...settlement, isUndecided }, report, cost, Date.now());
  expect(await world.wallet.settle(settlement)).toEqual(expected);
  if (!isUnreported || turn.report === null) return;
  world.settlements.set(settlement.turnId, settlement);
  world.histories.settled(turn, settlement, world.requests, world.reference.now(Date.now()));
}

export async function renewTurn(
  world: World,
  { turn: back, seen, isStale, ...drawn }: CommandThat<'renew'>,
): Promise<void> {
  const picked = pick(world, back);
  if (!picked) return;
  const { request, turn } = picked;
  // Until it is settled nobody says which provider has it: the dearest it may be.
  const provider = 'dearest';
  const { usage, cost } = answered(turn, request, { ...drawn, split: false, provider });
  const attempt = attemptOf(turn, isStale);
  const begun = { ...usage, tokens: { ...usage.tokens, outputTokens: 0 } };
  const expected = world.reference.renew(
    { turnId: request.turnId, attempt },
    {
      exact: seen,
      outputTokens: drawn.output,
      cost: seen ? cost : unseenCost(turn, drawn.output, provider),
    },
    Date.now(),
  );
  const progress = { usage: seen ? begun : null, outputTokens: drawn.output };
  const reply = await world.wallet.renew({ turnId: request.turnId, attempt, progress });
  expect(reply).toEqual({ status: expected });
}
