/** Amazon Bedrock's operations, through the whole Worker. */
import { describe, expect, test } from 'vitest';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { modelNamed } from '../../durable-objects/core/catalogue/names.ts';
import { completed, openRequest, usageOf, walletStub } from '../fixture.ts';
import {
  type Gateway,
  gateway,
  messageStart,
  openStream,
  type Sent,
  sse,
  streamedAnswer,
  streamOf,
  textDelta,
  USAGE,
  USAGE_NANO_USD,
} from '../turn/gateway.ts';
import { eventsOf, invoke, MODEL, type Operation, PROMPT, VERSION } from './bedrock-calls.ts';

const BUDGET = { budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '10' }] };
const SDK = { 'x-stainless-lang': 'js' };
const MESSAGE = `{ "id":"msg_1","type":"message","model":"claude-opus-5-5","content":[{"type":"text","text":"Hi \\u0021"}],
  "stop_reason":"end_turn","usage":${JSON.stringify(USAGE)} }`;

function answering({ url, body }: Sent): Response {
  const headers = { 'content-type': 'application/json', 'request-id': 'req_up' };
  if (url.includes('count_tokens')) return new Response('{"input_tokens":12}', { headers });
  const asked: { stream?: boolean } = JSON.parse(new TextDecoder().decode(body));
  return asked.stream === true ? streamOf(streamedAnswer()) : new Response(MESSAGE, { headers });
}

async function bedrock(policy: object | null = null, upstream = answering): Promise<Gateway> {
  return await gateway(policy, upstream);
}

function sentBody(bursar: Gateway): string {
  return new TextDecoder().decode(bursar.sent.at(-1)?.body);
}

/** Spends money of the team: 50,000 output tokens of Opus 5.5 a dollar. */
async function spend({ costCenter }: Gateway, usd: number): Promise<void> {
  const wallet = walletStub(costCenter);
  const turnId = `${costCenter}-spent`;
  await wallet.open(openRequest(costCenter, turnId, { bodyBytes: 10, maxTokens: 10 }));
  await wallet.settle(completed(turnId, usageOf({ outputTokens: usd * 50_000 })));
}

async function refusal(response: Response): Promise<[status: number, name: string | null, message: string]> {
  const body = (await response.json()) as { message: string };
  expect(Object.keys(body)).toEqual(['message']);
  expect(response.headers.get('x-amzn-requestid')).toBe(response.headers.get('request-id'));
  return [response.status, response.headers.get('x-amzn-errortype'), body.message];
}

describe('InvokeModel', () => {
  test('is a turn: its body goes up as it was but for the names, its answer comes back as it was', async () => {
    const bursar = await bedrock();
    const body = `{ "max_tokens":1e3, "messages":[{"role":"user","content":"say \\u0068i"}], ${JSON.stringify(VERSION).slice(1, -1)} }`;
    const response = await invoke(bursar, 'invoke', body, {
      headers: { 'x-amz-date': 'x', 'x-claude-code-session-id': 's1' },
    });
    expect(response.status).toBe(200);
    expect(await response.text()).toBe(MESSAGE);
    expect(sentBody(bursar)).toBe(
      '{ "max_tokens":1e3, "messages":[{"role":"user","content":"say \\u0068i"}], "model":"claude-opus-5-5" }',
    );
    const [sent] = bursar.sent;
    expect(new URL(sent?.url ?? '').pathname).toBe('/v1/messages');
    expect(sent?.headers.has('x-amz-date')).toBe(false);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/json',
      'x-amzn-requestid': 'req_up',
      'x-amzn-bedrock-input-token-count': '1000',
      'x-amzn-bedrock-output-token-count': '50',
      'x-amzn-bedrock-invocation-latency': expect.stringMatching(/^\d+$/),
      'x-bursar-model': 'claude-opus-5-5',
      'x-bursar-decision': 'proceed',
    });
    const headers = [...response.headers.keys()];
    expect(headers.filter((name) => name.startsWith('anthropic-ratelimit-'))).toEqual([]);
    expect(await bursar.entries()).toMatchObject([
      {
        kind: 'charge',
        charged_nano_usd: USAGE_NANO_USD,
        model_asked: 'claude-opus-5-5',
        session: 's1',
        stream: 0,
      },
    ]);
  });

  test.each([
    ['anthropic.claude-haiku-4-5-20251001-v1:0', 'claude-haiku-4-5-20251001'],
    ['anthropic.claude-haiku-4-5-20251001-v1%3A0', 'claude-haiku-4-5-20251001'],
    ['global.anthropic.claude-opus-4-6-v1', 'claude-opus-4-6'],
    [
      'arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.anthropic.claude-opus-5-5',
      'claude-opus-5-5',
    ],
    [
      'arn:aws:bedrock:us-east-1:123456789012:inference-profile%2Fus.anthropic.claude-opus-5-5',
      'claude-opus-5-5',
    ],
    ['arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-5-5', 'claude-sonnet-5-5'],
    ['arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Aapplication-inference-profile%2Fabc123', 'claude-sonnet-5-5'],
    ['claude-opus-5-5', 'claude-opus-5-5'],
  ])('of %s is served by %s', async (model, served) => {
    const aliases = {
      'arn:aws:bedrock:eu-west-1:1:application-inference-profile/abc123': 'claude-sonnet-5-5',
    };
    const bursar = await gateway(null, answering, { MODEL_ALIASES: JSON.stringify(aliases) });
    const response = await invoke(bursar, 'invoke', undefined, { model });
    expect(response.status).toBe(200);
    expect(JSON.parse(sentBody(bursar)).model).toBe(served);
  });

  test('brings its betas to the header', async () => {
    const bursar = await bedrock();
    await invoke(
      bursar,
      'invoke',
      { ...VERSION, anthropic_beta: ['b', 'c'], ...PROMPT },
      { headers: { 'anthropic-beta': 'a,b' } },
    );
    expect(bursar.sent[0]?.headers.get('anthropic-beta')).toBe('a,b,c');
    expect(JSON.parse(sentBody(bursar))).toEqual({ model: 'claude-opus-5-5', ...PROMPT });
  });

  test('whose answer breaks off is an error, charged as it came', async () => {
    const bursar = await bedrock(null, () => {
      const body = new ReadableStream({ pull: (controller) => controller.error(new Error('reset')) });
      return new Response(body, { headers: { 'content-type': 'application/json' } });
    });
    const answer = await refusal(await invoke(bursar, 'invoke'));
    expect(answer).toEqual([
      503,
      'ServiceUnavailableException',
      'The answer of the model provider broke off.',
    ]);
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge', estimated_why: 'upstream_cut' }]);
  });
});

describe('InvokeModelWithResponseStream', () => {
  test('is the events of the answer in frames, at the same charge', async () => {
    const bursar = await bedrock();
    const response = await invoke(bursar, 'invoke-with-response-stream');
    expect(response.headers.get('content-type')).toBe('application/vnd.amazon.eventstream');
    expect(response.headers.get('x-amzn-bedrock-content-type')).toBe('application/json');
    expect(response.headers.get('x-bursar-turn-id')).toMatch(/^turn_/);
    const events = await eventsOf(response);
    expect(events.map(({ type }) => type)).toEqual([
      'message_start',
      'ping',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(events.at(-1)).toMatchObject({
      'amazon-bedrock-invocationMetrics': { inputTokenCount: 1_000, outputTokenCount: 50 },
    });
    expect(JSON.parse(sentBody(bursar))).toEqual({ model: 'claude-opus-5-5', stream: true, ...PROMPT });
    expect(await bursar.entries()).toMatchObject([
      { kind: 'charge', charged_nano_usd: USAGE_NANO_USD, stream: 1, estimated: 0 },
    ]);
  });

  test('that fails in the middle ends in an exception, and is charged for what it was', async () => {
    const error = { error: { type: 'overloaded_error', message: 'Overloaded' } };
    const bursar = await bedrock(null, () =>
      streamOf(messageStart() + textDelta('Hi') + sse('error', error)),
    );
    const events = await eventsOf(await invoke(bursar, 'invoke-with-response-stream'));
    expect(events.at(-1)).toEqual({ exception: 'serviceUnavailableException', message: 'Overloaded' });
    expect(await bursar.entries()).toMatchObject([{ error_type: 'overloaded_error' }]);
  });

  test('that is cut is cut', async () => {
    const stream = openStream();
    const bursar = await bedrock(null, stream.answer);
    const answered = invoke(bursar, 'invoke-with-response-stream');
    await stream.called;
    await stream.write(messageStart());
    const response = await answered;
    await stream.fail();
    await expect(response.arrayBuffer()).rejects.toThrow();
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge', estimated_why: 'upstream_cut' }]);
  });

  test('that its client leaves is cancelled at once and charged up to there', async () => {
    const stream = openStream();
    const bursar = await bedrock(null, stream.answer);
    const answered = invoke(bursar, 'invoke-with-response-stream');
    await stream.called;
    await stream.write(messageStart());
    const reader = (await answered).body?.getReader();
    expect((await reader?.read())?.done).toBe(false);
    await reader?.cancel();
    await stream.aborted;
    expect(await bursar.entries()).toMatchObject([{ kind: 'charge', estimated_why: 'client_gone' }]);
  });
});

describe('a refusal', () => {
  test('because a budget is used up is final, by name and status', async () => {
    const bursar = await bedrock(BUDGET);
    await spend(bursar, 11.5);
    const operations: Operation[] = ['invoke', 'invoke-with-response-stream'];
    for (const operation of operations) {
      const response = await invoke(bursar, operation);
      const [status, name, message] = await refusal(response);
      expect([status, name]).toEqual([400, 'ServiceQuotaExceededException']);
      expect(message).toMatch(/is used up: \$11\.50 of \$10\.00 spent today/);
      expect(response.headers.get('x-bursar-decision')).toBe('refuse');
      const sdk = await invoke(bursar, operation, undefined, { headers: SDK });
      expect(sdk.headers.get('x-should-retry')).toBe('false');
      expect(await refusal(sdk)).toEqual([429, 'ServiceQuotaExceededException', expect.any(String)]);
    }
    expect(bursar.sent).toEqual([]);
  });

  test('of a model that is not allowed names those that are', async () => {
    const bursar = await bedrock({ ...BUDGET, allowed_models: ['claude-sonnet-5-5', 'claude-opus-5-5'] });
    const model = 'us.anthropic.claude-haiku-5-5';
    const [status, name, message] = await refusal(await invoke(bursar, 'invoke', undefined, { model }));
    expect([status, name]).toEqual([403, 'AccessDeniedException']);
    expect(message).toContain('does not allow the model claude-haiku-5-5; choose one of');
    expect(message).toContain('claude-sonnet-5-5');
    const sdk = await refusal(await invoke(bursar, 'invoke', undefined, { model, headers: SDK }));
    expect(sdk.slice(0, 2)).toEqual([402, 'AccessDeniedException']);
  });

  test('of a step down is none: the next model serves', async () => {
    const bursar = await bedrock(BUDGET);
    await spend(bursar, 9.6);
    const response = await invoke(bursar, 'invoke');
    expect(response.headers.get('x-bursar-model')).toBe('claude-sonnet-5-5');
    expect(JSON.parse(sentBody(bursar)).model).toBe('claude-sonnet-5-5');
  });

  test.each([
    ['of the upstream’s', 429, 'rate_limit_error', 429, 'ThrottlingException'],
    ['of the upstream’s', 400, 'invalid_request_error', 400, 'ValidationException'],
    ['of the upstream’s', 404, 'not_found_error', 404, 'ResourceNotFoundException'],
    ['of the upstream’s', 529, 'overloaded_error', 503, 'ServiceUnavailableException'],
    ['of the upstream’s', 500, 'api_error', 500, 'InternalServerException'],
  ])('%s, a %i %s, keeps its words', async (_whose, status, type, answered, name) => {
    const error = { type: 'error', error: { type, message: 'In its own words' } };
    const bursar = await bedrock(null, () => Response.json(error, { status }));
    expect(await refusal(await invoke(bursar, 'invoke'))).toEqual([answered, name, 'In its own words']);
  });

  test('of a key is final, and a signature is told what to be instead', async () => {
    const bursar = await bedrock();
    const call = (authorization: string, headers = {}) =>
      invoke(bursar, 'invoke', undefined, { headers: { authorization, ...headers } });
    const name = 'UnrecognizedClientException';
    expect(await refusal(await call('Bearer bk_no.k0.1_x'))).toEqual([
      403,
      name,
      expect.stringContaining('not a valid Bursar key'),
    ]);
    const signed =
      'AWS4-HMAC-SHA256 Credential=AKIA/20261126/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0';
    expect(await refusal(await call(signed))).toEqual([
      403,
      name,
      expect.stringContaining('AWS_BEARER_TOKEN_BEDROCK'),
    ]);
    const sdk = await call('Bearer bk_no.k0.1_x', SDK);
    expect(sdk.headers.get('x-should-retry')).toBe('false');
    expect(sdk.status).toBe(401);
  });

  test.each<[what: string, body: object | string, headers: Record<string, string>, says: string]>([
    ['no JSON', '{"a":', {}, 'Malformed input request: #: expected a JSON object in UTF-8'],
    ['no version', PROMPT, {}, '#: required key [anthropic_version] not found'],
    ['a model in the body', { ...VERSION, model: MODEL, ...PROMPT }, {}, '#: extraneous key [model]'],
    ['no messages', { ...VERSION, max_tokens: 1 }, {}, 'messages: expected an array of messages'],
    ['a guardrail', { ...VERSION, ...PROMPT }, { 'x-amzn-bedrock-guardrailidentifier': 'g' }, 'no guardrail'],
    ['text', { ...VERSION, ...PROMPT }, { 'content-type': 'text/plain' }, 'content-type: expected'],
  ])('of %s names the field', async (_what, body, headers, says) => {
    const bursar = await bedrock();
    const [status, name, message] = await refusal(await invoke(bursar, 'invoke', body, { headers }));
    expect([status, name]).toEqual([400, 'ValidationException']);
    expect(message).toContain(says);
    expect(bursar.sent).toEqual([]);
    expect(await bursar.entries()).toEqual([]);
  });
});

describe('CountTokens', () => {
  const inner = btoa(JSON.stringify({ ...VERSION, ...PROMPT }));

  test('counts an InvokeModel body, at no cost', async () => {
    const bursar = await bedrock();
    const response = await invoke(bursar, 'count-tokens', { input: { invokeModel: { body: inner } } });
    expect(await response.json()).toEqual({ inputTokens: 12 });
    expect(response.headers.get('x-amzn-requestid')).toBe('req_up');
    expect(new URL(bursar.sent[0]?.url ?? '').pathname).toBe('/v1/messages/count_tokens');
    expect(JSON.parse(sentBody(bursar))).toEqual({ model: 'claude-opus-5-5', messages: PROMPT.messages });
    expect(await bursar.entries()).toEqual([]);
  });

  test.each([
    ['broken base64', { invokeModel: { body: '%' } }, 'input.invokeModel.body: expected'],
    ['a Converse request', { converse: {} }, 'input.converse: this gateway has no Converse API'],
    ['a body without a version', { invokeModel: { body: btoa('{}') } }, 'required key [anthropic_version]'],
  ])('of %s is refused', async (_what, input, says) => {
    const bursar = await bedrock();
    const [status, name, message] = await refusal(await invoke(bursar, 'count-tokens', { input }));
    expect([status, name]).toEqual([400, 'ValidationException']);
    expect(message).toContain(says);
  });
});

describe('inference profiles', () => {
  async function profiles(bursar: Gateway, path: string, key = bursar.key): Promise<Response> {
    return await bursar.call(`/inference-profiles${path}`, { headers: { authorization: `Bearer ${key}` } });
  }

  test('are the models that are served, page by page', async () => {
    const bursar = await bedrock();
    const ids: string[] = [];
    let token = '';
    do {
      const response = await profiles(bursar, `?type=SYSTEM_DEFINED&maxResults=5${token}`);
      const page = (await response.json()) as {
        inferenceProfileSummaries: { inferenceProfileId: string }[];
        nextToken?: string;
      };
      expect(page.inferenceProfileSummaries.length).toBeLessThanOrEqual(5);
      ids.push(...page.inferenceProfileSummaries.map((each) => each.inferenceProfileId));
      token = page.nextToken === undefined ? '' : `&nextToken=${encodeURIComponent(page.nextToken)}`;
    } while (token !== '');
    expect(ids).toContain('us.anthropic.claude-opus-5-5');
    expect(ids).toContain('us.anthropic.claude-haiku-4-5-20251001-v1:0');
    expect(ids.filter((id) => id.includes('claude-3-5-haiku'))).toEqual([]);
    const models = ids.map((id) => modelNamed(id, new Map(), builtinCatalogue));
    expect(models.every((model) => builtinCatalogue.models.some(({ id }) => id === model))).toBe(true);
    expect(new Set(models).size).toBe(ids.length);
  });

  test('are found by any name of their model', async () => {
    const bursar = await bedrock();
    const arn = encodeURIComponent(
      'arn:aws:bedrock:us-east-1:000000000000:inference-profile/us.anthropic.claude-opus-5-5',
    );
    for (const name of ['us.anthropic.claude-opus-5-5', 'eu.anthropic.claude-opus-5-5', arn]) {
      expect(await (await profiles(bursar, `/${name}`)).json()).toEqual({
        inferenceProfileName: 'US claude-opus-5-5',
        inferenceProfileId: 'us.anthropic.claude-opus-5-5',
        inferenceProfileArn: decodeURIComponent(arn),
        models: [{ modelArn: 'arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-5-5' }],
        status: 'ACTIVE',
        type: 'SYSTEM_DEFINED',
      });
    }
  });

  test('of the applications there are none', async () => {
    const bursar = await bedrock();
    const response = await profiles(bursar, '?type=APPLICATION');
    expect(await response.json()).toEqual({ inferenceProfileSummaries: [] });
  });

  test('are told to a key of the gateway, and to requests that make sense', async () => {
    const bursar = await bedrock();
    expect((await refusal(await profiles(bursar, '', 'bk_no.k0.1_x')))[1]).toBe(
      'UnrecognizedClientException',
    );
    const field = async (path: string) => (await refusal(await profiles(bursar, path))).slice(1);
    expect(await field('?type=ALL')).toEqual(['ValidationException', expect.stringMatching(/^type: /)]);
    expect(await field('?maxResults=0')).toEqual([
      'ValidationException',
      expect.stringMatching(/^maxResults: /),
    ]);
    expect(await field('?nextToken=x')).toEqual([
      'ValidationException',
      expect.stringMatching(/^nextToken: /),
    ]);
    expect(await field('/us.amazon.nova')).toEqual([
      'ResourceNotFoundException',
      expect.stringContaining('"us.amazon.nova"'),
    ]);
  });
});
