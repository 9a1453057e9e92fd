import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import type { OpenReply, ReopenRequest } from '../../durable-objects/wallet/rpc.ts';
import { ANSWER, completed, createCostCenter, openRequest, usageOf, usd, walletStub } from '../fixture.ts';
import { turnFacts } from '../turn-facts.ts';
import { drained } from './scenario.ts';

const OPUS = 'claude-opus-5-5';

let made = 0;

/** A wallet of a cost center that no other file has, with one turn open. */
async function openedTurn(policy: object, facts = turnFacts()) {
  made += 1;
  const id = `attempts-${made}`;
  await createCostCenter(id, policy);
  const wallet = walletStub(id);
  const turnId = `${id}-t1`;
  const reply = await wallet.open(openRequest(id, turnId, facts));
  return { id, wallet, turnId, reply };
}

function budget(limitUsd: string, changes: object = {}): object {
  return {
    budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: limitUsd, ...changes }],
  };
}

/** A provider was given up: its prompt is charged by estimate. */
function givenUp(turnId: string, attempt = 1): ReopenRequest {
  const progress = { usage: null, outputTokens: 0 };
  const answer = { ...ANSWER, providerInstance: 'slow', httpStatus: null, errorType: 'first_byte_late' };
  return {
    turnId,
    attempt,
    cause: { kind: 'billed', outcome: { kind: 'broken_off', why: 'first_byte_late', progress }, answer },
  };
}

async function standing({ id, wallet }: { id: string; wallet: ReturnType<typeof walletStub> }) {
  const [first] = (await wallet.view(id)).budgets;
  if (!first) throw new Error('no budget');
  return first;
}

async function entriesOf(wallet: ReturnType<typeof walletStub>, id: string) {
  await drained(wallet);
  const query = 'SELECT * FROM ledger_entries WHERE cost_center = ? ORDER BY entry_id';
  return (await env.DB.prepare(query).bind(id).all()).results;
}

describe('an attempt that was given up', () => {
  test('is charged by itself, and its turn stays held for the next', async () => {
    const turn = await openedTurn(budget('10'));
    const before = await standing(turn);
    const reopened = await turn.wallet.reopen(givenUp(turn.turnId));
    expect(reopened).toMatchObject({ status: 'admitted', model: OPUS });
    const between = await standing(turn);
    expect(between.settledNanoUsd).toBeGreaterThan(0);
    expect(between.heldNanoUsd).toBe(before.heldNanoUsd);
    const usage = usageOf({ inputTokens: 1_200, outputTokens: 2_500 });
    await turn.wallet.settle({ ...completed(turn.turnId, usage), attempt: 2 });
    expect(await standing(turn)).toMatchObject({
      heldNanoUsd: 0,
      settledNanoUsd: between.settledNanoUsd + usd(0.0548),
    });
    expect(await entriesOf(turn.wallet, turn.id)).toMatchObject([
      { attempt: 1, kind: 'charge', estimated_why: 'first_byte_late', provider_instance: 'slow' },
      { attempt: 2, kind: 'charge', charged_nano_usd: usd(0.0548), estimated: 0 },
    ]);
  });

  test('is charged once, however often it is reported', async () => {
    const turn = await openedTurn(budget('10'));
    const first = await turn.wallet.reopen(givenUp(turn.turnId));
    const charged = (await standing(turn)).settledNanoUsd;
    expect(await turn.wallet.reopen(givenUp(turn.turnId))).toEqual(first);
    expect((await standing(turn)).settledNanoUsd).toBe(charged);
  });

  test('and whose report was heard, but not its answer, is not charged again by the settlement that ends it', async () => {
    const turn = await openedTurn(budget('10'));
    await turn.wallet.reopen(givenUp(turn.turnId));
    const charged = (await standing(turn)).settledNanoUsd;
    const { cause } = givenUp(turn.turnId);
    if (cause.kind !== 'billed') throw new Error('not billed');
    const outcome = { ...cause.outcome, undecided: true as const };
    if (outcome.kind !== 'broken_off') throw new Error('not broken off');
    const ended = await turn.wallet.settle({
      turnId: turn.turnId,
      attempt: 1,
      outcome,
      answer: cause.answer,
    });
    expect(ended).toEqual({ status: 'settled', chargedNanoUsd: 0 });
    expect(await standing(turn)).toMatchObject({ heldNanoUsd: 0, settledNanoUsd: charged });
  });

  test('and whose report was lost is charged by the settlement that ends it', async () => {
    const turn = await openedTurn(budget('10'));
    const { cause } = givenUp(turn.turnId);
    if (cause.kind !== 'billed' || cause.outcome.kind !== 'broken_off') throw new Error('not billed');
    const outcome = { ...cause.outcome, undecided: true as const };
    await turn.wallet.settle({ turnId: turn.turnId, attempt: 1, outcome, answer: cause.answer });
    expect(await standing(turn)).toMatchObject({ heldNanoUsd: 0 });
    expect((await standing(turn)).settledNanoUsd).toBeGreaterThan(0);
  });

  test('does not let a guaranteed budget be passed: the next one is refused where its ceiling no longer fits', async () => {
    const facts = turnFacts({ bodyBytes: 20_000, maxTokens: 1_000 });
    const probe = await openedTurn(budget('100', { admission: 'guaranteed' }), facts);
    const ceilingUsd = (await standing(probe)).heldNanoUsd / 1e9;
    const limit = (ceilingUsd * 1.02).toFixed(6);
    const policy = {
      ...budget(limit, { admission: 'guaranteed', stages: [{ at: '1', do: 'pause' }] }),
      cascade: [OPUS],
    };
    const turn = await openedTurn(policy, facts);
    expect(turn.reply.status).toBe('admitted');
    const reopened: OpenReply = await turn.wallet.reopen(givenUp(turn.turnId));
    expect(reopened).toMatchObject({ status: 'refused', refusal: { why: 'budget' } });
    const after = await standing(turn);
    expect(after.heldNanoUsd).toBe(0);
    expect(after.settledNanoUsd).toBeLessThanOrEqual(after.limitNanoUsd);
    expect(await entriesOf(turn.wallet, turn.id)).toMatchObject([{ kind: 'charge' }, { kind: 'refusal' }]);
  });
});

describe('a turn whose providers are all at their limits', () => {
  test('goes on down the cascade, and back up with the next turn', async () => {
    const turn = await openedTurn({ ...budget('10'), when_exhausted: 'step_down' });
    expect(turn.reply).toMatchObject({ status: 'admitted', model: OPUS, stepsDownWhenExhausted: true });
    const cause = { kind: 'providers_exhausted' as const };
    const reopened = await turn.wallet.reopen({ turnId: turn.turnId, attempt: 1, cause });
    expect(reopened).toMatchObject({ status: 'admitted', model: 'claude-sonnet-5-5', decision: 'downgrade' });
    const usage = usageOf({ inputTokens: 100, outputTokens: 1 });
    await turn.wallet.settle({ ...completed(turn.turnId, usage), attempt: 2 });
    const next = await turn.wallet.open(
      openRequest(turn.id, `${turn.id}-t2`, turnFacts({ session: 'another' })),
    );
    expect(next).toMatchObject({ status: 'admitted', model: OPUS, decision: 'proceed' });
  });

  test('stays held as it was where no other model is left', async () => {
    const turn = await openedTurn({ ...budget('10'), cascade: [OPUS], when_exhausted: 'step_down' });
    const held = (await standing(turn)).heldNanoUsd;
    const cause = { kind: 'providers_exhausted' as const };
    const reopened = await turn.wallet.reopen({ turnId: turn.turnId, attempt: 1, cause });
    expect(reopened).toEqual({ status: 'nothing_left' });
    expect((await standing(turn)).heldNanoUsd).toBe(held);
    const failed = { turnId: turn.turnId, attempt: 1, outcome: { kind: 'failed' as const }, answer: ANSWER };
    expect(await turn.wallet.settle(failed)).toEqual({ status: 'settled', chargedNanoUsd: 0 });
  });
});

test('a turn nobody reports on is charged at the dearest prices it may have met', async () => {
  const modifiers = { speed: null, inferenceGeo: null, providerMillionths: 1_100_000 };
  const plain = await openedTurn(budget('10'));
  const dearer = await openedTurn(budget('10'), turnFacts({ modifiers }));
  await plain.wallet.endHold(plain.turnId, 'test');
  await dearer.wallet.endHold(dearer.turnId, 'test');
  const listed = (await standing(plain)).settledNanoUsd;
  expect((await standing(dearer)).settledNanoUsd).toBe(Math.ceil((listed * 11) / 10));
  const [entry] = await entriesOf(dearer.wallet, dearer.id);
  expect(entry).toMatchObject({ price_millionths: 1_100_000 });
});
