/** Providers on sockets of their own, of each kind, that answer from one script or as a test tells them to. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { eventsOf, type FakeBedrock, fakeBedrock, type Said } from '../../providers/bedrock/fake-bedrock.ts';
import { refusalOf } from '../../strict-upstream/refuse.ts';
import { saidTo } from './conversation.ts';

/** Answers in place of the model where it returns a response. */
export type Instead = (body: Record<string, unknown>) => Response | null | Promise<Response | null>;

export interface ScriptedProvider {
  url: string;
  /** How many calls reached it that were right in every field. */
  calls(): number;
  /** Every request that was not, with why. */
  refused: string[];
  /** From now on; null: by the script. */
  answerWith(instead: Instead | null): void;
  close(): Promise<void>;
}

export const ANTHROPIC_KEY = 'sk-ant-api03-scripted';
export const COUNTED_TOKENS = 2_345;

/** An Anthropic API that refuses what its models would. */
export async function startAnthropic(): Promise<ScriptedProvider> {
  const refused: string[] = [];
  let calls = 0;
  let instead: Instead | null = null;
  const answer = async (request: Request): Promise<Response> => {
    const body: Record<string, unknown> = await request.json();
    const problem = problemOf(request, body);
    if (problem !== null) {
      refused.push(problem);
      return messagesError(400, 'invalid_request_error', problem);
    }
    calls += 1;
    return (await instead?.(body)) ?? respond(request, body, saidTo(body));
  };
  const { url, close } = await listen(answer);
  return {
    url,
    calls: () => calls,
    refused,
    answerWith(next) {
      instead = next;
    },
    close,
  };
}

/** Both endpoints of a Bedrock, which verifies signatures. */
export async function startBedrock(): Promise<ScriptedProvider> {
  let instead: Instead | null = null;
  const fake: FakeBedrock = fakeBedrock({
    say: ({ body }) => saidTo(body),
    instead: async ({ body }) => (await instead?.(body)) ?? null,
  });
  const { url, close } = await listen(fake);
  return {
    url,
    calls: () => fake.calls.length,
    refused: fake.refused,
    answerWith(next) {
      instead = next;
    },
    close,
  };
}

/** An error in the Messages API's envelope. */
export function messagesError(status: number, type: string, message: string): Response {
  const error = { type: 'error', error: { type, message }, request_id: 'req_scripted' };
  return Response.json(error, { status, headers: { 'request-id': 'req_scripted' } });
}

/** A stream that begins to answer and is then cut, or silent until its reader leaves: `left` is called then. */
export function begunStream(said: Said, left?: () => void): Response {
  const begun = streamText(said).slice(0, 4).join('');
  let isBegun = false;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (isBegun && left) await new Promise(() => undefined);
      if (isBegun) return controller.error(new Error('cut'));
      isBegun = true;
      controller.enqueue(new TextEncoder().encode(begun));
    },
    cancel: () => left?.(),
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

function problemOf({ method, url, headers }: Request, body: Record<string, unknown>): string | null {
  const { pathname } = new URL(url);
  if (method !== 'POST' || !/^\/v1\/messages(?:\/count_tokens)?$/.test(pathname)) {
    return `no such path: ${method} ${pathname}`;
  }
  if (headers.get('x-api-key') !== ANTHROPIC_KEY || headers.has('authorization')) return 'another credential';
  if (!headers.has('anthropic-version')) return 'anthropic-version: header is required';
  if (pathname !== '/v1/messages') return null;
  const refusal = refusalOf(body, String(body.model));
  return refusal && `${refusal.type}: ${refusal.message}`;
}

function respond({ url }: Request, body: Record<string, unknown>, said: Said): Response {
  const headers = { 'request-id': 'req_scripted' };
  if (url.includes('count_tokens')) return Response.json({ input_tokens: COUNTED_TOKENS }, { headers });
  if (body.stream === true) {
    return new Response(streamText(said).join(''), {
      headers: { ...headers, 'content-type': 'text/event-stream; charset=utf-8' },
    });
  }
  const message = { id: 'msg_scripted', type: 'message', role: 'assistant', model: body.model };
  return Response.json({ ...message, ...said, stop_sequence: null }, { headers });
}

function streamText(said: Said): string[] {
  return eventsOf(said, 'claude-opus-5-5').map(
    ({ 'amazon-bedrock-invocationMetrics': _, ...event }) =>
      `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`,
  );
}

async function listen(
  answer: (request: Request) => Promise<Response>,
): Promise<Pick<ScriptedProvider, 'url' | 'close'>> {
  const server = createServer(async (incoming, outgoing) => {
    // The gateway asks which models there are as it starts.
    if (incoming.method === 'GET') return void outgoing.writeHead(404).end();
    await send(await answer(await received(incoming)), outgoing);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function received(incoming: IncomingMessage): Promise<Request> {
  const { method = '', url = '', headers: fields } = incoming;
  const headers = new Headers();
  for (const [name, value] of Object.entries(fields)) headers.set(name, String(value));
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return new Request(`http://${fields.host}${url}`, { method, headers, body: Buffer.concat(chunks) });
}

async function send(response: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  const reader = response.body?.getReader();
  outgoing.once('close', () => void reader?.cancel().catch(() => undefined));
  try {
    for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) {
      // What was said before a cut has to arrive before it.
      const { value } = read;
      await new Promise((sent) => outgoing.write(value, sent));
    }
    outgoing.end();
  } catch {
    outgoing.destroy();
  }
}
