/** A Messages API on a real socket, with answers that a test chooses and a record of all it was asked. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { z } from 'zod';

/** As much of a request as answers are chosen by; the rest stays in `raw`. */
const bodySchema = z.looseObject({
  model: z.string(),
  stream: z.boolean().optional(),
  messages: z.array(z.looseObject({ role: z.string(), content: z.unknown() })),
  tools: z.array(z.looseObject({ name: z.string().optional() })).optional(),
});
export type MessagesBody = z.infer<typeof bodySchema>;

export interface UpstreamRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  raw: string;
  body: MessagesBody;
  /** Resolves when its connection or answer has ended: true where the whole answer was taken. */
  ended: Promise<boolean>;
}

export interface Usage {
  input_tokens: number;
  cache_creation_input_tokens: number;
  cache_read_input_tokens: number;
  output_tokens: number;
}

export type UpstreamAnswer = (
  | { kind: 'text'; text: string }
  | { kind: 'tool'; name: string; input: unknown }
  /** Never answers. */
  | { kind: 'silent' }
  /** Begins a stream (message_start and a delta) and then is silent. */
  | { kind: 'stall' }
  /** An error in the API's envelope. */
  | { kind: 'error'; status: number; type: string; message: string }
) & { usage?: Usage };

export interface FakeUpstream {
  url: string;
  /** Every request to /v1/messages so far. */
  requests: UpstreamRequest[];
  /** Chooses the answers from now on. */
  answerWith(choose: (body: MessagesBody) => UpstreamAnswer): void;
  /** Resolves with the next request that arrives after this call. */
  nextRequest(): Promise<UpstreamRequest>;
  close(): Promise<void>;
}

export const ORDINARY_USAGE: Usage = {
  input_tokens: 1000,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: 50,
};

/** Listens on a free loopback port. Answers "Hello." until told otherwise. */
export async function startFakeUpstream(): Promise<FakeUpstream> {
  const requests: UpstreamRequest[] = [];
  const waiting: ((request: UpstreamRequest) => void)[] = [];
  let choose: (body: MessagesBody) => UpstreamAnswer = () => ({ kind: 'text', text: 'Hello.' });
  const server = createServer(async (incoming, response) => {
    const request = await receive(incoming, response);
    if (request === null) return void response.writeHead(404).end();
    requests.push(request);
    for (const resolve of waiting.splice(0)) resolve(request);
    answer(response, request.body, choose(request.body), requests.length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    requests,
    answerWith(next) {
      choose = next;
    },
    nextRequest: () => new Promise((resolve) => waiting.push(resolve)),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function receive(incoming: IncomingMessage, response: ServerResponse): Promise<UpstreamRequest | null> {
  let raw = '';
  incoming.setEncoding('utf8');
  for await (const chunk of incoming) raw += chunk;
  const path = incoming.url ?? '';
  if (incoming.method !== 'POST' || !/^\/v1\/messages(\?|$)/.test(path)) return null;
  const ended = once(response, 'close').then(() => response.writableFinished);
  const { method, headers } = incoming;
  return { method, path, headers, raw, body: bodySchema.parse(JSON.parse(raw)), ended };
}

function answer(response: ServerResponse, body: MessagesBody, chosen: UpstreamAnswer, number: number): void {
  if (chosen.kind === 'silent') return;
  if (chosen.kind === 'error') return void sendError(response, chosen, number);
  const usage = chosen.usage ?? ORDINARY_USAGE;
  const message = {
    id: `msg_fake_${number}`,
    type: 'message',
    role: 'assistant',
    model: body.model,
    content: [],
    stop_sequence: null,
  };
  const head = { 'request-id': `req_fake_${number}`, 'anthropic-ratelimit-requests-limit': '50' };
  const stopReason = chosen.kind === 'tool' ? 'tool_use' : 'end_turn';
  if (body.stream !== true) {
    response.writeHead(200, { ...head, 'content-type': 'application/json' });
    const content = chosen.kind === 'stall' ? [] : [blockOf(chosen, number)];
    response.end(JSON.stringify({ ...message, content, stop_reason: stopReason, usage }));
    return;
  }
  response.writeHead(200, { ...head, 'content-type': 'text/event-stream; charset=utf-8' });
  const send = (type: string, data: object) =>
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
  send('message_start', {
    message: { ...message, stop_reason: null, usage: { ...usage, output_tokens: 1 } },
  });
  if (chosen.kind === 'stall') {
    send('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
    send('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'So far' } });
    return;
  }
  sendBlock(send, chosen, number);
  send('message_delta', { delta: { stop_reason: stopReason, stop_sequence: null }, usage });
  send('message_stop', {});
  response.end();
}

function sendError(
  response: ServerResponse,
  { status, type, message }: Extract<UpstreamAnswer, { kind: 'error' }>,
  number: number,
): void {
  const id = `req_fake_${number}`;
  response.writeHead(status, { 'request-id': id, 'content-type': 'application/json' });
  response.end(JSON.stringify({ type: 'error', error: { type, message }, request_id: id }));
}

type Content = Extract<UpstreamAnswer, { kind: 'text' | 'tool' }>;

function blockOf(chosen: Content, number: number): object {
  return chosen.kind === 'text'
    ? { type: 'text', text: chosen.text }
    : { type: 'tool_use', id: `toolu_fake_${number}`, name: chosen.name, input: chosen.input };
}

function sendBlock(send: (type: string, data: object) => void, chosen: Content, number: number): void {
  if (chosen.kind === 'text') {
    send('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
    send('content_block_delta', { index: 0, delta: { type: 'text_delta', text: chosen.text } });
  } else {
    send('content_block_start', { index: 0, content_block: { ...blockOf(chosen, number), input: {} } });
    const partial = JSON.stringify(chosen.input);
    send('content_block_delta', { index: 0, delta: { type: 'input_json_delta', partial_json: partial } });
  }
  send('content_block_stop', { index: 0 });
}
