import { describe, expect, test } from 'vitest';
import type { ReopenRequest } from '../../durable-objects/wallet/rpc.ts';
import { ANSWER, walletStub } from '../fixture.ts';
import { type Gateway, gateway, messagesBody, streamedAnswer, streamOf } from '../turn/gateway.ts';
import { BROKEN, type Fate, type WalletLine, wait, walletLine } from './wallet-line.ts';

const [SONNET, HAIKU] = ['claude-sonnet-5-5', 'claude-haiku-5-5'] as const;

/** In the downgrade stage from the first cent on; paused beyond `limitUsd`. */
const stepsDown = (limitUsd: string): object => ({
  budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: limitUsd }],
  stages: [
    { at: '0.000001', do: 'downgrade' },
    { at: '1', do: 'pause' },
  ],
});

const PLENTY = stepsDown('100');
/** The first turn costs 6,600,000 nano-USD; what is left has room for Sonnet and not for Opus. */
const SCARCE = stepsDown('0.0175');

function modelIn(body: Uint8Array): string {
  return String((JSON.parse(new TextDecoder().decode(body)) as { model: unknown }).model);
}

const answers = (): Response => streamOf(streamedAnswer());

/** A gateway in its stage, to an upstream that has none of `gone`. */
async function steppingDown(
  line: WalletLine,
  gone: readonly string[],
  { policy = PLENTY, haiku = answers }: { policy?: object; haiku?: () => Response | Promise<Response> } = {},
): Promise<Gateway> {
  const bursar = await gateway(
    policy,
    ({ body }) => {
      const model = modelIn(body);
      if (!gone.includes(model)) return model === HAIKU ? haiku() : answers();
      const error = { type: 'not_found_error', message: `model: ${model}` };
      return Response.json({ type: 'error', error }, { status: 404 });
    },
    { WALLET: line.wallets },
  );
  await (await bursar.turn(messagesBody())).text();
  await bursar.settled();
  bursar.sent.length = 0;
  return bursar;
}

async function settledAndHeld({ costCenter }: Gateway): Promise<[number | undefined, number | undefined]> {
  const [standing] = (await walletStub(costCenter).view(costCenter)).budgets;
  return [standing?.settledNanoUsd, standing?.heldNanoUsd];
}

const rejects: Fate = () => Promise.reject(BROKEN);
/** The wallet decides, and its answer is lost. */
const answersToNobody: Fate = async (call) => {
  await call.deliver();
  throw BROKEN;
};

describe('a second decision', () => {
  test('whose answer is lost once is given again: one hold, one charge, on the model it chose', async () => {
    const line = walletLine('reopen', async (call, nth) =>
      nth === 1 ? await answersToNobody(call, nth) : await call.deliver(),
    );
    const bursar = await steppingDown(line, [SONNET]);
    const response = await bursar.turn(messagesBody());
    expect(await response.text()).toBe(streamedAnswer());
    expect(response.headers.get('x-bursar-model')).toBe(HAIKU);
    expect(bursar.sent.map(({ body }) => modelIn(body))).toEqual([SONNET, HAIKU]);
    const [first, again, ...more] = line.callsOf('reopen').map((call) => call.said);
    expect(again).toEqual(first);
    expect(more).toEqual([]);
    const [before, charge, ...others] = await bursar.entries();
    expect(charge).toMatchObject({ kind: 'charge', attempt: 2, model_served: HAIKU, estimated: 0 });
    expect(others).toEqual([]);
    const charged = Number(before?.charged_nano_usd) + Number(charge?.charged_nano_usd);
    expect(await settledAndHeld(bursar)).toEqual([charged, 0]);
  });

  test('that was heard by nobody is the same however often it is asked for', async () => {
    const line = walletLine('reopen', answersToNobody);
    const bursar = await steppingDown(line, [SONNET]);
    const asked = bursar.turn(messagesBody());
    await expect.poll(() => line.callsOf('reopen').length, { timeout: 2_000 }).toBeGreaterThan(2);
    const answers = await Promise.all(line.callsOf('reopen').map((call) => call.deliver()));
    expect(answers[0]).toMatchObject({ status: 'admitted', model: HAIKU });
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    await (await asked).text();
    await bursar.settled();
  });

  test.each<[lost: string, fate: Fate]>([
    ['after it was made', answersToNobody],
    ['before the wallet heard of it', rejects],
    [
      'and comes too late',
      async (call) => {
        const answer = await call.deliver();
        await wait(3_000);
        return answer;
      },
    ],
  ])('lost for good, %s: the client gets the upstream’s error, and nothing is held or charged', async (_lost, fate) => {
    const line = walletLine('reopen', fate);
    const bursar = await steppingDown(line, [SONNET]);
    const [spent] = await settledAndHeld(bursar);
    const response = await bursar.turn(messagesBody());
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { message: `model: ${SONNET}` } });
    expect(bursar.sent.map(({ body }) => modelIn(body))).toEqual([SONNET]);
    expect((await bursar.entries()).slice(1)).toMatchObject([
      { kind: 'failure', charged_nano_usd: 0, attempt: 1, model_served: SONNET, error_type: 'http_404' },
    ]);
    expect(await settledAndHeld(bursar)).toEqual([spent, 0]);
    expect(await walletStub(bursar.costCenter).holds()).toEqual([]);
    const [reopen] = line.callsOf('reopen');
    expect(await reopen?.deliver(), 'one still on its way').toEqual({ status: 'conflict' });
    expect(await walletStub(bursar.costCenter).holds()).toEqual([]);
  });

  test('that refuses and is lost for good leaves its refusal in the ledger and no error behind', async () => {
    const line = walletLine('reopen', async (call, nth) =>
      nth === 1 ? await call.deliver() : await answersToNobody(call, nth),
    );
    const bursar = await steppingDown(line, [SONNET, HAIKU], { policy: SCARCE });
    const response = await bursar.turn(messagesBody());
    expect(response.status).toBe(404);
    expect((await bursar.entries()).slice(1)).toMatchObject([{ kind: 'refusal', attempt: 3 }]);
    expect((await settledAndHeld(bursar))[1]).toBe(0);
    const [settlement] = line.callsOf('settle').slice(-1);
    expect(await settlement?.deliver()).toEqual({ status: 'settled', chargedNanoUsd: 0 });
  });

  test('whose hold was ended before it was given up: the estimate is taken back from the line it was charged to', async () => {
    const line = walletLine('reopen', async (call, nth) => {
      await call.deliver();
      const [{ turnId }] = call.said as [ReopenRequest];
      await walletStub(bursar.costCenter).endHold(turnId, 'a test');
      return await rejects(call, nth);
    });
    const bursar = await steppingDown(line, [SONNET]);
    const [spent] = await settledAndHeld(bursar);
    await (await bursar.turn(messagesBody())).text();
    const [, charge, correction, ...more] = await bursar.entries();
    expect(more).toEqual([]);
    expect(charge).toMatchObject({ kind: 'charge', model_served: HAIKU, estimated: 1 });
    expect(correction).toMatchObject({ kind: 'correction', model_served: HAIKU, corrects: charge?.entry_id });
    expect(correction?.charged_nano_usd).toBe(-Number(charge?.charged_nano_usd));
    expect(await settledAndHeld(bursar)).toEqual([spent, 0]);
  });
});

test('a failure reported of an attempt that was decided anew and heard is a conflict', async () => {
  const line = walletLine('reopen', (call) => call.deliver());
  const running = Promise.withResolvers<Response>();
  const bursar = await steppingDown(line, [SONNET], { haiku: () => running.promise });
  const response = bursar.turn(messagesBody());
  await expect.poll(() => bursar.sent.length).toBe(2);
  const [{ turnId }] = line.callsOf('reopen')[0]?.said as [ReopenRequest];
  const outcome = { kind: 'failed' as const };
  const wallet = walletStub(bursar.costCenter);
  expect(await wallet.settle({ turnId, attempt: 1, outcome, answer: ANSWER })).toEqual({
    status: 'conflict',
  });
  expect(await wallet.holds()).toMatchObject([{ turnId, attempt: 2 }]);
  running.resolve(streamOf(streamedAnswer()));
  await (await response).text();
});
