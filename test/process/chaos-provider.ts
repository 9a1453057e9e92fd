/**
 * An Anthropic API on a bare socket that misbehaves as networks and servers do, and keeps a record of what it would bill.
 * Whatever it does it draws from its own seed, so that a run can be had again.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { Random } from '../traffic/random.ts';

/** What it does with a request, and how often of a hundred. */
const MOODS = {
  /** A whole answer. */
  answer: 62,
  overloaded: 6,
  limited: 6,
  fail: 6,
  /** The connection ends before anything was said. */
  refuse: 5,
  /** It ends in the middle of the head. */
  half_head: 5,
  /** Nothing comes, until it gives up itself. */
  silent: 1,
  /** The head, and then nothing, until it gives up itself. */
  stall: 1,
  /** It ends behind the head. */
  cut: 3,
  /** The answer begins, and the connection is reset. */
  reset: 5,
} as const;
export type Mood = keyof typeof MOODS;

export interface ChaosProvider {
  url: string;
  /** How often it did what. */
  did: Record<Mood, number>;
  /** The ids of requests that were answered to the end. */
  answered: string[];
  close(): Promise<void>;
}

/** A silent one gives up after this long, ms. */
const GIVES_UP_MS = 2_500;
const RESET_AFTER_MS = 100;

export const CHAOS_USAGE = {
  input_tokens: 1_000,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 2_000,
  output_tokens: 40,
};

/** What a client sees of a whole answer by this provider. */
export function textOf(name: string, requestId: string): string {
  return `${name} answered ${requestId}`;
}

export async function startChaosProvider(name: string): Promise<ChaosProvider> {
  const random = new Random(`chaos ${name}`);
  const did = Object.fromEntries(Object.keys(MOODS).map((mood) => [mood, 0])) as Record<Mood, number>;
  const answered: string[] = [];
  const sockets = new Set<Socket>();
  let count = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    let received = '';
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      received += chunk;
      const request = wholeRequest(received);
      if (request === null) return;
      received = received.slice(request);
      count += 1;
      const mood = drawn(random);
      did[mood] += 1;
      const requestId = `req_${name}_${count}`;
      act(socket, mood, name, requestId);
      if (mood === 'answer') answered.push(requestId);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    did,
    answered,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The length of the request that `received` begins with; null where it is not all there yet. */
function wholeRequest(received: string): number | null {
  const head = received.indexOf('\r\n\r\n');
  if (head < 0) return null;
  const length = Number(/^content-length: *(\d+)/im.exec(received.slice(0, head))?.[1] ?? 0);
  return received.length >= head + 4 + length ? head + 4 + length : null;
}

function drawn(random: Random): Mood {
  let at = random.integer(0, 99);
  for (const [mood, share] of Object.entries(MOODS)) {
    if (at < share) return mood as Mood;
    at -= share;
  }
  return 'answer';
}

const ERRORS = {
  overloaded: [529, 'overloaded_error'],
  limited: [429, 'rate_limit_error'],
  fail: [500, 'api_error'],
} as const;

function act(socket: Socket, mood: Mood, name: string, requestId: string): void {
  switch (mood) {
    case 'overloaded':
    case 'limited':
    case 'fail': {
      const [status, type] = ERRORS[mood];
      const body = JSON.stringify({ type: 'error', error: { type, message: mood }, request_id: requestId });
      socket.write(head(status, requestId, 'application/json', body.length) + body);
      return;
    }
    case 'refuse':
      socket.destroy();
      return;
    case 'half_head':
      socket.write('HTTP/1.1 200 OK\r\ncontent-ty', () => socket.destroy());
      return;
    case 'silent':
      setTimeout(() => socket.destroy(), GIVES_UP_MS);
      return;
    case 'stall':
      socket.write(head(200, requestId, 'text/event-stream'));
      setTimeout(() => socket.destroy(), GIVES_UP_MS);
      return;
    case 'cut':
      socket.write(head(200, requestId, 'text/event-stream'), () => socket.resetAndDestroy());
      return;
    case 'reset': {
      const half = events(name, requestId).slice(0, 3).join('');
      // The reset must not overtake what was written.
      socket.write(head(200, requestId, 'text/event-stream') + chunk(half), () => {
        setTimeout(() => socket.resetAndDestroy(), RESET_AFTER_MS);
      });
      return;
    }
    case 'answer':
      socket.write(
        `${head(200, requestId, 'text/event-stream')}${chunk(events(name, requestId).join(''))}0\r\n\r\n`,
      );
  }
}

function head(status: number, requestId: string, type: string, length: number | null = null): string {
  const body = length === null ? 'transfer-encoding: chunked' : `content-length: ${length}`;
  return `HTTP/1.1 ${status} Chaos\r\ncontent-type: ${type}\r\nrequest-id: ${requestId}\r\n${body}\r\n\r\n`;
}

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

function events(name: string, requestId: string): string[] {
  const sse = (type: string, data: object): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
  const message = { id: `msg_${requestId}`, type: 'message', role: 'assistant', model: 'claude-opus-5-5' };
  return [
    sse('message_start', {
      message: { ...message, content: [], usage: { ...CHAOS_USAGE, output_tokens: 1 } },
    }),
    sse('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    sse('content_block_delta', { index: 0, delta: { type: 'text_delta', text: textOf(name, requestId) } }),
    sse('content_block_stop', { index: 0 }),
    sse('message_delta', { delta: { stop_reason: 'end_turn' }, usage: CHAOS_USAGE }),
    sse('message_stop', {}),
  ];
}
