/**
 * A Bedrock of the test's own, both endpoints: InvokeModel (`/model/{id}/invoke…`, CountTokens) and the Messages
 * endpoint (`/anthropic/v1/messages`). It is a function from request to answer, for tests inside workerd and for a
 * server on loopback alike, and looks hard: the signature, the path, every field. It answers with one fixed message
 * unless it is told what to say.
 */
import { chunkFrame, joined } from './frames.ts';
import { type Body, invokeProblem, mantleProblem } from './request-checks.ts';
import { type AwsKeys, signatureProblem } from './signature.ts';

export const FAKE_KEYS: AwsKeys = {
  accessKeyId: 'AKIAFAKEFAKEFAKEFAKE',
  secretAccessKey: 'fake/secret+access/key/of/forty/chars000',
};
export const FAKE_API_KEY = 'bedrock-api-key-fake-0001';
export const FAKE_REGION = 'eu-central-1';

/** What reached it, once it was found right. */
export interface BedrockCall {
  kind: 'invoke' | 'stream' | 'count' | 'messages' | 'messages_count';
  /** The id in the path (decoded), or in the body of the Messages endpoint. */
  modelId: string;
  body: Body;
  headers: Headers;
  auth: 'sigv4' | 'api_key';
  signal: AbortSignal;
}

/** An answer of the model. */
export interface Said {
  content: object[];
  stop_reason: string;
  usage: Record<string, unknown>;
}

export interface FakeBedrockOptions {
  keys?: AwsKeys;
  apiKey?: string;
  region?: string;
  /** What the model says; SAID unless given. */
  say?: (call: BedrockCall) => Said;
  /** Answers in place of the model where it returns a response. */
  instead?: (call: BedrockCall) => Response | null | Promise<Response | null>;
}

export interface FakeBedrock {
  (request: Request): Promise<Response>;
  /** Every call that was found right, in order. */
  calls: BedrockCall[];
  /** Every request that was not, with why. */
  refused: string[];
}

/** The same figures as `USAGE` in test/turn/gateway.ts. */
export const SAID: Said = {
  content: [{ type: 'text', text: 'Hi there.' }],
  stop_reason: 'end_turn',
  usage: {
    input_tokens: 1_000,
    cache_creation_input_tokens: 200,
    cache_read_input_tokens: 3_000,
    output_tokens: 50,
  },
};

/** What it counts in every prompt. */
export const COUNTED_TOKENS = 2_345;

const INVOKE = /^\/model\/([^/]+)\/(invoke|invoke-with-response-stream|count-tokens)$/;
const PREFIX = /^(?:us|eu|jp|au|apac|global|us-gov)\./;
const FOUNDATION = /^anthropic\.claude-[a-z0-9-]+(?:-v\d+(?::\d+)?)?$/;
const ARN =
  /^arn:aws[\w-]*:bedrock:[\w-]+:\d*:(?:foundation-model|inference-profile|application-inference-profile)\/.+$/;
/** Of the Messages API and of the gateway: none of these has any business here. */
const FOREIGN_HEADERS = [
  'anthropic-version',
  'anthropic-beta',
  'x-api-key',
  'cookie',
  'x-claude-code-session-id',
];

export function fakeBedrock(options: FakeBedrockOptions = {}): FakeBedrock {
  const calls: BedrockCall[] = [];
  const refused: string[] = [];
  const answer = async (request: Request): Promise<Response> => {
    const body = new Uint8Array(await request.arrayBuffer());
    const read = await readCall(request, body, options);
    if (read instanceof Response) {
      refused.push(`${request.method} ${new URL(request.url).pathname}: ${await read.clone().text()}`);
      return read;
    }
    calls.push(read);
    return (await options.instead?.(read)) ?? respond(read, options.say?.(read) ?? SAID);
  };
  return Object.assign(answer, { calls, refused });
}

/** An error as the service answers it before a stream. */
export function bedrockError(
  status: number,
  type: string,
  message: string,
  headers: Record<string, string> = {},
): Response {
  return Response.json(
    { message },
    {
      status,
      headers: { 'x-amzn-errortype': `${type}:http://internal.amazon.com/coral/`, ...ids(), ...headers },
    },
  );
}

/** A stream of these frames, in one piece or in pieces of `size` bytes. */
export function eventStream(frames: readonly Uint8Array[], size?: number): Response {
  const bytes = joined(frames);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size ?? bytes.length) {
    pieces.push(bytes.slice(at, at + (size ?? bytes.length)));
  }
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const piece = pieces.shift();
      if (piece) controller.enqueue(piece);
      else controller.close();
    },
  });
  return streamResponse(body);
}

export function streamResponse(body: ReadableStream<Uint8Array>): Response {
  const headers = {
    'content-type': 'application/vnd.amazon.eventstream',
    'x-amzn-bedrock-content-type': 'application/json',
    ...ids(),
  };
  return new Response(body, { headers });
}

let requestNumber = 0;

function ids(): Record<string, string> {
  requestNumber += 1;
  return { 'x-amzn-requestid': `00000000-0000-4000-8000-${String(requestNumber).padStart(12, '0')}` };
}

/** The events of a streamed answer, as the service sends them: no ping, metrics on the last. */
export function eventsOf(said: Said, model: string): Record<string, unknown>[] {
  const { input_tokens: inputTokenCount, output_tokens: outputTokenCount } = said.usage;
  const message = { id: 'msg_bdrk_1', type: 'message', role: 'assistant', model, content: [] };
  return [
    {
      type: 'message_start',
      message: { ...message, stop_reason: null, usage: { ...said.usage, output_tokens: 1 } },
    },
    ...said.content.flatMap(blockEvents),
    {
      type: 'message_delta',
      delta: { stop_reason: said.stop_reason, stop_sequence: null },
      usage: { output_tokens: outputTokenCount },
    },
    {
      type: 'message_stop',
      'amazon-bedrock-invocationMetrics': {
        inputTokenCount,
        outputTokenCount,
        invocationLatency: 1_200,
        firstByteLatency: 300,
      },
    },
  ];
}

function blockEvents(block: object, index: number): Record<string, unknown>[] {
  const whole: Body = { ...block };
  const pieces = (text: unknown): string[] => String(text).match(/[\s\S]{1,5}/gu) ?? [];
  const deltas =
    whole.type === 'text'
      ? pieces(whole.text).map((text) => ({ type: 'text_delta', text }))
      : whole.type === 'thinking'
        ? pieces(whole.thinking).map((thinking) => ({ type: 'thinking_delta', thinking }))
        : pieces(JSON.stringify(whole.input)).map((partial_json) => ({
            type: 'input_json_delta',
            partial_json,
          }));
  const empty =
    whole.type === 'text' ? { text: '' } : whole.type === 'thinking' ? { thinking: '' } : { input: {} };
  return [
    { type: 'content_block_start', index, content_block: { ...whole, ...empty } },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ];
}

function respond(call: BedrockCall, said: Said): Response {
  const model = call.modelId.replace(/^.*anthropic\./, '').replace(/-v\d+(?::\d+)?$/, '');
  const message = {
    id: 'msg_bdrk_1',
    type: 'message',
    role: 'assistant',
    model,
    ...said,
    stop_sequence: null,
  };
  switch (call.kind) {
    case 'invoke':
      return Response.json(message, { headers: ids() });
    case 'stream':
      return eventStream(eventsOf(said, model).map((event) => chunkFrame(event)));
    case 'count':
      return Response.json({ inputTokens: COUNTED_TOKENS }, { headers: ids() });
    case 'messages_count':
      return Response.json({ input_tokens: COUNTED_TOKENS }, { headers: { 'request-id': 'req_mantle_1' } });
    case 'messages': {
      if (call.body.stream !== true) {
        return Response.json(message, { headers: { 'request-id': 'req_mantle_1' } });
      }
      const events = eventsOf(said, model).map(
        ({ 'amazon-bedrock-invocationMetrics': _, ...event }) => event,
      );
      const text = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');
      const headers = { 'content-type': 'text/event-stream', 'request-id': 'req_mantle_1' };
      return new Response(text, { headers });
    }
  }
}

async function readCall(
  request: Request,
  bytes: Uint8Array,
  options: FakeBedrockOptions,
): Promise<BedrockCall | Response> {
  const { pathname } = new URL(request.url);
  const invoke = INVOKE.exec(pathname);
  const isMessages = pathname === '/anthropic/v1/messages';
  const isCount = pathname === '/anthropic/v1/messages/count_tokens';
  const isMantle = isMessages || isCount;
  const refuse = isMantle ? mantleError : invokeError;
  if (request.method !== 'POST' || (!invoke && !isMantle)) {
    return invokeError(404, 'UnknownOperationException', `no operation ${request.method} ${pathname}`);
  }
  const auth = await authProblem(request, bytes, isMantle ? 'bedrock-mantle' : 'bedrock', options);
  if (auth.problem !== null) return refuse(403, 'AccessDeniedException', auth.problem);
  const body = parsed(bytes);
  if (body === null) return refuse(400, 'ValidationException', 'Malformed input request');
  const base = { body, headers: request.headers, auth: auth.kind, signal: request.signal };
  if (isMantle) return readMessages(base, isCount);
  const [, id = '', action = ''] = invoke ?? [];
  return readInvoke(base, decodeURIComponent(id), action, id);
}

type CallBase = Pick<BedrockCall, 'body' | 'headers' | 'auth' | 'signal'>;

function readInvoke(
  base: CallBase,
  modelId: string,
  action: string,
  written: string,
): BedrockCall | Response {
  const foreign = FOREIGN_HEADERS.find((name) => base.headers.has(name));
  if (foreign !== undefined) return invokeError(400, 'ValidationException', `unexpected header ${foreign}`);
  if (/[:/]/.test(written)) return invokeError(404, 'UnknownOperationException', 'an id is to be encoded');
  const isFoundation = FOUNDATION.test(modelId);
  if (!isFoundation && !FOUNDATION.test(modelId.replace(PREFIX, '')) && !ARN.test(modelId)) {
    return invokeError(400, 'ValidationException', 'The provided model identifier is invalid.');
  }
  if (action === 'count-tokens') {
    if (!isFoundation && !/:foundation-model\//.test(modelId)) {
      return invokeError(400, 'ValidationException', 'The provided model identifier is not supported.');
    }
    return readCount(base, modelId);
  }
  if (typeof base.body.max_tokens !== 'number') {
    return invokeError(400, 'ValidationException', 'max_tokens: Field required');
  }
  const problem = invokeProblem(base.body, modelId);
  if (problem !== null) return invokeError(400, 'ValidationException', problem);
  return { ...base, kind: action === 'invoke' ? 'invoke' : 'stream', modelId };
}

/** `{"input": {"invokeModel": {"body": <base64 of the body for InvokeModel>}}}`. */
function readCount(base: CallBase, modelId: string): BedrockCall | Response {
  const { input } = base.body as { input?: { invokeModel?: { body?: string } } };
  const text = input?.invokeModel?.body;
  const body = typeof text === 'string' ? parsed(Uint8Array.from(atob(text), (c) => c.charCodeAt(0))) : null;
  if (body === null || Object.keys(base.body).length !== 1) {
    return invokeError(400, 'ValidationException', 'input.invokeModel.body: expected base64 of a request');
  }
  const problem =
    typeof body.max_tokens === 'number' ? invokeProblem(body, modelId) : 'max_tokens: Field required';
  if (problem !== null) return invokeError(400, 'ValidationException', problem);
  return { ...base, body, kind: 'count', modelId };
}

function readMessages(base: CallBase, isCount: boolean): BedrockCall | Response {
  const modelId = String(base.body.model);
  if (!/^anthropic\.claude-[a-z0-9-]+$/.test(modelId)) {
    return mantleError(404, 'not_found_error', `The model '${modelId}' does not exist`);
  }
  if (!base.headers.has('anthropic-version')) {
    return mantleError(400, 'invalid_request_error', 'anthropic-version: header is required');
  }
  const betas = (base.headers.get('anthropic-beta') ?? '')
    .split(',')
    .map((beta) => beta.trim())
    .filter((beta) => beta !== '');
  const problem = mantleProblem(base.body, betas);
  if (problem !== null) return mantleError(400, 'invalid_request_error', problem);
  return { ...base, kind: isCount ? 'messages_count' : 'messages', modelId };
}

async function authProblem(
  request: Request,
  body: Uint8Array,
  service: string,
  { keys = FAKE_KEYS, apiKey = FAKE_API_KEY, region = FAKE_REGION }: FakeBedrockOptions,
): Promise<{ kind: BedrockCall['auth']; problem: string | null }> {
  const bearer = /^Bearer (.+)$/.exec(request.headers.get('authorization') ?? '')?.[1];
  if (bearer !== undefined) {
    return { kind: 'api_key', problem: bearer === apiKey ? null : 'Invalid API key' };
  }
  const { method, url, headers } = request;
  const problem = await signatureProblem({ method, url, headers, body }, keys, { service, region });
  return { kind: 'sigv4', problem };
}

function invokeError(status: number, type: string, message: string): Response {
  return bedrockError(status, type, message);
}

/** The Messages endpoint speaks the Messages API's envelope. */
export function mantleError(status: number, type: string, message: string): Response {
  const named = type === 'AccessDeniedException' ? 'permission_error' : type;
  const error = { type: named === 'ValidationException' ? 'invalid_request_error' : named, message };
  return Response.json(
    { type: 'error', error, request_id: 'req_mantle_1' },
    { status, headers: { 'request-id': 'req_mantle_1' } },
  );
}

function parsed(bytes: Uint8Array): Body | null {
  try {
    const value: unknown = JSON.parse(
      new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes),
    );
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Body) : null;
  } catch {
    return null;
  }
}
