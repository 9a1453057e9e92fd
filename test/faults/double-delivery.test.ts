import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { describe, expect, test } from 'vitest';
import { walletStub } from '../fixture.ts';
import {
  type Gateway,
  gateway,
  messageStart,
  messagesBody,
  openStream,
  sse,
  streamedAnswer,
  streamOf,
  USAGE,
  USAGE_NANO_USD,
} from '../turn/gateway.ts';
import { passTime, useFakeClock } from '../wallet/scenario.ts';
import { type WalletLine, walletLine } from './wallet-line.ts';

const BUDGET = { budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '100' }] };
const SETTLED = { status: 'settled', chargedNanoUsd: USAGE_NANO_USD };
/** Longer than a hold lives without being renewed. */
const OVER_A_LEASE_MS = 31_000;

useFakeClock();

async function settledAndHeld({ costCenter }: Gateway): Promise<[number | undefined, number | undefined]> {
  const [standing] = (await walletStub(costCenter).view(costCenter)).budgets;
  return [standing?.settledNanoUsd, standing?.heldNanoUsd];
}

/** Sets the wallet's clock past the lease of every open turn and lets its alarm settle them. */
async function letLeaseRunOut({ costCenter }: Gateway): Promise<void> {
  passTime(OVER_A_LEASE_MS);
  await runInDurableObject(walletStub(costCenter), async (wallet) => await wallet.alarm());
}

function sumOf(entries: Record<string, unknown>[]): number {
  return entries.reduce((sum, entry) => sum + Number(entry.charged_nano_usd), 0);
}

describe('the same settlement twice', () => {
  test.each<[how: string, line: () => WalletLine]>([
    [
      'one after the other',
      () => walletLine('settle', async (call) => [await call.deliver(), await call.deliver()].at(1)),
    ],
    [
      'at the same time',
      () => walletLine('settle', async (call) => (await Promise.all([call.deliver(), call.deliver()])).at(1)),
    ],
  ])('%s is booked once', async (_how, createLine) => {
    const line = createLine();
    const bursar = await gateway(BUDGET, () => streamOf(streamedAnswer()), { WALLET: line.wallets });
    await (await bursar.turn(messagesBody())).text();
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge', charged_nano_usd: USAGE_NANO_USD }]);
    expect(await settledAndHeld(bursar)).toEqual([USAGE_NANO_USD, 0]);
  });

  test('an hour later, after the wallet was restarted, is answered as the first was', async () => {
    const line = walletLine('settle', (call) => call.deliver());
    const bursar = await gateway(BUDGET, () => streamOf(streamedAnswer()), { WALLET: line.wallets });
    await (await bursar.turn(messagesBody())).text();
    await bursar.entries();
    await evictDurableObject(walletStub(bursar.costCenter));
    passTime(3_600_000);
    expect(await line.callsOf('settle')[0]?.deliver()).toEqual(SETTLED);
    expect(await bursar.entries()).toHaveLength(1);
    expect(await settledAndHeld(bursar)).toEqual([USAGE_NANO_USD, 0]);
  });

  test('of a turn that failed stays free', async () => {
    const line = walletLine('settle', async (call) => [await call.deliver(), await call.deliver()].at(1));
    const answer = () => Response.json({ type: 'error' }, { status: 529 });
    const bursar = await gateway(BUDGET, answer, { WALLET: line.wallets });
    await (await bursar.turn(messagesBody())).text();
    expect(await bursar.entries()).toMatchObject([{ kind: 'failure', charged_nano_usd: 0 }]);
    expect(await settledAndHeld(bursar)).toEqual([0, 0]);
  });
});

describe('the same open twice', () => {
  test('holds once and gets the same answer', async () => {
    const answers: unknown[] = [];
    const line = walletLine('open', async (call) => {
      answers.push(await call.deliver(), await call.deliver());
      return answers.at(-1);
    });
    const upstream = openStream();
    const bursar = await gateway(BUDGET, upstream.answer, { WALLET: line.wallets });
    const response = await bursar.turn(messagesBody());
    expect(answers[1]).toEqual(answers[0]);
    expect(await walletStub(bursar.costCenter).holds()).toHaveLength(1);
    await upstream.write(streamedAnswer());
    await upstream.end();
    await response.text();
    expect(await bursar.entries()).toHaveLength(1);
  });
});

describe('a settlement after its lease ran out', () => {
  test('corrects what was charged for the lease: the turn costs what it cost', async () => {
    const upstream = openStream();
    const bursar = await gateway(BUDGET, upstream.answer);
    const reading = (await bursar.turn(messagesBody())).text();
    await upstream.write(messageStart());
    await letLeaseRunOut(bursar);
    const [atLeastExpected, held] = await settledAndHeld(bursar);
    expect(atLeastExpected).toBeGreaterThan(0);
    expect(held).toBe(0);
    await upstream.write(sse('message_delta', { delta: { stop_reason: 'end_turn' }, usage: USAGE }));
    await upstream.end();
    await reading;
    const entries = await bursar.entries();
    expect(entries).toMatchObject([
      { kind: 'charge', estimated: 1, estimated_why: 'lease_expired', corrects: null },
      { kind: 'correction', estimated: 0, corrects: entries[0]?.entry_id, stop_reason: 'end_turn' },
    ]);
    expect(sumOf(entries)).toBe(USAGE_NANO_USD);
    expect(await settledAndHeld(bursar)).toEqual([USAGE_NANO_USD, 0]);
  });

  test('and told twice corrects once', async () => {
    const upstream = openStream();
    const line = walletLine('settle', async (call) => [await call.deliver(), await call.deliver()].at(1));
    const bursar = await gateway(BUDGET, upstream.answer, { WALLET: line.wallets });
    const reading = (await bursar.turn(messagesBody())).text();
    await letLeaseRunOut(bursar);
    await upstream.write(streamedAnswer());
    await upstream.end();
    await reading;
    const entries = await bursar.entries();
    expect(entries.map((entry) => entry.kind)).toEqual(['charge', 'correction']);
    expect(sumOf(entries)).toBe(USAGE_NANO_USD);
  });

  test('of a turn that failed gives all of it back', async () => {
    const upstream = openStream();
    const bursar = await gateway(BUDGET, upstream.answer);
    const reading = (await bursar.turn(messagesBody())).text();
    await letLeaseRunOut(bursar);
    await upstream.end();
    await reading;
    const entries = await bursar.entries();
    expect(entries).toMatchObject([{ kind: 'charge' }, { kind: 'correction' }]);
    expect(sumOf(entries)).toBe(0);
    expect(await settledAndHeld(bursar)).toEqual([0, 0]);
  });
});
