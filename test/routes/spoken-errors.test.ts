/** Errors of the gateway's own, as each kind of client reads them. */
import { expect, test } from 'vitest';
import { gateway } from '../turn/gateway.ts';

const unused = (): Response => new Response('the network is not used');

test.each([
  ['POST', '/model/us.anthropic.claude-opus-5-5/converse'],
  ['GET', '/model/us.anthropic.claude-opus-5-5/invoke'],
  ['DELETE', '/inference-profiles'],
])('nothing is at %s %s, in Bedrock’s terms', async (method, path) => {
  const bursar = await gateway(null, unused);
  const answer = await bursar.call(path, { method });
  expect(answer.status).toBe(404);
  expect(answer.headers.get('x-amzn-errortype')).toBe('ResourceNotFoundException');
  expect(await answer.json()).toEqual({ message: `There is nothing at ${method} ${path}.` });
});

test.each([
  ['GET', '/v1/chat/completions'],
  ['POST', '/v1/embeddings'],
  ['POST', '/v1/responses'],
])('nothing is at %s %s, in OpenAI’s terms', async (method, path) => {
  const bursar = await gateway(null, unused);
  const answer = await bursar.call(path, { method });
  const message = `There is nothing at ${method} ${path}.`;
  expect([answer.status, await answer.json()]).toEqual([
    404,
    { error: { message, type: 'invalid_request_error', param: null, code: null } },
  ]);
});

test('a setting that is wrong is told in the client’s terms', async () => {
  const bursar = await gateway(null, unused, { PROVIDERS: '{}' });
  const says = expect.stringContaining('PROVIDERS: expected a JSON list');
  const ofBedrock = await bursar.call('/model/x/invoke', { method: 'POST' });
  expect([ofBedrock.status, await ofBedrock.json()]).toEqual([500, { message: says }]);
  const ofOpenai = await bursar.call('/v1/chat/completions', { method: 'POST' });
  expect(await ofOpenai.json()).toEqual({
    error: { message: says, type: 'server_error', param: null, code: null },
  });
  const native = await bursar.call('/v1/other', { method: 'POST' });
  expect(await native.json()).toMatchObject({ type: 'error', error: { type: 'api_error', message: says } });
});
