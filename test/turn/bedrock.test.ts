/** Turns through the whole gateway to Bedrock, by each of its endpoints. */
import { describe, expect, test } from 'vitest';
import type { Env } from '../../worker/bindings.ts';
import { BEDROCK_SECRETS, entry, type Kind } from '../providers/bedrock/bedrock-scene.ts';
import {
  bedrockError,
  COUNTED_TOKENS,
  eventStream,
  eventsOf,
  type FakeBedrock,
  type FakeBedrockOptions,
  fakeBedrock,
  SAID,
} from '../providers/bedrock/fake-bedrock.ts';
import { chunkFrame, exceptionFrame } from '../providers/bedrock/frames.ts';
import { type Gateway, gateway, messagesBody, USAGE_NANO_USD } from './gateway.ts';

const KINDS: Kind[] = ['bedrock', 'bedrock-mantle'];
const PROFILE_ARN = 'arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3';

async function scene(
  kind: Kind,
  options: FakeBedrockOptions = {},
  changes: object = {},
): Promise<Gateway & { fake: FakeBedrock }> {
  const fake = fakeBedrock(options);
  const PROVIDERS = JSON.stringify([entry(kind, { price_multiplier: '1', ...changes })]);
  const overrides = { ...BEDROCK_SECRETS, PROVIDERS } as Partial<Env>;
  const opened = await gateway(
    null,
    ({ url, method, headers, body }) => fake(new Request(url, { method, headers, body })),
    overrides,
  );
  return { ...opened, fake };
}

describe.each(KINDS)('a turn by way of %s', (kind) => {
  test('is streamed and charged to the nano-USD', async () => {
    const { turn, entries, fake } = await scene(kind);
    const response = await turn(messagesBody());
    expect(response.status).toBe(200);
    expect(response.headers.get('x-bursar-model')).toBe('claude-opus-5-5');
    expect(await response.text()).toMatch(/^event: message_start\n[\s\S]*event: message_stop\n[^\n]*\n\n$/);
    expect(fake.refused).toEqual([]);
    expect(await entries()).toMatchObject([
      {
        kind: 'charge',
        provider: kind,
        model_served: 'claude-opus-5-5',
        charged_nano_usd: USAGE_NANO_USD,
        output_tokens: 50,
        upstream_credential: expect.stringMatching(/^bedrock-[0-9a-f]{8}$/),
        upstream_request_id: response.headers.get('request-id'),
      },
    ]);
  });

  test('is charged the same where it is not streamed', async () => {
    const { turn, entries } = await scene(kind);
    const response = await turn(messagesBody({ stream: false }));
    expect(await response.json()).toMatchObject({ content: SAID.content });
    expect(await entries()).toMatchObject([{ charged_nano_usd: USAGE_NANO_USD }]);
  });

  test("is charged at the model's price where the answer names it by an id of Bedrock's", async () => {
    const { turn, entries } = await scene(kind, {
      instead: ({ modelId }) =>
        Response.json({ id: 'msg_1', type: 'message', role: 'assistant', model: modelId, ...SAID }),
    });
    await (await turn(messagesBody({ stream: false }))).text();
    expect(await entries()).toMatchObject([
      { charged_nano_usd: USAGE_NANO_USD, model_served: 'claude-opus-5-5' },
    ]);
  });

  test('may ask for its model by any name there is', async () => {
    const { turn, fake } = await scene(kind);
    for (const model of ['us.anthropic.claude-opus-5-5', 'anthropic.claude-opus-5-5']) {
      await (await turn(messagesBody({ model }))).text();
    }
    expect(fake.calls.map(({ modelId }) => modelId)).toEqual(Array(2).fill('anthropic.claude-opus-5-5'));
  });

  test('counts tokens for nothing', async () => {
    const { call, key, entries } = await scene(kind);
    const response = await call('/v1/messages/count_tokens', {
      method: 'POST',
      headers: { 'x-api-key': key, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'claude-opus-5-5', messages: [{ role: 'user', content: 'hi' }] }),
    });
    expect(await response.json()).toEqual({ input_tokens: COUNTED_TOKENS });
    expect(await entries()).toEqual([]);
  });

  test('lists what is served', async () => {
    const { call, key } = await scene(kind);
    const response = await call('/v1/models?limit=1000', { headers: { 'x-api-key': key } });
    const { data } = await response.json<{ data: { id: string }[] }>();
    expect(data.map(({ id }) => id)).toContain('claude-haiku-4-5-20251001');
  });
});

describe('a turn by way of InvokeModel', () => {
  test("understands a provider's own id as the model it stands for", async () => {
    const { turn, fake, entries } = await scene(
      'bedrock',
      {},
      { model_ids: { 'claude-opus-5-5': PROFILE_ARN } },
    );
    const response = await turn(messagesBody({ model: PROFILE_ARN }));
    await response.text();
    expect(fake.calls).toMatchObject([{ modelId: PROFILE_ARN }]);
    expect(await entries()).toMatchObject([
      { model_asked: 'claude-opus-5-5', charged_nano_usd: USAGE_NANO_USD },
    ]);
  });

  test('is settled at what was seen where an exception breaks into its stream', async () => {
    const frames = eventsOf(SAID, 'claude-opus-5-5')
      .slice(0, 4)
      .map((event) => chunkFrame(event));
    const { turn, entries } = await scene('bedrock', {
      instead: () => eventStream([...frames, exceptionFrame('modelStreamErrorException', 'It broke')]),
    });
    const text = await (await turn(messagesBody())).text();
    expect(text).toMatch(
      /event: error\ndata: \{"type":"error","error":\{"type":"api_error","message":"It broke"\}\}\n\n$/,
    );
    const [row] = await entries();
    expect(row).toMatchObject({ input_tokens: 1_000, error_type: 'api_error' });
    expect(Number(row?.charged_nano_usd)).toBeGreaterThan(0);
    expect(Number(row?.charged_nano_usd)).toBeLessThan(USAGE_NANO_USD);
  });

  test('is settled at what was seen where a checksum is wrong, and the client is told', async () => {
    const frames = eventsOf(SAID, 'claude-opus-5-5').map((event) => chunkFrame(event));
    const altered = frames.map((frame, index) =>
      index === 3 ? frame.map((b, at) => (at === 99 ? b ^ 4 : b)) : frame,
    );
    const { turn, entries } = await scene('bedrock', { instead: () => eventStream(altered, 100) });
    expect(await (await turn(messagesBody())).text()).toContain('arrived corrupt');
    expect(await entries()).toMatchObject([{ input_tokens: 1_000, error_type: 'api_error' }]);
  });

  test('that is cut is cut for the client too, and settled at what was seen', async () => {
    const frames = eventsOf(SAID, 'claude-opus-5-5')
      .slice(0, 4)
      .map((event) => chunkFrame(event));
    const { turn, entries } = await scene('bedrock', { instead: () => eventStream(frames) });
    await expect((await turn(messagesBody())).text()).rejects.toThrow();
    expect(await entries()).toMatchObject([{ input_tokens: 1_000, error_type: 'upstream_cut' }]);
  });

  test('that is throttled costs nothing and keeps the wording', async () => {
    const message = 'Too many tokens, please wait before trying again.';
    const { turn, entries } = await scene('bedrock', {
      instead: () => bedrockError(429, 'ThrottlingException', message, { 'retry-after': '3' }),
    });
    const response = await turn(messagesBody());
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '3']);
    expect(await response.json()).toMatchObject({ error: { type: 'rate_limit_error', message } });
    expect((await entries()).reduce((sum, row) => sum + Number(row.charged_nano_usd), 0)).toBe(0);
  });
});
