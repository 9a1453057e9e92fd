import type { ModelInfo } from '@anthropic-ai/sdk/resources/models';
import { describe, expect, test } from 'vitest';
import { ask, body, freshSimulator, MODEL } from './asking.ts';

const provider = freshSimulator();
const over = (tokens: number) => 'x'.repeat(tokens * 4);

describe('the simulator refuses, in the words of the API,', () => {
  test.each([
    ['a body that is not JSON', '{', 400, /^The request body is not valid JSON/],
    ['a missing model', body({ model: undefined }), 400, /^model: Field required$/],
    ['missing messages', body({ messages: undefined }), 400, /^messages: Field required$/],
    ['no messages', body({ messages: [] }), 400, /^messages: at least one message is required$/],
    ['a missing max_tokens', body({ max_tokens: undefined }), 400, /^max_tokens: Field required$/],
    [
      'max_tokens of zero',
      body({ max_tokens: 0 }),
      400,
      /^max_tokens: Input should be greater than or equal to 1$/,
    ],
    [
      'content that is a number',
      body({ messages: [{ role: 'user', content: 7 }] }),
      400,
      /^messages\.0\.content: /,
    ],
    ['max_tokens over the model', body({ max_tokens: 128_001 }), 400, /^max_tokens: 128001 > 128000/],
    [
      'a prompt over the window',
      body({ model: 'claude-haiku-4-5', messages: [{ role: 'user', content: over(200_000) }] }),
      400,
      /^prompt is too long: \d+ tokens > 200000 maximum$/,
    ],
    ['an unknown model', body({ model: 'claude-opus-9' }), 404, /^model: claude-opus-9$/],
    [
      'a retired model',
      body({ model: 'claude-3-5-haiku-20241022' }),
      404,
      /^model: claude-3-5-haiku-20241022$/,
    ],
  ])('%s', async (_, content, status, message) => {
    const response = await ask(provider, content);
    expect(response.status).toBe(status);
    const requestId = response.headers.get('request-id');
    expect(await response.json()).toEqual({
      type: 'error',
      error: {
        type: status === 404 ? 'not_found_error' : 'invalid_request_error',
        message: expect.stringMatching(message),
      },
      request_id: requestId,
    });
  });

  test.each([
    ['GET', '/v1/nothing', 404],
    ['GET', '/v1/messages', 404],
    ['HEAD', '/v1/messages', 404],
    ['GET', '/v1/models/claude-opus-9', 404],
    ['GET', '/v1/models/%zz', 404],
    ['GET', '/v1/models?limit=0', 400],
    ['GET', '/v1/models?limit=1001', 400],
    ['GET', '/v1/models?after_id=claude-opus-9', 400],
  ] as const)('%s %s', async (method, path, status) => {
    const response = await ask(provider, null, { method, path });
    expect(response.status).toBe(status);
    await response.body?.cancel();
  });
});

describe('the simulator accepts', () => {
  test.each([
    ['unknown fields', body({ context_management: { edits: [] }, brand_new: 1 })],
    [
      'system messages with a configuration of their own',
      body({
        messages: [
          { role: 'system', output_config: { effort: 'low' } },
          { role: 'user', content: 'hi' },
        ],
      }),
    ],
    [
      'placeholder tools',
      body({ tools: [{ name: 'Later', defer_loading: true }, { type: 'web_search_20260318' }] }),
    ],
    ['nulls for what is left out', body({ system: null, tools: null, stream: null })],
    ['an alias', body({ model: 'claude-haiku-4-5' })],
  ])('%s', async (_, content) => {
    const response = await ask(provider, content);
    expect(response.status).toBe(200);
    await response.body?.cancel();
  });
});

describe('the Models API', () => {
  const list = async (path: string) =>
    (await ask(provider, null, { method: 'GET', path })).json<{
      data: { id: string; created_at: string }[];
      has_more: boolean;
      first_id: string;
      last_id: string;
    }>();

  test('lists the newest first, all in one page where asked', async () => {
    const page = await list('/v1/models?limit=1000');
    const created = page.data.map((model) => model.created_at);
    expect(created).toEqual(created.toSorted().toReversed());
    expect(page).toMatchObject({
      has_more: false,
      first_id: page.data[0]?.id,
      last_id: page.data.at(-1)?.id,
    });
    expect(page.data.map((model) => model.id)).not.toContain('claude-3-5-haiku-20241022');
  });

  test('pages backwards too', async () => {
    const { data } = await list('/v1/models?limit=1000');
    const before = await list(`/v1/models?limit=2&before_id=${data[4]?.id}`);
    expect(before.data.map((model) => model.id)).toEqual([data[2]?.id, data[3]?.id]);
    expect(before.has_more).toBe(true);
  });

  test('tells what a model can, in the shape of the API', async () => {
    const of = async (id: string) => {
      const response = await ask(provider, null, { method: 'GET', path: `/v1/models/${id}` });
      return (await response.json<ModelInfo>()).capabilities;
    };
    const yes = { supported: true };
    const no = { supported: false };
    expect(await of('claude-haiku-4-5')).toMatchObject({
      context_management: { supported: true, clear_thinking_20251015: yes, compact_20260112: no },
      effort: { supported: false, low: no, medium: no, high: no, xhigh: no, max: no },
      thinking: { supported: true, types: { enabled: yes, adaptive: no, disabled: yes, between_tools: no } },
    });
    expect(await of('claude-sonnet-5-5')).toMatchObject({
      context_management: { compact_20260112: yes },
      effort: { supported: true, low: yes, medium: yes, high: yes, xhigh: yes, max: yes },
      thinking: { supported: true, types: { enabled: no, adaptive: yes, disabled: no, between_tools: yes } },
    });
    expect(await of('claude-opus-4-6')).toMatchObject({ effort: { high: yes, xhigh: no, max: yes } });
  });

  test('gives a model by its alias', async () => {
    const response = await ask(provider, null, { method: 'GET', path: '/v1/models/claude-haiku-4-5' });
    expect(await response.json()).toMatchObject({
      id: 'claude-haiku-4-5-20251001',
      display_name: 'Claude Haiku 4.5',
    });
  });
});

test('the same request gets the same answer, another seed another one', async () => {
  const text = async (seed: string) => (await ask(freshSimulator(), body(), { seed })).text();
  expect(await text('a')).toBe(await text('a'));
  const others = await Promise.all(['b', 'c', 'd', 'e'].map(text));
  expect(new Set([await text('a'), ...others]).size).toBe(5);
});

test('the newer tokenizer makes about 30 % more tokens of the same text', async () => {
  const count = async (model: string) => {
    const content = body({ model, messages: [{ role: 'user', content: over(10_000) }] });
    const response = await ask(provider, content, { path: '/v1/messages/count_tokens' });
    return (await response.json<{ input_tokens: number }>()).input_tokens;
  };
  expect((await count(MODEL)) / (await count('claude-sonnet-4-6'))).toBeCloseTo(1.3, 2);
});

test('an image counts by itself, not by its base64', async () => {
  const source = { type: 'base64', media_type: 'image/png', data: over(100_000) };
  const content = body({ messages: [{ role: 'user', content: [{ type: 'image', source }] }] });
  const response = await ask(provider, content, { path: '/v1/messages/count_tokens' });
  expect((await response.json<{ input_tokens: number }>()).input_tokens).toBeLessThan(2000);
});
