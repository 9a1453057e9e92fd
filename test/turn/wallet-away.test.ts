import { describe, expect, test } from 'vitest';
import { BROKEN, type Fate, type WalletLine, walletLine } from '../faults/wallet-line.ts';
import { walletStub } from '../fixture.ts';
import {
  type Gateway,
  gateway,
  messagesBody,
  openStream,
  streamedAnswer,
  streamOf,
  USAGE_NANO_USD,
} from './gateway.ts';

const BUDGET = { budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '100' }] };

async function gatewayOver(line: WalletLine): Promise<Gateway> {
  return await gateway(BUDGET, () => streamOf(streamedAnswer()), { WALLET: line.wallets });
}

/** What of the team's budget is spent and held. */
async function standingOf({ costCenter }: Gateway): Promise<{ settled: number; held: number }> {
  const { budgets } = await walletStub(costCenter).view(costCenter);
  const [standing] = budgets;
  return { settled: standing?.settledNanoUsd ?? Number.NaN, held: standing?.heldNanoUsd ?? Number.NaN };
}

const UNCONFIGURED = { status: 'unavailable', message: 'the configuration cannot be read' };

const never = new Promise<never>(() => {});
const rejects: Fate = () => Promise.reject(BROKEN);
const hangs: Fate = () => never;
/** It holds the money, and its answer is lost. */
const answersToNobody: Fate = async (call) => {
  await call.deliver();
  throw BROKEN;
};

describe('a wallet that cannot be asked', () => {
  test.each<[how: string, fate: Fate, asked: number, entries: object[]]>([
    ['rejects every call', rejects, 4, []],
    ['never answers', hangs, 1, []],
    [
      'holds the money and never says so',
      answersToNobody,
      4,
      [{ kind: 'failure', charged_nano_usd: 0, error_type: 'wallet_unreachable', http_status: null }],
    ],
  ])('that %s: the turn is a 529 within about 2 s and never reaches the upstream', async (_how, fate, asked, entries) => {
    const line = walletLine('open', fate);
    const bursar = await gatewayOver(line);
    const startedMs = Date.now();
    const response = await bursar.turn(messagesBody());
    const tookMs = Date.now() - startedMs;
    expect(response.status).toBe(529);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-bursar-decision': 'refuse',
      'x-bursar-reason': 'wallet_unreachable',
      'x-bursar-model': 'none',
      'x-bursar-turn-id': expect.stringMatching(/^turn_/),
    });
    expect(response.headers.has('x-should-retry')).toBe(false);
    expect(await response.json()).toMatchObject({ type: 'error', error: { type: 'overloaded_error' } });
    expect(tookMs).toBeGreaterThan(1_900);
    expect(tookMs).toBeLessThan(3_000);
    expect(bursar.sent).toHaveLength(0);
    const [first, ...others] = line.callsOf('open').map((call) => call.said);
    expect(others.length + 1).toBeGreaterThanOrEqual(asked);
    for (const said of others) expect(said).toEqual(first);
    expect(await bursar.entries()).toMatchObject(entries);
    expect(await standingOf(bursar)).toEqual({ settled: 0, held: 0 });
    expect(await walletStub(bursar.costCenter).holds()).toEqual([]);
  });

  test('is told that the turn was given up, so that an open still on its way holds nothing', async () => {
    const line = walletLine('open', rejects);
    const bursar = await gatewayOver(line);
    await bursar.turn(messagesBody());
    await bursar.settled();
    const [open] = line.callsOf('open');
    expect(line.callsOf('settle')[0]?.said).toMatchObject([{ outcome: { kind: 'failed' } }]);
    expect(await open?.deliver()).toEqual({ status: 'conflict' });
    expect(await standingOf(bursar)).toEqual({ settled: 0, held: 0 });
    expect(await bursar.entries()).toEqual([]);
  });

  test('because it has no configuration lets nothing pass, and the turn does not wait for it', async () => {
    const line = walletLine('open', async () => UNCONFIGURED);
    const bursar = await gatewayOver(line);
    expect((await bursar.turn(messagesBody())).status).toBe(529);
    expect(line.callsOf('open')).toHaveLength(1);
    expect(bursar.sent).toHaveLength(0);
  });

  test('whether a key is still good: counting tokens is a 529 too', async () => {
    const bursar = await gatewayOver(walletLine('authorize', async () => UNCONFIGURED));
    const headers = { authorization: `Bearer ${bursar.key}`, 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: '{}' };
    expect((await bursar.call('/v1/messages/count_tokens', init)).status).toBe(529);
    expect(bursar.sent).toHaveLength(0);
  });
});

describe('a wallet that is back in time', () => {
  test.each<[lost: string, fate: Fate]>([
    ['on the way there', async (call, nth) => (nth < 3 ? await rejects(call, nth) : await call.deliver())],
    [
      'on the way back',
      async (call, nth) => (nth < 3 ? await answersToNobody(call, nth) : await call.deliver()),
    ],
  ])('two calls lost %s: one turn, one hold, one charge', async (_lost, fate) => {
    const line = walletLine('open', fate);
    const upstream = openStream();
    const bursar = await gateway(BUDGET, upstream.answer, { WALLET: line.wallets });
    const response = await bursar.turn(messagesBody());
    expect(response.status).toBe(200);
    const [hold, ...more] = await walletStub(bursar.costCenter).holds();
    expect(more).toEqual([]);
    expect(hold?.turnId).toBe(response.headers.get('x-bursar-turn-id'));
    expect((await standingOf(bursar)).held).toBe(hold?.heldNanoUsd);
    await upstream.write(streamedAnswer());
    await upstream.end();
    expect(await response.text()).toBe(streamedAnswer());
    expect(line.callsOf('open')).toHaveLength(3);
    expect(bursar.sent).toHaveLength(1);
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge', charged_nano_usd: USAGE_NANO_USD }]);
    expect(await standingOf(bursar)).toEqual({ settled: USAGE_NANO_USD, held: 0 });
  });
});

describe('a settlement that fails', () => {
  test.each<[lost: string, fate: Fate]>([
    ['on the way there', async (call, nth) => (nth < 4 ? await rejects(call, nth) : await call.deliver())],
    [
      'on the way back',
      async (call, nth) => (nth < 4 ? await answersToNobody(call, nth) : await call.deliver()),
    ],
  ])('three times %s is told again until it lands, once', async (_lost, fate) => {
    const line = walletLine('settle', fate);
    const bursar = await gatewayOver(line);
    await (await bursar.turn(messagesBody())).text();
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge', charged_nano_usd: USAGE_NANO_USD }]);
    const [first, ...others] = line.callsOf('settle').map((call) => call.said);
    expect(others).toEqual([first, first, first]);
    expect(await standingOf(bursar)).toEqual({ settled: USAGE_NANO_USD, held: 0 });
  });
});
