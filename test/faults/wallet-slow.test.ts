import { describe, expect, test } from 'vitest';
import { walletStub } from '../fixture.ts';
import { gateway, messagesBody, streamedAnswer, streamOf, USAGE_NANO_USD } from '../turn/gateway.ts';
import { type Fate, wait, walletLine } from './wallet-line.ts';

const BUDGET = { budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '100' }] };

async function settledAndHeld(costCenter: string): Promise<[number | undefined, number | undefined]> {
  const [standing] = (await walletStub(costCenter).view(costCenter)).budgets;
  return [standing?.settledNanoUsd, standing?.heldNanoUsd];
}

/** Over the time a turn is kept waiting for its wallet. */
const TOO_LATE_MS = 3_000;
const IN_TIME_MS = 1_000;

describe('a wallet that answers too late', () => {
  test.each<[what: string, fate: Fate]>([
    ['hears it late', (call) => wait(TOO_LATE_MS).then(() => call.deliver())],
    [
      'holds at once and says so late',
      (call) => call.deliver().then((said) => wait(TOO_LATE_MS).then(() => said)),
    ],
  ])('that %s: the turn was given up, nothing is sent, held or charged', async (_what, fate) => {
    const late = Promise.withResolvers<unknown>();
    const line = walletLine('open', async (call, nth) => {
      const answer = await fate(call, nth);
      late.resolve(answer);
      return answer;
    });
    const bursar = await gateway(BUDGET, () => streamOf(streamedAnswer()), { WALLET: line.wallets });
    const response = await bursar.turn(messagesBody());
    expect(response.status).toBe(529);
    await bursar.settled();
    await late.promise;
    expect(await settledAndHeld(bursar.costCenter)).toEqual([0, 0]);
    expect(await walletStub(bursar.costCenter).holds()).toEqual([]);
    expect(bursar.sent).toHaveLength(0);
    const entries = await bursar.entries();
    expect(entries.reduce((sum, entry) => sum + Number(entry.charged_nano_usd), 0)).toBe(0);
  });
});

describe('a wallet that answers slowly', () => {
  test('but in time keeps the turn waiting, and that is all', async () => {
    const line = walletLine('open', (call) => wait(IN_TIME_MS).then(() => call.deliver()));
    const bursar = await gateway(BUDGET, () => streamOf(streamedAnswer()), { WALLET: line.wallets });
    const response = await bursar.turn(messagesBody());
    expect(await response.text()).toBe(streamedAnswer());
    expect(line.callsOf('open')).toHaveLength(1);
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge', charged_nano_usd: USAGE_NANO_USD }]);
  });

  test('to a settlement holds up nobody: the answer is complete before it', async () => {
    const read = Promise.withResolvers<void>();
    const line = walletLine('settle', (call) => read.promise.then(() => call.deliver()));
    const bursar = await gateway(BUDGET, () => streamOf(streamedAnswer()), { WALLET: line.wallets });
    expect(await (await bursar.turn(messagesBody())).text()).toBe(streamedAnswer());
    expect((await settledAndHeld(bursar.costCenter))[0]).toBe(0);
    read.resolve();
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge', charged_nano_usd: USAGE_NANO_USD }]);
  });
});

describe('a client that leaves while the wallet is slow', () => {
  test('gets its hold released: the upstream never hears of the turn', async () => {
    const client = new AbortController();
    const line = walletLine('open', async (call) => {
      const answer = await call.deliver();
      client.abort();
      return answer;
    });
    const bursar = await gateway(BUDGET, () => streamOf(streamedAnswer()), { WALLET: line.wallets });
    await bursar.turn(messagesBody(), { signal: client.signal });
    expect(await bursar.entries()).toMatchObject([
      { kind: 'failure', charged_nano_usd: 0, error_type: 'client_gone' },
    ]);
    expect(bursar.sent).toHaveLength(0);
    expect(await settledAndHeld(bursar.costCenter)).toEqual([0, 0]);
  });
});
