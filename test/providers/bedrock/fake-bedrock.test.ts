import { AwsClient } from 'aws4fetch';
import { expect, test } from 'vitest';
import { FAKE_API_KEY, FAKE_KEYS, FAKE_REGION, fakeBedrock } from './fake-bedrock.ts';

const URL_OF_MODEL =
  'https://bedrock-runtime.eu-central-1.amazonaws.com/model/eu.anthropic.claude-opus-4-5-20251101-v1%3A0/invoke';
const BODY = JSON.stringify({
  anthropic_version: 'bedrock-2023-05-31',
  max_tokens: 10,
  messages: [{ role: 'user', content: 'hi' }],
});

async function signed(changes: object = {}, body = BODY): Promise<Request> {
  const client = new AwsClient({ ...FAKE_KEYS, service: 'bedrock', region: FAKE_REGION, ...changes });
  return await client.sign(URL_OF_MODEL, { method: 'POST', body, headers: { accept: '*/*' } });
}

test('takes what is signed with its keys, and nothing else', async () => {
  const bedrock = fakeBedrock();
  expect((await bedrock(await signed())).status).toBe(200);
  expect(bedrock.calls).toMatchObject([
    { kind: 'invoke', auth: 'sigv4', modelId: 'eu.anthropic.claude-opus-4-5-20251101-v1:0' },
  ]);
  expect((await bedrock(await signed({ secretAccessKey: 'another' }))).status).toBe(403);
  expect((await bedrock(await signed({ service: 'bedrock-mantle' }))).status).toBe(403);
  expect((await bedrock(await signed({ region: 'us-east-1' }))).status).toBe(403);
  const genuine = await signed();
  const altered = new Request(genuine, { body: BODY.replace('10', '11') });
  expect((await bedrock(altered)).status).toBe(403);
  expect(bedrock.refused).toHaveLength(4);
});

test('takes its API key, and no body with a field it does not know', async () => {
  const bedrock = fakeBedrock();
  const send = (body: string, key = FAKE_API_KEY): Promise<Response> =>
    bedrock(new Request(URL_OF_MODEL, { method: 'POST', headers: { authorization: `Bearer ${key}` }, body }));
  expect((await send(BODY)).status).toBe(200);
  expect((await send(BODY, 'wrong')).status).toBe(403);
  const refused = await send(BODY.replace('{', '{"speed":"fast",'));
  expect(refused.status).toBe(400);
  expect(refused.headers.get('x-amzn-errortype')).toContain('ValidationException');
  expect(await refused.json()).toEqual({ message: 'speed: Extra inputs are not permitted' });
});
