/** The clients that companies have for Bedrock, as they come, through the running gateway. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AnthropicBedrock } from '@anthropic-ai/bedrock-sdk';
import { APIUserAbortError, RateLimitError } from '@anthropic-ai/sdk';
import {
  BedrockRuntimeClient,
  type BedrockRuntimeClientConfig,
  CountTokensCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRequestCounter } from '../client/request-counter.ts';
import { makeTeam, sendTurn, type Team } from '../client/team.ts';
import { ADMIN_TOKEN, ledgerEntries } from './demo-ledger.ts';
import { eventually } from './eventually.ts';
import { type FakeUpstream, startFakeUpstream } from './fake-upstream.ts';
import { type GatewayProcess, startGatewayProcess } from './gateway-process.ts';

const MODEL = 'us.anthropic.claude-opus-5-5';
const PROFILE = `arn:aws:bedrock:us-east-1:123456789012:inference-profile/${MODEL}`;
const PROMPT = { max_tokens: 100, messages: [{ role: 'user' as const, content: 'say hi' }] };
const BODY = JSON.stringify({ anthropic_version: 'bedrock-2023-05-31', ...PROMPT });
/** 1,000 tokens in at $4 a million, 50 out at $20. */
const CHARGE_NANO_USD = 1_000 * 4_000 + 50 * 20_000;
const IN_LEDGER_WITHIN_MS = 10_000;

let stateDir: string;
let upstream: FakeUpstream;
let gateway: GatewayProcess;
let paused: Team;
beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), 'bursar-bedrock-'));
  upstream = await startFakeUpstream();
  const env = { ADMIN_TOKEN, ANTHROPIC_UPSTREAM_URL: upstream.url };
  gateway = await startGatewayProcess({ stateDir, env });
  const admin = { url: gateway.url, adminToken: ADMIN_TOKEN };
  paused = await makeTeam(admin, upstream, { id: 'paused', limitUsd: '10.00' });
  await paused.spend(11.5);
  upstream.answerWith(() => ({ kind: 'text', text: 'Hello.' }));
});
afterAll(async () => {
  await gateway?.end('SIGINT');
  await upstream.close();
  await rm(stateDir, { recursive: true, force: true });
});

/** As much of the SDK's own request as is sent. */
interface AwsRequest {
  protocol: string;
  hostname: string;
  port: number;
  /** With what is asked for encoded. */
  path: string;
  method: string;
  headers: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
}

/** HTTP/1.1, which is what a gateway without TLS speaks; the SDK's own handler begins with HTTP/2. */
const OVER_HTTP1: NonNullable<BedrockRuntimeClientConfig['requestHandler']> = {
  handle: async ({ protocol, hostname, port, path, method, headers, body = '' }: AwsRequest) => {
    const response = await fetch(`${protocol}//${hostname}:${port}${path}`, { method, headers, body });
    const answered = { statusCode: response.status, headers: Object.fromEntries(response.headers) };
    return { response: { ...answered, body: response.body } };
  },
};

function aws(url = gateway.url, key = gateway.key): BedrockRuntimeClient {
  return new BedrockRuntimeClient({
    region: 'us-east-1',
    endpoint: url,
    token: { token: key },
    authSchemePreference: ['httpBearerAuth'],
    requestHandler: OVER_HTTP1,
  });
}

function anthropic(url = gateway.url, key = gateway.key): AnthropicBedrock {
  return new AnthropicBedrock({ baseURL: url, apiKey: key });
}

async function failureOf(call: PromiseLike<unknown>): Promise<unknown> {
  return await call.then(
    () => null,
    (error: unknown) => error,
  );
}

/** What the turns of `run` were charged, in nano-USD. */
async function chargesOf(count: number, run: () => Promise<unknown>): Promise<number[]> {
  const before = (await ledgerEntries(gateway.url)).map((each) => each.turn_id);
  await run();
  return await eventually('the charges', IN_LEDGER_WITHIN_MS, async () => {
    const entries = await ledgerEntries(gateway.url);
    const added = entries.filter((each) => !before.includes(each.turn_id));
    return added.length === count ? added.map((each) => each.charged_nano_usd) : null;
  });
}

describe('AWS’s SDK', () => {
  test('invokes a model in one piece and as a stream, and both cost what the native turn does', async () => {
    const charges = await chargesOf(4, async () => {
      for (const modelId of [MODEL, PROFILE]) {
        const { body } = await aws().send(new InvokeModelCommand({ modelId, body: BODY }));
        expect(JSON.parse(body.transformToString())).toMatchObject({
          type: 'message',
          content: [{ text: 'Hello.' }],
        });
      }
      const command = new InvokeModelWithResponseStreamCommand({ modelId: MODEL, body: BODY });
      const { body: events, contentType } = await aws().send(command);
      expect(contentType).toBe('application/json');
      const types: string[] = [];
      for await (const { chunk } of events ?? []) {
        types.push(JSON.parse(new TextDecoder().decode(chunk?.bytes)).type);
      }
      expect([types[0], types.at(-1)]).toEqual(['message_start', 'message_stop']);
      expect((await sendTurn(gateway.url, gateway.key)).status).toBe(200);
    });
    expect(charges).toEqual([CHARGE_NANO_USD, CHARGE_NANO_USD, CHARGE_NANO_USD, CHARGE_NANO_USD]);
  });

  test('reads the pause in one single request', async () => {
    const counter = await startRequestCounter(gateway.url);
    const client = aws(counter.url, paused.key);
    const failure = await failureOf(client.send(new InvokeModelCommand({ modelId: MODEL, body: BODY })));
    await counter.close();
    expect(failure).toMatchObject({
      name: 'ServiceQuotaExceededException',
      message: expect.stringMatching(/is used up: \$11\.50 of \$10\.00 spent today/),
      $metadata: { attempts: 1, requestId: expect.stringMatching(/^req_/) },
    });
    expect(counter.seen).toHaveLength(1);
  });

  test('reads what is wrong with a request by its names', async () => {
    const invalid = new InvokeModelCommand({ modelId: MODEL, body: '{}' });
    expect(await failureOf(aws().send(invalid))).toMatchObject({ name: 'ValidationException' });
    const elsewhere = aws(gateway.url, 'bk_nobody.k0.1_x');
    const refused = await failureOf(elsewhere.send(new InvokeModelCommand({ modelId: MODEL, body: BODY })));
    expect(refused).toMatchObject({ name: 'UnrecognizedClientException', $metadata: { attempts: 1 } });
    const conversation = new CountTokensCommand({
      modelId: MODEL,
      input: { converse: { messages: [{ role: 'user', content: [{ text: 'hi' }] }] } },
    });
    expect(await failureOf(aws().send(conversation))).toMatchObject({
      name: 'ValidationException',
      message: expect.stringContaining('input.converse'),
    });
  });
});

describe('Anthropic’s SDK for Bedrock', () => {
  test('creates and streams a message, and both cost what the native turn does', async () => {
    const charges = await chargesOf(2, async () => {
      const message = await anthropic().messages.create({ model: PROFILE, ...PROMPT });
      expect(message.content).toMatchObject([{ type: 'text', text: 'Hello.' }]);
      const streamed = await anthropic()
        .messages.stream({ model: MODEL, ...PROMPT })
        .finalMessage();
      expect(streamed).toMatchObject({ stop_reason: 'end_turn', usage: { output_tokens: 50 } });
    });
    expect(charges).toEqual([CHARGE_NANO_USD, CHARGE_NANO_USD]);
  });

  test('that leaves a silent stream has the upstream cancelled', async () => {
    upstream.answerWith(() => ({ kind: 'stall' }));
    const arrival = upstream.nextRequest();
    const stream = anthropic().messages.stream({ model: MODEL, ...PROMPT });
    const failing = failureOf(stream.finalMessage());
    stream.on('text', () => stream.abort());
    const request = await arrival;
    expect(await request.ended).toBe(false);
    expect(await failing).toBeInstanceOf(APIUserAbortError);
    upstream.answerWith(() => ({ kind: 'text', text: 'Hello.' }));
  });

  test('reads the pause in one single request', async () => {
    const counter = await startRequestCounter(gateway.url);
    const call = anthropic(counter.url, paused.key).messages.create({ model: MODEL, ...PROMPT });
    const failure = await failureOf(call);
    await counter.close();
    expect(failure).toBeInstanceOf(RateLimitError);
    expect(failure).toMatchObject({
      status: 429,
      message: expect.stringMatching(/is used up: \$11\.50 of \$10\.00 spent today/),
    });
    expect(counter.seen).toHaveLength(1);
  });
});
