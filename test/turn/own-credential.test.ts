import { describe, expect, test } from 'vitest';
import { walletStub } from '../fixture.ts';
import { type Gateway, gateway, messagesBody, streamedAnswer, streamOf, USAGE_NANO_USD } from './gateway.ts';

const ON = { OWN_CREDENTIALS: 'on' };
const POLICY = { budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '100.00' }] };

/** A turn with the developer's own credential in the usual place, and Bursar's key beside it. */
async function ownTurn(
  bursar: Gateway,
  credential: Record<string, string>,
  body: object = {},
): Promise<Response> {
  const headers = { 'content-type': 'application/json', 'x-bursar-key': bursar.key, ...credential };
  const init = { method: 'POST', headers, body: JSON.stringify(messagesBody(body)) };
  const response = await bursar.call('/v1/messages', init);
  await response.clone().text();
  await bursar.settled();
  return response;
}

describe('a credential of the developer’s own', () => {
  test.each([
    ['a key', { 'x-api-key': 'sk-ant-mine' }],
    ['what they signed in with', { authorization: 'Bearer sk-ant-oat01-mine' }],
  ])('that is %s passes through as it came, and Bursar’s key stays here', async (_, credential) => {
    const bursar = await gateway(POLICY, () => streamOf(streamedAnswer()), ON);
    const response = await ownTurn(bursar, credential);
    expect(response.status).toBe(200);
    expect(response.headers.get('x-bursar-provider')).toBe('own');
    const sent = Object.fromEntries(bursar.sent[0]?.headers ?? []);
    expect(sent).toMatchObject(credential);
    expect(JSON.stringify(sent)).not.toContain('bk_');
    expect(JSON.stringify(sent)).not.toContain('test-upstream-key');
  });

  test('is metered and staged as every turn, and marked as not billed to the organisation', async () => {
    const bursar = await gateway(POLICY, () => streamOf(streamedAnswer()), ON);
    await ownTurn(bursar, { 'x-api-key': 'sk-ant-mine' });
    expect((await walletStub(bursar.costCenter).view(bursar.costCenter)).budgets[0]?.settledNanoUsd).toBe(
      USAGE_NANO_USD,
    );
    expect(await bursar.entries()).toMatchObject([
      {
        kind: 'charge',
        charged_nano_usd: USAGE_NANO_USD,
        billed_to: 'developer',
        provider: 'anthropic',
        provider_instance: 'own',
        // printf %s sk-ant-mine | sha256sum
        upstream_credential: 'own-11ee5763',
      },
    ]);
  });

  test('is told of by the upstream’s own 401: nobody else can mend it', async () => {
    const refusal = { type: 'error', error: { type: 'authentication_error', message: 'invalid x-api-key' } };
    const bursar = await gateway(POLICY, () => Response.json(refusal, { status: 401 }), ON);
    const response = await ownTurn(bursar, { 'x-api-key': 'sk-ant-mine' });
    expect(response.status).toBe(401);
    expect(await response.json()).toEqual(refusal);
    expect(await bursar.entries()).toMatchObject([{ kind: 'failure', billed_to: 'developer' }]);
  });

  test('is refused where the deployment takes none, before anything goes out at the organisation’s cost', async () => {
    const bursar = await gateway(POLICY, () => streamOf(streamedAnswer()));
    const response = await ownTurn(bursar, { 'x-api-key': 'sk-ant-mine' });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({
      error: { type: 'permission_error', message: expect.stringContaining('x-bursar-key') },
    });
    expect(bursar.sent).toEqual([]);
  });

  test('needs a Bursar key that is one', async () => {
    const bursar = await gateway(POLICY, () => streamOf(streamedAnswer()), ON);
    expect((await ownTurn({ ...bursar, key: 'bk_forged' }, { 'x-api-key': 'sk-ant-mine' })).status).toBe(401);
  });

  test('may be kept out by a policy that names its providers', async () => {
    const bursar = await gateway({ ...POLICY, allowed_providers: ['anthropic'] }, () => streamOf(''), ON);
    expect((await ownTurn(bursar, { 'x-api-key': 'sk-ant-mine' })).status).toBe(403);
    expect(bursar.sent).toEqual([]);
  });
});

test.each([
  'Bearer\tbk_squad.k1.1_x',
  'Token bk_squad.k1.1_x',
  'Bearer sk-ant-mine, Bearer bk_squad.k1.1_x',
])('a Bursar key is no credential for Anthropic, nor is anything beside it: %s', async (authorization) => {
  const bursar = await gateway(POLICY, () => streamOf(streamedAnswer()), ON);
  expect((await ownTurn(bursar, { authorization })).status).toBe(200);
  expect(bursar.sent.map(({ headers }) => headers.get('authorization'))).toEqual([null]);
});

test('a Bursar key alone may stand in x-bursar-key: the organisation pays', async () => {
  const bursar = await gateway(POLICY, () => streamOf(streamedAnswer()));
  const response = await ownTurn(bursar, {});
  expect(response.status).toBe(200);
  expect(await bursar.entries()).toMatchObject([
    { kind: 'charge', billed_to: null, provider_instance: 'anthropic' },
  ]);
});

test('tokens are counted with the credential that turns are sent with', async () => {
  const bursar = await gateway(POLICY, () => Response.json({ input_tokens: 7 }), ON);
  const headers = {
    'content-type': 'application/json',
    'x-bursar-key': bursar.key,
    'x-api-key': 'sk-ant-mine',
  };
  const body = JSON.stringify(messagesBody());
  const response = await bursar.call('/v1/messages/count_tokens', { method: 'POST', headers, body });
  expect(await response.json()).toEqual({ input_tokens: 7 });
  expect(bursar.sent[0]?.headers.get('x-api-key')).toBe('sk-ant-mine');
});
