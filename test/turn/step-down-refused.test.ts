import { describe, expect, test } from 'vitest';
import { walletStub } from '../fixture.ts';
import { standingOf } from '../wallet/scenario.ts';
import { type Gateway, gateway, messagesBody, type Sent, streamedAnswer, streamOf } from './gateway.ts';

const [OPUS, SONNET, HAIKU] = ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5'] as const;

/** Every turn is in the downgrade stage from the first cent on. */
function stepsDown(limitUsd = '100', pauseAt = '1.10'): object {
  return {
    budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: limitUsd }],
    stages: [
      { at: '0.000001', do: 'downgrade' },
      { at: pauseAt, do: 'pause' },
    ],
  };
}

const gone = (model: string): [number, string, string] => [404, 'not_found_error', `model: ${model}`];
const tooLong: [number, string, string] = [
  400,
  'invalid_request_error',
  'prompt is too long: 210000 tokens > 200000',
];

function modelOf(sent: Sent): string {
  return String((JSON.parse(new TextDecoder().decode(sent.body)) as { model: unknown }).model);
}

function errorBody([status, type, message]: readonly [number, string, string]): Response {
  return Response.json({ type: 'error', error: { type, message }, request_id: 'req_up' }, { status });
}

/** A gateway whose upstream refuses some models and answers the others. */
async function refusing(
  refusals: Partial<Record<string, readonly [number, string, string]>>,
  policy = stepsDown(),
): Promise<Gateway> {
  return await gateway(policy, (sent) => {
    const refusal = refusals[modelOf(sent)];
    return refusal ? errorBody(refusal) : streamOf(streamedAnswer());
  });
}

/** One cent or so on the wallet, so that the stage is reached. */
async function spendSomething(bursar: Gateway): Promise<void> {
  await (await bursar.turn(messagesBody())).text();
  await bursar.settled();
  bursar.sent.length = 0;
}

async function turn(bursar: Gateway): Promise<Response> {
  const response = await bursar.turn(messagesBody());
  await response.clone().text();
  await bursar.settled();
  return response;
}

describe('a step down whose model the upstream refuses', () => {
  test('goes to the next model under the same turn id, held and charged once', async () => {
    const bursar = await refusing({ [SONNET]: gone(SONNET) });
    await spendSomething(bursar);
    const response = await turn(bursar);
    expect(response.status).toBe(200);
    expect(bursar.sent.map(modelOf)).toEqual([SONNET, HAIKU]);
    expect(response.headers.get('x-bursar-model')).toBe(HAIKU);
    expect(response.headers.get('x-bursar-decision')).toBe('downgrade');
    const reasons = 'stage:team-day@0.000001 skipped:refused_upstream failed:claude-sonnet-5-5';
    expect(response.headers.get('x-bursar-reason')).toBe(reasons);
    const entries = (await bursar.entries()).slice(1);
    expect(entries).toMatchObject([
      {
        kind: 'charge',
        attempt: 2,
        model_asked: OPUS,
        model_served: HAIKU,
        turn_id: response.headers.get('x-bursar-turn-id'),
      },
    ]);
    expect(await walletStub(bursar.costCenter).holds()).toEqual([]);
  });

  test('is remembered for that pair of models', async () => {
    const bursar = await refusing({ [SONNET]: gone(SONNET) });
    await spendSomething(bursar);
    await turn(bursar);
    bursar.sent.length = 0;
    const response = await bursar.turn(messagesBody(), {
      headers: { 'x-claude-code-session-id': 'another' },
    });
    await response.text();
    expect(bursar.sent.map(modelOf)).toEqual([HAIKU]);
    expect(response.headers.get('x-bursar-reason')).toContain('skipped:refused_upstream');
  });

  test('is not remembered where only this prompt was too long for it', async () => {
    const bursar = await refusing({ [SONNET]: tooLong });
    await spendSomething(bursar);
    await turn(bursar);
    bursar.sent.length = 0;
    await (await bursar.turn(messagesBody(), { headers: { 'x-claude-code-session-id': 'another' } })).text();
    expect(bursar.sent.map(modelOf)).toEqual([SONNET, HAIKU]);
  });

  test('comes back to the model asked for where nothing cheaper works', async () => {
    const bursar = await refusing({ [SONNET]: gone(SONNET), [HAIKU]: gone(HAIKU) });
    await spendSomething(bursar);
    const response = await turn(bursar);
    expect(bursar.sent.map(modelOf)).toEqual([SONNET, HAIKU, OPUS]);
    expect(response.status).toBe(200);
    expect(response.headers.get('x-bursar-decision')).toBe('proceed');
    expect(response.headers.get('x-bursar-reason')).toContain('kept:no_cheaper_model');
  });

  test('is refused for want of money where the model asked for is too dear: no pause line is passed that way', async () => {
    // The first turn costs 6,600,000 nano-USD: what is left of a cent has room for Sonnet and not for Opus.
    const bursar = await refusing({ [SONNET]: gone(SONNET), [HAIKU]: gone(HAIKU) }, stepsDown('0.0175', '1'));
    await spendSomething(bursar);
    const response = await turn(bursar);
    expect(bursar.sent.map(modelOf)).toEqual([SONNET, HAIKU]);
    expect(response.status).toBe(429);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(response.headers.get('x-bursar-decision')).toBe('refuse');
    expect((await bursar.entries()).at(-1)).toMatchObject({
      kind: 'refusal',
      charged_nano_usd: 0,
      attempt: 3,
    });
    const standing = await standingOf({ id: bursar.costCenter, wallet: walletStub(bursar.costCenter) });
    expect(standing?.heldNanoUsd).toBe(0);
  });

  test('and so does every other: the client gets the upstream’s own words, free, and nothing is remembered', async () => {
    const bad = [400, 'invalid_request_error', 'messages.0.colour: Extra inputs are not permitted'] as const;
    const refusals: Partial<Record<string, readonly [number, string, string]>> = {};
    const bursar = await refusing(refusals);
    await spendSomething(bursar);
    for (const model of [OPUS, SONNET, HAIKU]) refusals[model] = bad;
    const response = await turn(bursar);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { message: bad[2] } });
    expect(bursar.sent.map(modelOf)).toEqual([SONNET, HAIKU, OPUS]);
    expect((await bursar.entries()).at(-1)).toMatchObject({ kind: 'failure', charged_nano_usd: 0 });
    for (const model of [OPUS, SONNET, HAIKU]) delete refusals[model];
    bursar.sent.length = 0;
    await turn(bursar);
    expect(bursar.sent.map(modelOf)).toEqual([SONNET]);
  });

  test('is not asked about again where the error is not about the model', async () => {
    const bursar = await refusing({
      [SONNET]: [400, 'invalid_request_error', 'max_tokens: must be positive'],
    });
    await spendSomething(bursar);
    const response = await turn(bursar);
    expect(response.status).toBe(400);
    expect(bursar.sent.map(modelOf)).toEqual([SONNET]);
  });
});
