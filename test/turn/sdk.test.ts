/** The data plane as Anthropic's own client sees it, through the whole Worker and against the simulator. */
import Anthropic from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import { completed, openRequest, usageOf, walletStub } from '../fixture.ts';
import { administered } from './admin.ts';
import { type Gateway, gateway } from './gateway.ts';

const MODEL = 'claude-opus-5-5';
const BUDGET = { budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '10' }] };
const PROMPT = { model: MODEL, max_tokens: 500, messages: [{ role: 'user' as const, content: 'say hi' }] };

interface Client {
  bursar: Gateway;
  anthropic: Anthropic;
  /** The status of each answer so far: one a request. */
  statuses: number[];
}

/** The client as it comes, with its retries, on a key of its own; `simulate` directs the simulator. */
async function client(
  options: { simulate?: string; policy?: object; apiKey?: string } = {},
): Promise<Client> {
  const { simulate = 'pace=0', policy = BUDGET } = options;
  const bursar = await gateway(policy, () => new Response('the network is not used'), {
    PROVIDER: 'simulator',
  });
  const statuses: number[] = [];
  const anthropic = new Anthropic({
    apiKey: options.apiKey ?? bursar.key,
    authToken: null,
    baseURL: 'https://bursar.example',
    defaultHeaders: { 'x-bursar-simulate': simulate },
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const { pathname, search } = new URL(request.url);
      const response = await bursar.call(pathname + search, request);
      statuses.push(response.status);
      // As a fetch does: nobody is there to read the answer.
      request.signal.throwIfAborted();
      return response;
    },
  });
  return { bursar, anthropic, statuses };
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

describe('the Anthropic SDK', () => {
  test('creates a message, and the ledger has what the message says it used', async () => {
    const { bursar, anthropic } = await client();
    const { data, response } = await anthropic.messages.create(PROMPT).withResponse();
    expect(data).toMatchObject({ type: 'message', model: MODEL, stop_reason: 'end_turn' });
    expect(response.headers.get('x-bursar-model')).toBe(MODEL);
    expect(await bursar.entries()).toMatchObject([
      {
        kind: 'charge',
        stream: 0,
        provider: 'simulator',
        input_tokens: data.usage.input_tokens,
        output_tokens: data.usage.output_tokens,
      },
    ]);
    expect(bursar.sent).toHaveLength(0);
  });

  test('streams one with its helpers', async () => {
    const { bursar, anthropic } = await client();
    const stream = anthropic.messages.stream(PROMPT);
    let text = '';
    stream.on('text', (delta) => {
      text += delta;
    });
    const message = await stream.finalMessage();
    expect(message.content).toMatchObject([{ type: 'text', text }]);
    expect(text).not.toBe('');
    expect(await bursar.entries()).toMatchObject([
      { kind: 'charge', estimated: 0, stream: 1, output_tokens: message.usage.output_tokens },
    ]);
  });

  test('streams one as raw events', async () => {
    const { anthropic } = await client();
    const types = new Set<string>();
    for await (const event of await anthropic.messages.create({ ...PROMPT, stream: true }))
      types.add(event.type);
    expect([...types]).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
  });

  test('counts tokens, at no cost', async () => {
    const { bursar, anthropic } = await client();
    const { max_tokens: _, ...prompt } = PROMPT;
    expect((await anthropic.messages.countTokens(prompt)).input_tokens).toBeGreaterThan(0);
    expect(await bursar.entries()).toEqual([]);
  });

  test('lists the models and gets one', async () => {
    const { anthropic } = await client();
    const ids: string[] = [];
    for await (const model of anthropic.models.list()) ids.push(model.id);
    expect(ids).toContain(MODEL);
    expect(await anthropic.models.retrieve(MODEL)).toMatchObject({ type: 'model', id: MODEL });
  });
});

describe('an error comes as the SDK’s own', () => {
  test.each<
    [
      what: string,
      options: Parameters<typeof client>[0],
      kind: new (...args: never[]) => Error,
      type: string,
      requests: number,
    ]
  >([
    ['a wrong key', { apiKey: 'bk_nobody.k0.1_x' }, Anthropic.AuthenticationError, 'authentication_error', 1],
    [
      'another provider’s key',
      { apiKey: 'sk-ant-1' },
      Anthropic.AuthenticationError,
      'authentication_error',
      1,
    ],
    ['a 404 of the upstream', { simulate: 'fail=404' }, Anthropic.NotFoundError, 'not_found_error', 1],
    ['a 413 of the upstream', { simulate: 'fail=413' }, Anthropic.APIError, 'request_too_large', 1],
    [
      'a 529 of the upstream, tried again',
      { simulate: 'fail=529' },
      Anthropic.InternalServerError,
      'overloaded_error',
      3,
    ],
    [
      'a 401 of the upstream, a 502 here',
      { simulate: 'fail=401' },
      Anthropic.InternalServerError,
      'api_error',
      3,
    ],
  ])('%s', async (_what, options, kind, type, requests) => {
    const { anthropic, statuses } = await client(options);
    const failure = await failureOf(anthropic.messages.create(PROMPT));
    expect(failure).toBeInstanceOf(kind);
    expect(failure).toMatchObject({
      error: { type: 'error', error: { type } },
      requestID: expect.any(String),
    });
    expect(statuses).toHaveLength(requests);
  });

  test('a request without messages', async () => {
    const { anthropic, statuses } = await client();
    const failure = await failureOf(anthropic.post('/v1/messages', { body: { model: MODEL } }));
    expect(failure).toBeInstanceOf(Anthropic.BadRequestError);
    expect(failure).toMatchObject({ message: expect.stringContaining('messages: expected an array') });
    expect(statuses).toEqual([400]);
  });

  test('a key that was revoked, in one request', async () => {
    const revoked = await client();
    const [, keyId] = revoked.bursar.key.split('.');
    await administered(revoked.bursar, 'DELETE', `/keys/${keyId}`);
    const failure = await failureOf(revoked.anthropic.messages.create(PROMPT));
    expect(failure).toBeInstanceOf(Anthropic.AuthenticationError);
    expect(revoked.statuses).toEqual([401]);
  });
});

describe('a pause', () => {
  test('is a RateLimitError with the sentence and the headers, in one request', async () => {
    const paused = await client();
    await spend(paused, 11);
    const failure = await failureOf(paused.anthropic.messages.create(PROMPT));
    if (!(failure instanceof Anthropic.RateLimitError)) throw failure;
    expect(failure.status).toBe(429);
    expect(failure.message).toContain('is used up: $11.00 of $10.00 spent today');
    expect(failure.error).toMatchObject({ type: 'error', error: { type: 'billing_error' } });
    expect(failure.requestID).toMatch(/^req_/);
    expect(failure.headers.get('anthropic-ratelimit-unified-status')).toBe('rejected');
    expect(failure.headers.get('x-bursar-decision')).toBe('refuse');
    expect(Number(failure.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(paused.statuses).toEqual([429]);
  });

  test('of a stream is the same, before any event', async () => {
    const paused = await client();
    await spend(paused, 11);
    const failure = await failureOf(paused.anthropic.messages.stream(PROMPT).finalMessage());
    expect(failure).toBeInstanceOf(Anthropic.RateLimitError);
    expect(paused.statuses).toEqual([429]);
  });

  test('leaves counting tokens be', async () => {
    const paused = await client();
    await spend(paused, 11);
    const { max_tokens: _, ...prompt } = PROMPT;
    expect((await paused.anthropic.messages.countTokens(prompt)).input_tokens).toBeGreaterThan(0);
  });
});

test('a turn at the downgrade stage is answered by the next model, and the message says so', async () => {
  const stepped = await client();
  await spend(stepped, 9.6);
  const message = await stepped.anthropic.messages.create(PROMPT);
  expect(message.model).toBe('claude-sonnet-5-5');
  expect((await stepped.bursar.entries()).at(-1)).toMatchObject({
    model_asked: MODEL,
    model_served: 'claude-sonnet-5-5',
  });
});

describe('a stream that its reader aborts', () => {
  test('before the first text is cancelled and charged for its input', async () => {
    const { bursar, anthropic } = await client({ simulate: 'stall=start' });
    const stream = anthropic.messages.stream(PROMPT);
    stream.on('streamEvent', (event) => {
      if (event.type === 'message_start') stream.abort();
    });
    expect(await failureOf(stream.finalMessage())).toBeInstanceOf(Anthropic.APIUserAbortError);
    const [entry, ...others] = await bursar.entries();
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ kind: 'charge', estimated: 1, estimated_why: 'client_gone' });
    expect(entry?.input_tokens).toBeGreaterThan(0);
    expect(await walletStub(bursar.costCenter).holds()).toEqual([]);
  });

  test('in mid-text is charged for what it had read', async () => {
    const { bursar, anthropic } = await client({ simulate: 'stall=text' });
    const stream = anthropic.messages.stream(PROMPT);
    stream.on('text', () => stream.abort());
    expect(await failureOf(stream.finalMessage())).toBeInstanceOf(Anthropic.APIUserAbortError);
    const [entry] = await bursar.entries();
    expect(entry).toMatchObject({ kind: 'charge', estimated_why: 'client_gone', stop_reason: null });
    expect(entry?.output_tokens).toBeGreaterThan(0);
    expect(entry?.charged_nano_usd).toBeGreaterThan(0);
  });

  test('before its head is cancelled too', async () => {
    const { bursar, anthropic } = await client({ simulate: 'stall=head' });
    const reader = new AbortController();
    const failing = failureOf(
      anthropic.messages.create({ ...PROMPT, stream: true }, { signal: reader.signal }),
    );
    await expect
      .poll(async () => (await walletStub(bursar.costCenter).holds()).length, { timeout: 5_000 })
      .toBe(1);
    reader.abort();
    expect(await failing).toBeInstanceOf(Anthropic.APIUserAbortError);
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge', estimated_why: 'client_gone' }]);
  });
});
