/**
 * A Messages API on a real socket that keeps books of what it would bill: the ledger is held against them. It
 * caches each conversation's prompt by model, and is told by headers of the player's what the turn is to be.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { z } from 'zod';

/** Headers that the player sets and the gateway passes on: how many tokens to answer, and how it ends. */
export const PLAYED_OUTPUT = 'x-played-output-tokens';
export const PLAYED_END = 'x-played-end';
/** `whole`: an answer; `left`: the client goes in the middle of it; a number: an error of that status. */
export type PlayedEnd = 'whole' | 'left' | `${number}`;

export interface Billed {
  inputTokens: number;
  cacheWrite5mTokens: number;
  cacheWrite1hTokens: number;
  cacheReadTokens: number;
  outputTokens: number;
}

export interface BilledRequest {
  /** As in the answer's `request-id`. */
  requestId: string;
  end: PlayedEnd;
  billed: Billed;
  /** When the last byte was written or the client was gone; epoch ms. */
  endedMs: number;
  /** All of the answer was taken. */
  wasRead: boolean;
}

export interface BilledUpstream {
  url: string;
  /** What was answered and billed, errors left out. */
  books: BilledRequest[];
  close(): Promise<void>;
}

const bodySchema = z.looseObject({
  model: z.string(),
  stream: z.boolean().optional(),
  system: z.array(
    z.looseObject({ text: z.string(), cache_control: z.looseObject({ ttl: z.string() }).optional() }),
  ),
});
type Body = z.infer<typeof bodySchema>;

const BYTES_A_TOKEN = 4;
/** What the client adds behind the last cache mark. */
const UNCACHED_TOKENS = 12;

/** Listens on a free loopback port. */
export async function startBilledUpstream(): Promise<BilledUpstream> {
  const books: BilledRequest[] = [];
  const cached = new Map<string, number>();
  let number = 0;
  const server = createServer(async (incoming, response) => {
    const raw = await read(incoming);
    if (raw === null) return void response.destroy();
    number += 1;
    const requestId = `req_week_${number}`;
    const end = endOf(incoming);
    if (end !== 'whole' && end !== 'left') return refuse(response, requestId, Number(end));
    const body = bodySchema.parse(JSON.parse(raw));
    const outputTokens = Number(incoming.headers[PLAYED_OUTPUT] ?? 1);
    const billed = { ...promptOf(body, raw, cached), outputTokens };
    const entry: BilledRequest = { requestId, end, billed, endedMs: Number.NaN, wasRead: false };
    books.push(entry);
    response.once('close', () => {
      entry.endedMs = Date.now();
      entry.wasRead = response.writableFinished;
    });
    answer(response, body, entry, number);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    books,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Null where the client was gone before it had said all. */
async function read(incoming: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of incoming) chunks.push(chunk);
  } catch {
    return null;
  }
  return Buffer.concat(chunks).toString();
}

function endOf(incoming: IncomingMessage): PlayedEnd {
  const told = incoming.headers[PLAYED_END];
  if (told === 'left' || (typeof told === 'string' && /^\d{3}$/.test(told))) return told as PlayedEnd;
  return 'whole';
}

/** A conversation that goes on reads what it had and writes what is new; one that was replaced begins anew. */
function promptOf(body: Body, raw: string, cached: Map<string, number>): Omit<Billed, 'outputTokens'> {
  const conversation = `${body.model} ${body.system[0]?.text.slice(0, 80)}`;
  const tokens = Math.ceil(raw.length / BYTES_A_TOKEN);
  const ttl = body.system[0]?.cache_control?.ttl;
  if (ttl === undefined) {
    return { inputTokens: tokens, cacheWrite5mTokens: 0, cacheWrite1hTokens: 0, cacheReadTokens: 0 };
  }
  const before = cached.get(conversation) ?? 0;
  const cacheReadTokens = before < tokens ? before : 0;
  const written = Math.max(0, tokens - cacheReadTokens - UNCACHED_TOKENS);
  cached.set(conversation, cacheReadTokens + written);
  return {
    inputTokens: tokens - cacheReadTokens - written,
    cacheWrite5mTokens: ttl === '5m' ? written : 0,
    cacheWrite1hTokens: ttl === '5m' ? 0 : written,
    cacheReadTokens,
  };
}

function refuse(response: ServerResponse, requestId: string, status: number): void {
  response.writeHead(status, { 'request-id': requestId, 'content-type': 'application/json' });
  const error = { type: status === 529 ? 'overloaded_error' : 'api_error', message: 'It is too much.' };
  response.end(JSON.stringify({ type: 'error', error, request_id: requestId }));
}

function answer(response: ServerResponse, body: Body, { requestId, end, billed }: BilledRequest, id: number) {
  const usage = {
    input_tokens: billed.inputTokens,
    cache_creation_input_tokens: billed.cacheWrite5mTokens + billed.cacheWrite1hTokens,
    cache_creation: {
      ephemeral_5m_input_tokens: billed.cacheWrite5mTokens,
      ephemeral_1h_input_tokens: billed.cacheWrite1hTokens,
    },
    cache_read_input_tokens: billed.cacheReadTokens,
    output_tokens: billed.outputTokens,
  };
  const head = { id: `msg_week_${id}`, type: 'message', role: 'assistant', model: body.model };
  if (body.stream !== true) {
    response.writeHead(200, { 'request-id': requestId, 'content-type': 'application/json' });
    const content = [{ type: 'text', text: 'Done.' }];
    const whole = JSON.stringify({ ...head, content, stop_reason: 'end_turn', stop_sequence: null, usage });
    // Half an answer, and then nothing: its client leaves.
    if (end === 'left') response.write(whole.slice(0, whole.length / 2));
    else response.end(whole);
    return;
  }
  response.writeHead(200, { 'request-id': requestId, 'content-type': 'text/event-stream; charset=utf-8' });
  const send = (type: string, data: object): void => {
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
  };
  const begun = { ...head, content: [], stop_reason: null, stop_sequence: null };
  send('message_start', { message: { ...begun, usage: { ...usage, output_tokens: 1 } } });
  send('content_block_start', { index: 0, content_block: { type: 'text', text: '' } });
  send('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Done.' } });
  if (end === 'left') return;
  send('content_block_stop', { index: 0 });
  const delta = { stop_reason: 'end_turn', stop_sequence: null };
  send('message_delta', { delta, usage: { output_tokens: billed.outputTokens } });
  send('message_stop', {});
  response.end();
}
