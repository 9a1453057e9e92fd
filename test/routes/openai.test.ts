/** The OpenAI dialect as OpenAI's own client sees it, through the whole Worker and against the simulator. */
import OpenAI from 'openai';
import type { ChatCompletionMessageParam, ChatCompletionTool } from 'openai/resources/chat/completions';
import { describe, expect, test } from 'vitest';
import { completed, openRequest, usageOf, walletStub } from '../fixture.ts';
import {
  type Gateway,
  gateway,
  messageStart,
  openStream,
  type Sent,
  sse,
  streamOf,
  textDelta,
} from '../turn/gateway.ts';

const MODEL = 'claude-opus-5-5';
const BUDGET = { budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '10' }] };
const PROMPT = { model: MODEL, max_tokens: 500, messages: [{ role: 'user' as const, content: 'say hi' }] };
const BASH: ChatCompletionTool = {
  type: 'function',
  function: { name: 'Bash', parameters: { type: 'object', properties: { command: { type: 'string' } } } },
};

interface Client {
  bursar: Gateway;
  openai: OpenAI;
  /** The status of each answer so far: one a request. */
  statuses: number[];
}

interface ClientOptions {
  simulate?: string;
  policy?: object;
  apiKey?: string;
  maxRetries?: number;
  /** An upstream of the test's own in the simulator's place. */
  upstream?: (sent: Sent) => Response | Promise<Response>;
}

/** The client as it comes, with its retries, on a key of its own. */
async function client(options: ClientOptions = {}): Promise<Client> {
  const { simulate = 'pace=0', policy = BUDGET, upstream } = options;
  const unused = (): Response => new Response('the network is not used');
  const bursar = await gateway(policy, upstream ?? unused, upstream ? {} : { PROVIDER: 'simulator' });
  const statuses: number[] = [];
  const openai = new OpenAI({
    apiKey: options.apiKey ?? bursar.key,
    baseURL: 'https://bursar.example/v1',
    maxRetries: options.maxRetries ?? 2,
    defaultHeaders: { 'x-bursar-simulate': simulate },
    fetch: async (input, init) => {
      const request = new Request(input as RequestInfo, init as RequestInit);
      const { pathname, search } = new URL(request.url);
      const response = await bursar.call(pathname + search, request);
      statuses.push(response.status);
      request.signal.throwIfAborted();
      return response;
    },
  });
  return { bursar, openai, statuses };
}

async function failureOf(call: PromiseLike<unknown>): Promise<unknown> {
  return await call.then(
    () => null,
    (error: unknown) => error,
  );
}

/** Spends money of the client's team: 50,000 output tokens of Opus 5.5 a dollar. */
async function spend({ bursar }: Client, usd: number): Promise<void> {
  const wallet = walletStub(bursar.costCenter);
  const turnId = `${bursar.costCenter}-spent`;
  await wallet.open(openRequest(bursar.costCenter, turnId, { bodyBytes: 10, maxTokens: 10 }));
  await wallet.settle(completed(turnId, usageOf({ outputTokens: usd * 50_000 })));
}

function bodyOf(sent: Sent | undefined): Record<string, unknown> {
  return JSON.parse(new TextDecoder().decode(sent?.body));
}

describe('the OpenAI client', () => {
  test('creates a completion, and the ledger has what it says it used', async () => {
    const { bursar, openai } = await client();
    const { data, response } = await openai.chat.completions.create(PROMPT).withResponse();
    expect(data).toMatchObject({
      object: 'chat.completion',
      model: MODEL,
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', refusal: null } }],
    });
    expect(data.choices[0]?.message.content).toContain('This is the simulator');
    expect(response.headers.get('x-bursar-decision')).toBe('proceed');
    expect(response.headers.get('x-request-id')).toBe(response.headers.get('request-id'));
    expect([...response.headers.keys()].filter((name) => name.startsWith('anthropic-ratelimit-'))).toEqual(
      [],
    );
    expect(await bursar.entries()).toMatchObject([
      {
        kind: 'charge',
        estimated: 0,
        stream: 0,
        turn_kind: 'main',
        input_tokens: data.usage?.prompt_tokens,
        output_tokens: data.usage?.completion_tokens,
      },
    ]);
  });

  test('streams one, with its usage at the end where it asks for it', async () => {
    const { bursar, openai } = await client();
    const request = { ...PROMPT, stream: true as const };
    const whole = await openai.chat.completions.create(PROMPT);
    const stream = await openai.chat.completions.create({
      ...request,
      stream_options: { include_usage: true },
    });
    let text = '';
    const finishes: unknown[] = [];
    const usages: unknown[] = [];
    for await (const chunk of stream) {
      expect(chunk).toMatchObject({
        object: 'chat.completion.chunk',
        model: MODEL,
        id: expect.stringMatching(/^msg_/),
      });
      text += chunk.choices[0]?.delta.content ?? '';
      if (chunk.choices[0]?.finish_reason) finishes.push(chunk.choices[0].finish_reason);
      if (chunk.usage) usages.push(chunk.usage);
    }
    expect(finishes).toEqual(['stop']);
    expect(usages).toHaveLength(1);
    expect(text).toContain('This is the simulator');
    expect(usages).toMatchObject([{ prompt_tokens: whole.usage?.prompt_tokens }]);
    expect(await bursar.entries()).toMatchObject([
      { stream: 0 },
      { stream: 1, estimated: 0, kind: 'charge' },
    ]);
  });

  test('runs a tool in a loop with its helper, streamed arguments and all', async () => {
    const { openai } = await client();
    const commands: string[] = [];
    const runner = openai.chat.completions.runTools({
      model: MODEL,
      stream: true,
      messages: [{ role: 'user', content: '[tool:Bash echo one]\n[tool:Bash echo two]' }],
      tools: [
        {
          type: 'function',
          function: {
            name: 'Bash',
            parameters: { type: 'object', properties: { command: { type: 'string' } } },
            description: 'Runs a command.',
            function: (text: string) => {
              const { command } = JSON.parse(text);
              commands.push(command);
              return `ran ${command}`;
            },
          },
        },
      ],
    });
    expect(await runner.finalContent()).toContain('This is the simulator');
    expect(commands).toEqual(['echo one', 'echo two']);
  });

  test('reads parallel calls whose arguments come in pieces, and one without any', async () => {
    const { openai, bursar } = await client({ upstream: () => streamOf(parallelCalls()) });
    const stream = openai.chat.completions.stream({ ...PROMPT, tools: [BASH], parallel_tool_calls: true });
    const { choices } = await stream.finalChatCompletion();
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        tool_calls: [
          { id: 'toolu_1', function: { name: 'Bash', arguments: '{"command":"ls"}' } },
          { id: 'toolu_2', function: { name: 'Bash', arguments: '{}' } },
        ],
      },
    });
    expect(bursar.sent[0]?.headers.has('openai-organization')).toBe(false);
  });

  test('shows an image to the model, and the turn knows of it', async () => {
    const { bursar, openai } = await client();
    const url = `data:image/png;base64,${btoa('not a picture, but base64')}`;
    const content = [
      { type: 'text' as const, text: 'what is this?' },
      { type: 'image_url' as const, image_url: { url } },
    ];
    const { usage } = await openai.chat.completions.create({
      ...PROMPT,
      messages: [{ role: 'user', content }],
    });
    expect(usage?.prompt_tokens).toBeGreaterThan(1_600);
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge' }]);
  });

  test('lists the models and gets one', async () => {
    const { openai } = await client();
    const listed = (await openai.models.list()).data;
    expect(listed).toContainEqual(
      expect.objectContaining({
        id: MODEL,
        object: 'model',
        owned_by: 'anthropic',
        created: expect.any(Number),
      }),
    );
    expect(await openai.models.retrieve(MODEL)).toMatchObject({ id: MODEL, object: 'model', type: 'model' });
    expect(await failureOf(openai.models.retrieve('gpt-5'))).toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
  });
});

test('a client that knows of no pages is given every model, and both kinds of clients can read them', async () => {
  const page = { data: [{ type: 'model', id: 'm', created_at: '2026-01-01T00:00:00Z' }], has_more: false };
  const { bursar } = await client({ upstream: () => Response.json(page) });
  const headers = { authorization: `Bearer ${bursar.key}` };
  expect(await (await bursar.call('/v1/models', { headers })).json()).toEqual({
    object: 'list',
    data: [{ ...page.data[0], object: 'model', owned_by: 'anthropic', created: 1_767_225_600 }],
    has_more: false,
  });
  await bursar.call('/v1/models?limit=5', { headers });
  expect(bursar.sent.map(({ url }) => new URL(url).search)).toEqual(['?limit=1000', '?limit=5']);
});

function parallelCalls(): string {
  const start = (index: number, id: string): string =>
    sse('content_block_start', { index, content_block: { type: 'tool_use', id, name: 'Bash', input: {} } });
  const piece = (index: number, partial_json: string): string =>
    sse('content_block_delta', { index, delta: { type: 'input_json_delta', partial_json } });
  const stop = (index: number): string => sse('content_block_stop', { index });
  return [
    messageStart(),
    start(0, 'toolu_1'),
    piece(0, ''),
    piece(0, '{"comm'),
    piece(0, 'and":"ls"}'),
    stop(0),
    start(1, 'toolu_2'),
    piece(1, ''),
    stop(1),
    sse('message_delta', { delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 30 } }),
    sse('message_stop', {}),
  ].join('');
}

describe('a conversation costs the same as in the Messages API', () => {
  const PAST = { assistant: 'I will look.', command: 'ls', result: 'README.md' };
  const messages: ChatCompletionMessageParam[] = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'what is there?' },
    {
      role: 'assistant',
      content: PAST.assistant,
      tool_calls: [
        {
          id: 'toolu_1',
          type: 'function',
          function: { name: 'Bash', arguments: JSON.stringify({ command: PAST.command }) },
        },
      ],
    },
    { role: 'tool', tool_call_id: 'toolu_1', content: PAST.result },
  ];
  const native = {
    model: MODEL,
    max_tokens: 500,
    system: [{ type: 'text', text: 'Be brief.' }],
    tools: [{ name: 'Bash', input_schema: BASH.type === 'function' ? BASH.function.parameters : {} }],
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'what is there?' }] },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: PAST.assistant },
          { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: PAST.command } },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: PAST.result }] },
        ],
      },
    ],
  };

  test.each([false, true])('streamed: %s', async (stream) => {
    const { bursar, openai } = await client({ simulate: 'pace=0;output_tokens=77' });
    const request = { model: MODEL, max_tokens: 500, messages, tools: [BASH] };
    if (stream) await openai.chat.completions.stream(request).finalChatCompletion();
    else await openai.chat.completions.create(request);
    const headers = { 'x-bursar-simulate': 'pace=0;output_tokens=77' };
    await (await bursar.turn({ ...native, stream }, { headers })).text();
    const [chat, same] = await bursar.entries();
    expect(chat?.charged_nano_usd).toBeGreaterThan(0);
    expect(chat?.charged_nano_usd).toBe(same?.charged_nano_usd);
    expect(chat?.input_tokens).toBe(same?.input_tokens);
  });
});

describe('an error comes as the client’s own', () => {
  test.each<[what: string, options: ClientOptions, expected: object, requests: number]>([
    [
      'a wrong key',
      { apiKey: 'bk_nobody.k0.1_x' },
      { status: 401, code: 'invalid_api_key', type: 'invalid_request_error' },
      1,
    ],
    ['a 404 of the upstream', { simulate: 'fail=404' }, { status: 404, code: 'model_not_found' }, 1],
    ['a 413 of the upstream', { simulate: 'fail=413' }, { status: 413, code: 'request_too_large' }, 1],
    ['a 529 of the upstream', { simulate: 'fail=529' }, { status: 503, code: 'server_is_overloaded' }, 3],
    [
      'a 401 of the upstream',
      { simulate: 'fail=401', maxRetries: 0 },
      { status: 502, type: 'server_error' },
      1,
    ],
  ])('%s', async (_what, options, expected, requests) => {
    const { openai, statuses } = await client(options);
    const failure = await failureOf(openai.chat.completions.create(PROMPT));
    expect(failure).toBeInstanceOf(OpenAI.APIError);
    expect(failure).toMatchObject({ ...expected, requestID: expect.stringMatching(/^req_/) });
    expect(statuses).toHaveLength(requests);
  });

  test('a body that is no JSON, or of another type', async () => {
    const { bursar } = await client();
    const headers = { authorization: `Bearer ${bursar.key}`, 'content-type': 'application/json' };
    const call = async (init: object) =>
      await bursar.call('/v1/chat/completions', { method: 'POST', ...init });
    const broken = await call({ headers, body: '{"model":' });
    expect(broken.status).toBe(400);
    expect(await broken.json()).toEqual({
      error: {
        message: 'body: expected JSON in UTF-8',
        type: 'invalid_request_error',
        param: null,
        code: null,
      },
    });
    const text = await call({ headers: { ...headers, 'content-type': 'text/plain' }, body: '{}' });
    expect(await text.json()).toMatchObject({ error: { type: 'invalid_request_error', param: null } });
  });

  test('a wrong field, by its own name, and nothing goes upstream', async () => {
    const { openai, statuses, bursar } = await client({ upstream: () => new Response() });
    const failure = await failureOf(openai.chat.completions.create({ ...PROMPT, n: 2 }));
    expect(failure).toBeInstanceOf(OpenAI.BadRequestError);
    expect(failure).toMatchObject({ param: 'n', message: '400 n: expected 1: an answer has one choice' });
    expect(statuses).toEqual([400]);
    expect(bursar.sent).toEqual([]);
  });

  test('a field the upstream refuses, by the client’s name for it', async () => {
    const { openai } = await client();
    const failure = await failureOf(
      openai.chat.completions.create({
        model: MODEL,
        max_completion_tokens: 999_999,
        messages: PROMPT.messages,
      }),
    );
    expect(failure).toMatchObject({ status: 400, param: 'max_completion_tokens' });
  });
});

describe('a pause', () => {
  test.each([
    false,
    true,
  ])('is insufficient_quota with the sentence, in one request (streamed: %s)', async (stream) => {
    const paused = await client();
    await spend(paused, 11);
    const failure = await failureOf(paused.openai.chat.completions.create({ ...PROMPT, stream }));
    if (!(failure instanceof OpenAI.RateLimitError)) throw failure;
    expect(failure).toMatchObject({ code: 'insufficient_quota', type: 'insufficient_quota', param: null });
    expect(failure.message).toContain('is used up: $11.00 of $10.00 spent today');
    expect(failure.headers?.get('x-should-retry')).toBe('false');
    expect(failure.headers?.get('x-bursar-decision')).toBe('refuse');
    expect(Number(failure.headers?.get('retry-after'))).toBeGreaterThan(0);
    expect(paused.statuses).toEqual([429]);
  });

  test('a turn at the downgrade stage is answered by the next model, and the completion says so', async () => {
    const stepped = await client();
    await spend(stepped, 9.6);
    const completion = await stepped.openai.chat.completions.create(PROMPT);
    expect(completion.model).toBe('claude-sonnet-5-5');
    expect((await stepped.bursar.entries()).at(-1)).toMatchObject({
      model_asked: MODEL,
      model_served: 'claude-sonnet-5-5',
    });
  });
});

describe('a stream that does not come to its end', () => {
  test('with an error event raises it, and is charged for what came', async () => {
    const { bursar, openai } = await client({ simulate: 'pace=0;error=text' });
    const stream = await openai.chat.completions.create({ ...PROMPT, stream: true });
    const failure = await failureOf(
      (async () => {
        for await (const _ of stream);
      })(),
    );
    expect(failure).toMatchObject({ code: 'server_is_overloaded', type: 'service_unavailable_error' });
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge', estimated: 1 }]);
  });

  test('because it was cut breaks, without a [DONE]', async () => {
    const { bursar } = await client({ simulate: 'pace=0;cut=text' });
    const response = await bursar.call('/v1/chat/completions', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${bursar.key}`,
        'content-type': 'application/json',
        'x-bursar-simulate': 'pace=0;cut=text',
      },
      body: JSON.stringify({ ...PROMPT, stream: true }),
    });
    let text = '';
    const failure = await failureOf(
      (async () => {
        for await (const bytes of response.body ?? []) text += new TextDecoder().decode(bytes);
      })(),
    );
    expect(failure).not.toBeNull();
    expect(text).toContain('"content":');
    expect(text).not.toContain('[DONE]');
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge', estimated_why: 'upstream_cut' }]);
  });

  test('because its reader leaves is cancelled upstream, and charged for what it had read', async () => {
    const upstream = openStream();
    const { bursar, openai } = await client({ upstream: upstream.answer });
    const start = sse('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
    const answered = openai.chat.completions.create({ ...PROMPT, stream: true });
    await upstream.called;
    await upstream.write(messageStart() + start + textDelta('Hi '));
    for await (const chunk of await answered) if (chunk.choices[0]?.delta.content) break;
    await upstream.aborted;
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge', estimated_why: 'client_gone' }]);
    expect(await walletStub(bursar.costCenter).holds()).toEqual([]);
  });
});

describe('the session of a chat', () => {
  test.each<[what: string, fields: object, headers: Record<string, string>, session: string | null]>([
    ['is the header’s', { prompt_cache_key: 'k' }, { 'x-claude-code-session-id': 's1' }, 's1'],
    ['else the cache key', { prompt_cache_key: 'thread 7', user: 'u' }, {}, 'thread%207'],
    ['else whoever uses the application', { safety_identifier: 'u-1', user: 'old' }, {}, 'u-1'],
    ['else the older name for it', { user: 'old' }, {}, 'old'],
    ['else the key', {}, {}, null],
  ])('%s', async (_what, fields, headers, session) => {
    const { bursar, openai } = await client();
    await openai.chat.completions.create({ ...PROMPT, ...fields }, { headers });
    const [, keyId] = bursar.key.split('.');
    expect(await bursar.entries()).toMatchObject([{ session: session ?? keyId }]);
  });
});

test('a chat that goes on is cached, and pays for its history a tenth', async () => {
  const { bursar, openai } = await client();
  const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: 'word '.repeat(8_000) }];
  const cached: (number | undefined)[] = [];
  for (let turn = 0; turn < 4; turn += 1) {
    const { choices, usage } = await openai.chat.completions.create({ ...PROMPT, messages });
    cached.push(usage?.prompt_tokens_details?.cached_tokens);
    messages.push({ role: 'assistant', content: choices[0]?.message.content ?? '' });
    messages.push({ role: 'user', content: `and ${turn}?` });
  }
  // The first turn may be the only one; the second writes, and from there on it is read.
  expect(cached.slice(0, 2)).toEqual([0, 0]);
  expect(cached[2]).toBeGreaterThan(10_000);
  expect(cached[3]).toBeGreaterThan(Number(cached[2]));
  const charges = (await bursar.entries()).map((entry) => Number(entry.charged_nano_usd));
  expect(charges[3]).toBeLessThan(Number(charges[0]) / 3);
});

test('what only OpenAI knows does not go upstream', async () => {
  const { bursar, openai } = await client({
    upstream: () => Response.json({ content: [], model: MODEL, usage: {} }),
  });
  await openai.chat.completions.create({
    ...PROMPT,
    seed: 7,
    logit_bias: { '1': 2 },
    response_format: { type: 'json_object' },
    reasoning_effort: 'low',
    user: 'u',
  });
  expect(bodyOf(bursar.sent[0])).toEqual({
    model: MODEL,
    messages: [{ role: 'user', content: [{ type: 'text', text: 'say hi' }] }],
    max_tokens: 500,
    stream: false,
  });
  const names = [...(bursar.sent[0]?.headers.keys() ?? [])];
  expect(names.filter((name) => /^(?:openai|x-stainless|x-claude-code|authorization)/.test(name))).toEqual(
    [],
  );
});
