/** The Bedrock providers against a Bedrock that looks hard. */
import { describe, expect, test, vi } from 'vitest';
import type { ProviderRequest } from '../../../worker/providers/provider.ts';
import { ASKED_MODELS, bodiesOf } from '../../turn/claude-code-bodies.ts';
import { turnFacts } from '../../turn-facts.ts';
import { bedrock, type Kind, plain, request } from './bedrock-scene.ts';
import {
  bedrockError,
  COUNTED_TOKENS,
  eventStream,
  eventsOf,
  FAKE_KEYS,
  mantleError,
  SAID,
  streamResponse,
} from './fake-bedrock.ts';
import { chunkFrame, exceptionFrame, joined } from './frames.ts';

const KINDS: Kind[] = ['bedrock', 'bedrock-mantle'];
const FRAMES = eventsOf(SAID, 'claude-opus-5-5').map((event) => chunkFrame(event));

describe.each(KINDS)('a provider of kind %s', (kind) => {
  test('streams an answer as the API does', async () => {
    const { provider, fake } = await bedrock(kind);
    const response = await provider.send(request(plain()));
    expect(fake.refused).toEqual([]);
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(response.headers.get('request-id')).toMatch(/^0000|^req_mantle/);
    const text = await response.text();
    expect(text.match(/^event: .*$/gm)?.join(' ')).toBe(
      'event: message_start event: content_block_start event: content_block_delta event: content_block_delta event: content_block_stop event: message_delta event: message_stop',
    );
    const meter = provider.meter('text/event-stream');
    meter.push(new TextEncoder().encode(text), 0);
    expect(meter.read(0)).toMatchObject({ final: true, usage: { model: 'claude-opus-5-5' } });
  });

  test('answers in one piece where no stream is asked for', async () => {
    const { provider } = await bedrock(kind);
    const response = await provider.send(request(plain({ stream: false })));
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await response.json()).toMatchObject({ content: SAID.content, usage: SAID.usage });
  });

  test('counts tokens', async () => {
    const { provider, fake } = await bedrock(kind);
    const counting = { model: 'claude-haiku-4-5', messages: [{ role: 'user', content: 'hi' }] };
    const path = '/v1/messages/count_tokens?beta=true';
    const response = await provider.send(request(counting, { path }));
    expect(fake.refused).toEqual([]);
    expect(await response.json()).toEqual({ input_tokens: COUNTED_TOKENS });
  });

  test.each([
    ['AWS keys', 'AWS_KEYS', 'sigv4', {}],
    ['temporary keys', 'AWS_TEMPORARY', 'sigv4', { sessionToken: 'session/token+of=the+fake0001' }],
    ['an API key', 'BEDROCK_API_KEY', 'api_key', {}],
  ])('proves who it is by %s', async (_, secret, auth, more) => {
    const { provider, fake } = await bedrock(kind, { secret }, { keys: { ...FAKE_KEYS, ...more } });
    expect((await provider.send(request(plain()))).status).toBe(200);
    expect(fake.calls).toMatchObject([{ auth }]);
    expect(provider.credentialId).toMatch(/^bedrock-[0-9a-f]{8}$/);
    expect(JSON.stringify(Object.fromEntries(fake.calls[0]?.headers ?? []))).not.toContain(
      FAKE_KEYS.secretAccessKey,
    );
  });

  test("sends none of the client's headers but those it has to", async () => {
    const { provider, fake } = await bedrock(kind, { secret: 'BEDROCK_API_KEY' });
    const headers = new Headers({
      'anthropic-version': '2023-06-01',
      'anthropic-workspace-id': 'wrkspc_1',
      'user-agent': 'claude-cli/2.1.330',
      'x-amzn-bedrock-service-tier': 'priority',
      'x-stainless-os': 'Linux',
    });
    await provider.send(request(plain(), { headers }));
    const names = [...(fake.calls[0]?.headers.keys() ?? [])].filter((name) => name !== 'content-length');
    const own = ['accept', 'accept-encoding', 'authorization', 'content-type'];
    expect(names).toEqual(
      kind === 'bedrock' ? own : [...own.slice(0, 2), 'anthropic-version', ...own.slice(2)],
    );
  });

  test.each(ASKED_MODELS)('takes every turn of Claude Code on %s that it serves', async (model) => {
    const { provider, fake } = await bedrock(kind, { secret: 'BEDROCK_API_KEY' });
    if (!provider.serves(model)) {
      expect(kind).toBe('bedrock-mantle');
      return;
    }
    const betas =
      'claude-code-20250219,context-management-2025-06-27,prompt-caching-scope-2026-01-05,advanced-tool-use-2025-11-20,mid-conversation-output-config-2026-07-01,interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14,fast-mode-2026-02-01';
    for (const beta of [null, betas]) {
      const headers = new Headers({ 'anthropic-version': '2023-06-01' });
      if (beta !== null) headers.set('anthropic-beta', beta);
      for (const body of Object.values(bodiesOf(model))) {
        await provider.send(request(body, { headers }));
      }
    }
    expect(fake.refused).toEqual([]);
  });

  test('takes out what only tunes, and leaves the rest byte for byte', async () => {
    const { provider, fake } = await bedrock(kind);
    const text =
      '{"model":"claude-opus-5-5", "speed":"fast","service_tier":"auto" ,"fallbacks":[{"model":"claude-opus-5"}],"some_future_field":{"a":1},\n "messages": [{"role":"user","content":[{"type":"text","text":"caf\\u00e9 1.0","cache_control":{"type":"ephemeral","ttl":"1h","scope":"global"}}]},{"role":"system","content":[],"output_config":{"effort":"low"}}],"tools":[{"name":"Bash","input_schema":{"type":"object","properties":{"n":{"const":1.0}}},"eager_input_streaming":true,"defer_loading":true,"input_examples":[],"allowed_callers":["direct"]}],"metadata":{"user_id":"u","trace":"t"},"output_config":{"effort":"high","task_budget":{"type":"tokens","total":5000}},"context_management":{"edits":[]},"max_tokens":1e3,"stream":false}';
    const spy = vi.mocked(globalThis.fetch);
    await provider.send(request(text));
    expect(fake.refused).toEqual([]);
    const sent = new TextDecoder().decode(spy.mock.calls[0]?.[1]?.body as Uint8Array);
    const front = kind === 'bedrock' ? '{"anthropic_version":"bedrock-2023-05-31",' : '{';
    const model = kind === 'bedrock' ? '' : '"model":"anthropic.claude-opus-5-5",\n ';
    const stream = kind === 'bedrock' ? '' : ',"stream":false';
    expect(sent).toBe(
      `${front}${model}"messages": [{"role":"user","content":[{"type":"text","text":"caf\\u00e9 1.0","cache_control":{"type":"ephemeral","ttl":"1h"}}]}],"tools":[{"name":"Bash","input_schema":{"type":"object","properties":{"n":{"const":1.0}}}}],"metadata":{"user_id":"u"},"output_config":{"effort":"high"},"max_tokens":1e3${stream}}`,
    );
  });

  test('sends the betas it knows, by the names they have here, each once', async () => {
    const { provider, fake } = await bedrock(kind);
    const headers = new Headers({
      'anthropic-version': '2023-06-01',
      'anthropic-beta': 'advanced-tool-use-2025-11-20, interleaved-thinking-2025-05-14,oauth-2025-04-20',
    });
    const body = plain({
      anthropic_version: 'bedrock-2023-05-31',
      anthropic_beta: ['interleaved-thinking-2025-05-14', 'tool-search-tool-2025-10-19', 7],
      tools: [{ name: 'Later', input_schema: { type: 'object' }, defer_loading: true }],
    });
    await provider.send(request(body, { headers }));
    const [call] = fake.calls;
    const betas = ['tool-search-tool-2025-10-19', 'interleaved-thinking-2025-05-14'];
    expect(call?.body.anthropic_beta ?? call?.headers.get('anthropic-beta')?.split(',')).toEqual(betas);
    expect(call?.body.tools).toMatchObject([{ defer_loading: true }]);
  });

  test.each([
    ['server tools', { unbounded: ['server_tools'] }],
    ['MCP servers', { unbounded: ['document', 'mcp_servers'] }],
    ['containers', { unbounded: ['container'] }],
    ['sources by URL or file id', { unbounded: ['url_input'] }],
    ['inference_geo', { modifiers: { speed: null, inferenceGeo: 'us' } }],
    ['output_format', { needs: ['output_format'] }],
    [null, { unbounded: ['fallbacks', 'document'], modifiers: { speed: 'fast', inferenceGeo: null } }],
  ])('lacks %s', async (lacked, changes) => {
    const { provider } = await bedrock(kind);
    expect(provider.lacks(turnFacts(changes))).toBe(lacked);
  });

  test('lists the models it serves, with what they cannot do here', async () => {
    const { provider } = await bedrock(kind, { only_models: ['claude-haiku-5-5', 'claude-haiku-4-5'] });
    const get: ProviderRequest = { ...request(plain()), method: 'GET', model: null, body: null };
    expect((await provider.send({ ...get, path: '/v1/models/%zz' })).status).toBe(404);
    const page = await provider.send({ ...get, path: '/v1/models?limit=1' });
    expect(await page.json()).toMatchObject({
      data: [
        {
          id: 'claude-haiku-5-5',
          capabilities: {
            structured_outputs: { supported: false },
            server_tools: { supported: false },
            image_input: { supported: true },
          },
        },
      ],
      has_more: true,
    });
    expect((await provider.send({ ...get, path: '/v1/models/claude-haiku-4-5' })).status).toBe(200);
    expect((await provider.send({ ...get, path: '/v1/models/claude-opus-5-5' })).status).toBe(404);
    expect((await provider.send({ ...get, path: '/v1/files' })).status).toBe(404);
  });

  test('does not send what it does not serve, and nothing that is no request', async () => {
    const { provider, fake } = await bedrock(kind, { only_models: ['claude-opus-5-5'] });
    expect(await (await provider.send(request(plain({ model: 'claude-opus-5' })))).json()).toMatchObject({
      error: { type: 'not_found_error', message: 'model: claude-opus-5' },
    });
    const broken = request(plain(), { body: new TextEncoder().encode('[]') });
    expect((await provider.send(broken)).status).toBe(400);
    expect((await provider.send(request(plain(), { path: '/v1/messages/batches' }))).status).toBe(404);
    expect([fake.calls, fake.refused]).toEqual([[], []]);
  });

  test('rejects where no answer comes', async () => {
    const { provider } = await bedrock(
      kind,
      {},
      {
        instead: () => Promise.reject(new TypeError('connection refused')),
      },
    );
    await expect(provider.send(request(plain()))).rejects.toThrow('connection refused');
  });
});

describe('the ids it asks by', () => {
  const ARN = 'arn:aws:bedrock:eu-central-1:123456789012:application-inference-profile/a1b2c3';

  test.each([
    ['the foundation model', {}, 'claude-opus-4-6', 'anthropic.claude-opus-4-6-v1'],
    ['a profile', { profile: 'eu' }, 'claude-opus-4-5', 'eu.anthropic.claude-opus-4-5-20251101-v1:0'],
    ['an id of its own', { profile: 'eu', model_ids: { 'claude-opus-5-5': ARN } }, 'claude-opus-5-5', ARN],
  ])('are %s', async (_, changes, model, id) => {
    const { provider, fake } = await bedrock('bedrock', changes);
    await provider.send(request(plain({ model })));
    expect(fake.refused).toEqual([]);
    expect(fake.calls).toMatchObject([{ kind: 'stream', modelId: id }]);
  });

  test('mean the same in what an answer says of its usage, whose geography is in the multiplier', async () => {
    const { provider } = await bedrock('bedrock', { model_ids: { 'claude-opus-5-5': ARN } });
    const meter = provider.meter('application/json');
    const usage = { input_tokens: 10, output_tokens: 5, inference_geo: 'us' };
    meter.push(new TextEncoder().encode(JSON.stringify({ model: ARN, usage, content: [] })), 0);
    meter.end(0);
    expect(meter.read(0).usage).toMatchObject({ model: 'claude-opus-5-5', inferenceGeo: null });
  });

  test('count by the foundation model, whatever the turns go through', async () => {
    const { provider, fake } = await bedrock('bedrock', { model_ids: { 'claude-opus-5-5': ARN } });
    const path = '/v1/messages/count_tokens';
    const thinking = { type: 'enabled', budget_tokens: 2_000 };
    const counted = { model: 'claude-opus-5-5', thinking, messages: [{ role: 'user', content: 'é' }] };
    await provider.send(request(counted, { path }));
    expect(fake.refused).toEqual([]);
    expect(fake.calls).toMatchObject([
      { kind: 'count', modelId: 'anthropic.claude-opus-5-5', body: { max_tokens: 2_001 } },
    ]);
  });

  test('are no place to send a credential to', async () => {
    const { provider, fake } = await bedrock('bedrock', {
      model_ids: { 'claude-opus-5-5': '../../evil?x=1#' },
    });
    expect((await provider.send(request(plain()))).status).toBe(400);
    expect(fake.refused[0]).toContain('/model/..%2F..%2Fevil%3Fx%3D1%23/');
  });
});

test('a field of which nothing is taken goes as a whole', async () => {
  const { provider, fake } = await bedrock('bedrock');
  const body = { metadata: { trace: 't' }, output_config: { task_budget: { type: 'tokens', total: 5_000 } } };
  await provider.send(request(plain(body)));
  expect(fake.refused).toEqual([]);
  expect(Object.keys(fake.calls[0]?.body ?? {})).toEqual(['anthropic_version', 'messages', 'max_tokens']);
});

test('tokens of a long prompt are counted whole', async () => {
  const { provider, fake } = await bedrock('bedrock');
  const content = `${'caf\u00e9 '.repeat(20_001)}!`;
  const counted = { model: 'claude-opus-5-5', messages: [{ role: 'user', content }] };
  expect((await provider.send(request(counted, { path: '/v1/messages/count_tokens' }))).status).toBe(200);
  expect(fake.calls).toMatchObject([{ kind: 'count', body: { messages: counted.messages } }]);
});

describe('structured outputs', () => {
  const facts = turnFacts({ needs: ['structured_output'] });

  test('are where the model has them', async () => {
    const { provider, fake } = await bedrock('bedrock');
    expect(provider.lacks(facts)).toBeNull();
    expect(provider.lacks({ ...facts, model: 'claude-haiku-5-5' })).toBe('structured outputs');
    const output_config = { format: { type: 'json_schema', schema: {} } };
    await provider.send(request(plain({ output_config })));
    expect(fake.calls).toMatchObject([{ body: { output_config } }]);
    expect((await bedrock('bedrock-mantle')).provider.lacks(facts)).toBe('structured outputs');
  });

  test.each([
    ['bedrock', 'claude-opus-5-5', true],
    ['bedrock', 'claude-haiku-5-5', undefined],
    ['bedrock-mantle', 'claude-opus-5-5', undefined],
  ] as const)('bring strict tools with them: %s, %s', async (kind, model, strict) => {
    const { provider, fake } = await bedrock(kind);
    const tools = [{ name: 'Bash', input_schema: { type: 'object' }, strict: true }];
    await provider.send(request(plain({ model, tools })));
    expect(fake.refused).toEqual([]);
    expect((fake.calls[0]?.body.tools as { strict?: boolean }[])[0]?.strict).toBe(strict);
  });

  test('tools that change are InvokeModel’s alone', async () => {
    const changing = turnFacts({ needs: ['tool_changes'] });
    expect((await bedrock('bedrock')).provider.lacks(changing)).toBeNull();
    expect((await bedrock('bedrock-mantle')).provider.lacks(changing)).toMatch(/tools/);
  });
});

describe('an error of InvokeModel', () => {
  test.each([
    [429, 'ThrottlingException', 429, 'rate_limit_error'],
    [400, 'ServiceQuotaExceededException', 429, 'rate_limit_error'],
    [503, 'ServiceUnavailableException', 529, 'overloaded_error'],
    [429, 'ModelNotReadyException', 529, 'overloaded_error'],
    [408, 'ModelTimeoutException', 529, 'overloaded_error'],
    [424, 'ModelErrorException', 500, 'api_error'],
    [500, 'InternalServerException', 500, 'api_error'],
    [403, 'AccessDeniedException', 403, 'permission_error'],
    [403, 'ExpiredTokenException', 403, 'permission_error'],
    [404, 'ResourceNotFoundException', 404, 'not_found_error'],
    [400, 'ValidationException', 400, 'invalid_request_error'],
    [413, 'SomethingNewException', 413, 'request_too_large'],
    [502, 'SomethingNewException', 502, 'api_error'],
    [418, 'SomethingNewException', 418, 'invalid_request_error'],
  ])('%i %s is a %i %s in the same words', async (status, name, told, type) => {
    const message = 'Input is too long for requested model.';
    const { provider } = await bedrock(
      'bedrock',
      {},
      {
        instead: () => bedrockError(status, name, message, { 'retry-after': '7' }),
      },
    );
    const response = await provider.send(request(plain()));
    expect(response.status).toBe(told);
    expect(response.headers.get('retry-after')).toBe('7');
    expect(response.headers.has('x-amzn-errortype')).toBe(false);
    expect(await response.json()).toEqual({
      type: 'error',
      error: { type, message },
      request_id: response.headers.get('request-id'),
    });
  });

  test.each([
    ['<html>Bad gateway</html>', '<html>Bad gateway</html>'],
    ['{"Message":"User is not authorized"}', 'User is not authorized'],
    ['', 'Bedrock answered 502.'],
  ])('of another shape is told as it is: %s', async (body, message) => {
    const { provider } = await bedrock(
      'bedrock',
      {},
      {
        instead: () => new Response(body, { status: 502 }),
      },
    );
    expect(await (await provider.send(request(plain()))).json()).toMatchObject({ error: { message } });
  });

  test('in the place of the first event is an error and no stream', async () => {
    const { provider } = await bedrock(
      'bedrock',
      {},
      {
        instead: () => eventStream([exceptionFrame('throttlingException', 'Too many tokens'), ...FRAMES], 5),
      },
    );
    const response = await provider.send(request(plain()));
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({
      error: { type: 'rate_limit_error', message: 'Too many tokens' },
    });
  });

  test('of the Messages endpoint passes as it came', async () => {
    const { provider } = await bedrock(
      'bedrock-mantle',
      {},
      {
        instead: () => mantleError(529, 'overloaded_error', 'Overloaded'),
      },
    );
    const response = await provider.send(request(plain()));
    expect(response.status).toBe(529);
    expect(await response.text()).toBe(await mantleError(529, 'overloaded_error', 'Overloaded').text());
  });
});

/** A stream that the test writes. */
function written(): {
  response: Response;
  write(bytes: Uint8Array): void;
  end(): void;
  fail(): void;
  cancelled: Promise<unknown>;
  pulls(): number;
} {
  const { promise: cancelled, resolve } = Promise.withResolvers<unknown>();
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let pulls = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      start: (created) => {
        controller = created;
      },
      pull: () => {
        pulls += 1;
      },
      cancel: (reason) => resolve(reason),
    },
    { highWaterMark: 0 },
  );
  return {
    response: streamResponse(body),
    write: (bytes) => controller.enqueue(bytes),
    end: () => controller.close(),
    fail: () => controller.error(new TypeError('connection reset')),
    cancelled,
    pulls: () => pulls,
  };
}

describe('a stream of InvokeModel', () => {
  async function opened(kind: Kind = 'bedrock') {
    const stream = written();
    const { provider } = await bedrock(kind, {}, { instead: () => stream.response });
    stream.write(joined(FRAMES.slice(0, 2)));
    const response = await provider.send(request(plain()));
    const reader = response.body?.getReader();
    if (!reader) throw new Error('no body');
    const first = await reader.read();
    return { stream, reader, first: new TextDecoder().decode(first.value) };
  }

  test('that ends before the message is cut', async () => {
    const { stream, reader, first } = await opened();
    expect(first).toMatch(/^event: message_start\n/);
    stream.end();
    await expect(reader.read()).rejects.toThrow('ended its stream');
  });

  test('that breaks is cut', async () => {
    const { stream, reader } = await opened();
    stream.fail();
    await expect(reader.read()).rejects.toThrow('connection reset');
  });

  test('that ends in half a frame is cut', async () => {
    const { stream, reader } = await opened();
    stream.write(FRAMES[2]?.slice(0, 30) ?? new Uint8Array(0));
    stream.end();
    await expect(reader.read()).rejects.toThrow('ended its stream');
  });

  test('that turns corrupt is told so, and given up at once', async () => {
    const { stream, reader } = await opened();
    stream.write((FRAMES[2] ?? new Uint8Array(0)).map((byte, index) => (index === 60 ? byte ^ 1 : byte)));
    expect(new TextDecoder().decode((await reader.read()).value)).toMatch(/^event: error\ndata: .*api_error/);
    expect((await reader.read()).done).toBe(true);
    await stream.cancelled;
  });

  test('is closed with the message, whatever the connection does', async () => {
    const { stream, reader } = await opened();
    stream.write(joined(FRAMES.slice(2)));
    expect(new TextDecoder().decode((await reader.read()).value)).toContain('event: message_stop\n');
    expect((await reader.read()).done).toBe(true);
  });

  test('whose client leaves is cancelled at once', async () => {
    const { stream, reader } = await opened();
    await reader.cancel('left');
    expect(await stream.cancelled).toBe('left');
  });

  test('is read no further ahead than its client', async () => {
    const { stream, reader } = await opened();
    const before = stream.pulls();
    await Promise.resolve();
    expect(stream.pulls()).toBe(before);
    const next = reader.read();
    stream.write(FRAMES[2] ?? new Uint8Array(0));
    await next;
    expect(stream.pulls()).toBe(before + 1);
  });

  test('that ends before it began is no answer', async () => {
    const stream = written();
    const { provider } = await bedrock('bedrock', {}, { instead: () => stream.response });
    const sent = provider.send(request(plain()));
    stream.end();
    await expect(sent).rejects.toThrow('before it began');
  });

  test.each(KINDS)('has pings in its silent gaps, and none before its first event: %s', async (kind) => {
    vi.useFakeTimers();
    try {
      const stream = written();
      const { provider } = await bedrock(
        kind,
        { secret: 'BEDROCK_API_KEY' },
        {
          instead: () =>
            kind === 'bedrock'
              ? stream.response
              : new Response(stream.response.body, { headers: { 'content-type': 'text/event-stream' } }),
        },
      );
      const event = (index: number): Uint8Array =>
        kind === 'bedrock'
          ? (FRAMES[index] ?? new Uint8Array(0))
          : new TextEncoder().encode(`event: e${index}\ndata: {}\n\n`);
      const sent = provider.send(request(plain()));
      await vi.advanceTimersByTimeAsync(40_000);
      stream.write(event(0));
      const reader = (await sent).body?.getReader();
      const read = async (): Promise<string> => new TextDecoder().decode((await reader?.read())?.value);
      expect(await read()).toMatch(kind === 'bedrock' ? /^event: message_start/ : /^event: e0/);
      const [second, third] = [read(), read()];
      await vi.advanceTimersByTimeAsync(29_000);
      expect(await second).toBe('event: ping\ndata: {"type": "ping"}\n\n');
      await vi.advanceTimersByTimeAsync(1_000);
      expect(await third).toBe('event: ping\ndata: {"type": "ping"}\n\n');
      const fourth = read();
      stream.write(event(1));
      expect(await fourth).toMatch(kind === 'bedrock' ? /^event: content_block_start/ : /^event: e1/);
      // Nobody takes anything: nothing is queued.
      await vi.advanceTimersByTimeAsync(120_000);
      const fifth = read();
      stream.write(event(2));
      expect(await fifth).toMatch(/^event: (?:content_block_delta|e2|ping)/);
      await reader?.cancel();
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });
});
