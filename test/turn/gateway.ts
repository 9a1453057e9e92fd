/** The Worker's own app with an upstream of the test's making in place of the network. */
import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { onTestFinished, vi } from 'vitest';
import { app } from '../../worker/app.ts';
import type { Env } from '../../worker/bindings.ts';
import { createCostCenter, freshCostCenter, keyText, walletStub } from '../fixture.ts';
import { drained } from '../wallet/scenario.ts';

/** What reached the upstream. */
export interface Sent {
  url: string;
  method: string;
  headers: Headers;
  body: Uint8Array;
  signal: AbortSignal | null;
}

export interface Gateway {
  costCenter: string;
  key: string;
  /** Calls to the upstream, in order. */
  sent: Sent[];
  call(path: string, init?: RequestInit): Promise<Response>;
  /** `POST /v1/messages` with the key and this body. */
  turn(body: object | string | Uint8Array, init?: RequestInit): Promise<Response>;
  /** Waits for what outlasts the answers: settlements. */
  settled(): Promise<void>;
  /** The ledger's rows of the cost center, in order, after a drain. */
  entries(): Promise<Record<string, unknown>[]>;
}

/** A gateway to a provider of kind `anthropic` whose network is `upstream`. */
export async function gateway(
  policy: object | null,
  upstream: (sent: Sent) => Response | Promise<Response>,
  overrides: Partial<Env> = {},
): Promise<Gateway> {
  const costCenter = freshCostCenter();
  await createCostCenter(costCenter, policy);
  const key = await keyText(costCenter);
  const sent: Sent[] = [];
  const spy = vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const request = new Request(input as RequestInfo, init as RequestInit);
    const call: Sent = {
      url: request.url,
      method: request.method,
      headers: request.headers,
      body: new Uint8Array(await request.arrayBuffer()),
      signal: init?.signal ?? null,
    };
    sent.push(call);
    return await upstream(call);
  });
  onTestFinished(() => spy.mockRestore());
  const bindings = { ...(env as unknown as Env), PROVIDER: 'anthropic', ...overrides };
  const contexts: ExecutionContext[] = [];
  const call = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const context = createExecutionContext();
    contexts.push(context);
    return await app.fetch(new Request(`https://bursar.example${path}`, init), bindings, context);
  };
  const settled = async (): Promise<void> => {
    for (const context of contexts.splice(0)) await waitOnExecutionContext(context);
  };
  return {
    costCenter,
    key,
    sent,
    call,
    settled,
    turn: (body, init = {}) => {
      const headers = new Headers(init.headers);
      if (!headers.has('authorization')) headers.set('authorization', `Bearer ${key}`);
      if (!headers.has('content-type')) headers.set('content-type', 'application/json');
      const bytes = typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body);
      return call('/v1/messages', { ...init, method: 'POST', headers, body: bytes });
    },
    entries: async () => {
      await settled();
      await drained(walletStub(costCenter));
      const query = 'SELECT * FROM ledger_entries WHERE cost_center = ? ORDER BY entry_id';
      const { results } = await env.DB.prepare(query).bind(costCenter).all();
      return results;
    },
  };
}

/** A plain request. */
export function messagesBody(changes: object = {}): object {
  return {
    model: 'claude-opus-5-5',
    messages: [{ role: 'user', content: 'say hi' }],
    max_tokens: 1_000,
    stream: true,
    ...changes,
  };
}

export const USAGE = {
  input_tokens: 1_000,
  cache_creation_input_tokens: 200,
  cache_read_input_tokens: 3_000,
  output_tokens: 50,
};

/** The money of USAGE on Opus 5.5 (written at the 5-minute rate), in nano-USD. */
export const USAGE_NANO_USD = 1_000 * 4_000 + 200 * 5_000 + 3_000 * 200 + 50 * 20_000;

export function sse(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}

export function messageStart(
  usage: object = { ...USAGE, output_tokens: 1 },
  model = 'claude-opus-5-5',
): string {
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model, content: [], usage };
  return sse('message_start', { message });
}

export function textDelta(text: string): string {
  return sse('content_block_delta', { index: 0, delta: { type: 'text_delta', text } });
}

const TEXT_START = sse('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });

/** A whole streamed answer with a ping in it. */
export function streamedAnswer(usage: object = USAGE): string {
  return [
    messageStart(),
    sse('ping', {}),
    TEXT_START,
    textDelta('Hi there.'),
    sse('content_block_stop', { index: 0 }),
    sse('message_delta', { delta: { stop_reason: 'end_turn' }, usage }),
    sse('message_stop', {}),
  ].join('');
}

export function streamOf(body: BodyInit, headers: Record<string, string> = {}): Response {
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream', 'request-id': 'req_upstream_1', ...headers },
  });
}

/**
 * An upstream whose stream the test writes as it goes; `aborted` resolves when the gateway cancels it. `headers`
 * are its answer's.
 */
export function openStream(headers: Record<string, string> = {}): {
  answer(sent: Sent): Response;
  write(text: string): Promise<void>;
  fail(): Promise<void>;
  end(): Promise<void>;
  called: Promise<void>;
  aborted: Promise<void>;
} {
  const encoder = new TextEncoder();
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const { promise: called, resolve: arrived } = Promise.withResolvers<void>();
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(created) {
      controller = created;
    },
    cancel() {
      resolve();
    },
  });
  return {
    // As a fetch does: an abort breaks the answer's body.
    answer: ({ signal }) => {
      arrived();
      signal?.addEventListener('abort', () => {
        resolve();
        controller?.error(signal.reason);
      });
      return streamOf(body, headers);
    },
    write: async (text) => controller?.enqueue(encoder.encode(text)),
    fail: async () => controller?.error(new Error('connection reset')),
    end: async () => controller?.close(),
    called,
    aborted,
  };
}
