/**
 * An Anthropic API, or a Bedrock, on a bare socket that misbehaves as networks and servers do, and keeps a record of what
 * it would bill. Whatever it does it draws from its own seed, so that a run can be had again.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { chunkFrame, exceptionFrame } from '../providers/bedrock/frames.ts';
import { Random } from '../traffic/random.ts';

/** What it does with a request, and how often of a hundred. */
const MOODS = {
  /** A whole answer. */
  answer: 56,
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
  reset: 4,
  /** An error in place of an answer, in a stream that began well; its frames are Bedrock's, Anthropic's an event. */
  except_first: 2,
  /** The same in the middle of an answer. */
  except: 2,
  /** A frame in the middle arrives altered; an event of Anthropic's has no checksum, and is an error instead. */
  corrupt: 1,
  /** A frame or an event is cut in half. */
  half: 2,
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

export type ChaosKind = 'anthropic' | 'bedrock';

export async function startChaosProvider(name: string, kind: ChaosKind): Promise<ChaosProvider> {
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
      act(socket, mood, kind, name, requestId);
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

/** By kind: the status and how the error calls itself. */
const ERRORS = {
  anthropic: {
    overloaded: [529, 'overloaded_error'],
    limited: [429, 'rate_limit_error'],
    fail: [500, 'api_error'],
  },
  bedrock: {
    overloaded: [503, 'ServiceUnavailableException'],
    limited: [429, 'ThrottlingException'],
    fail: [500, 'InternalServerException'],
  },
} as const;
const CONTENT_TYPES = { anthropic: 'text/event-stream', bedrock: 'application/vnd.amazon.eventstream' };

function act(socket: Socket, mood: Mood, kind: ChaosKind, name: string, requestId: string): void {
  const begin = head(200, requestId, CONTENT_TYPES[kind]);
  const pieces = events(name, requestId).map((event) => encoded(kind, event));
  const error = failure(kind);
  const breakAfter = (written: readonly Uint8Array[]): void => {
    // The reset must not overtake what was written.
    socket.write(Buffer.concat([Buffer.from(begin), chunk(written)]), () => {
      setTimeout(() => socket.resetAndDestroy(), RESET_AFTER_MS);
    });
  };
  const answer = (written: readonly Uint8Array[]): void => {
    socket.write(Buffer.concat([Buffer.from(begin), chunk(written), Buffer.from('0\r\n\r\n')]));
  };
  switch (mood) {
    case 'overloaded':
    case 'limited':
    case 'fail': {
      const [status, type] = ERRORS[kind][mood];
      const envelope = { type: 'error', error: { type, message: mood }, request_id: requestId };
      const body = JSON.stringify(kind === 'bedrock' ? { message: mood } : envelope);
      socket.write(head(status, requestId, 'application/json', body.length, type) + body);
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
      socket.write(begin);
      setTimeout(() => socket.destroy(), GIVES_UP_MS);
      return;
    case 'cut':
      socket.write(begin, () => socket.resetAndDestroy());
      return;
    case 'reset':
      breakAfter(pieces.slice(0, 3));
      return;
    case 'half':
      breakAfter([...pieces.slice(0, 3), (pieces[3] ?? error).subarray(0, 40)]);
      return;
    case 'except_first':
      answer([error]);
      return;
    case 'except':
      answer([...pieces.slice(0, 3), error]);
      return;
    case 'corrupt':
      answer([...pieces.slice(0, 3), kind === 'bedrock' ? altered(pieces[3] ?? error) : error]);
      return;
    case 'answer':
      answer(pieces);
  }
}

function encoded(kind: ChaosKind, event: { type: string }): Uint8Array {
  if (kind === 'bedrock') return chunkFrame(event);
  return Buffer.from(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
}

function failure(kind: ChaosKind): Uint8Array {
  if (kind === 'bedrock') return exceptionFrame('serviceUnavailableException', 'exception');
  const error = { type: 'overloaded_error', message: 'exception' };
  return encoded(kind, Object.assign({ type: 'error' }, { error }));
}

function altered(frame: Uint8Array): Uint8Array {
  return frame.map((byte, at) => (at === frame.length - 20 ? byte ^ 4 : byte));
}

function head(
  status: number,
  requestId: string,
  contentType: string,
  length: number | null = null,
  errorType = '',
): string {
  const lines = [
    `HTTP/1.1 ${status} Chaos`,
    `content-type: ${contentType}`,
    `request-id: ${requestId}`,
    `x-amzn-requestid: ${requestId}`,
    ...(errorType === '' ? [] : [`x-amzn-errortype: ${errorType}`]),
    length === null ? 'transfer-encoding: chunked' : `content-length: ${length}`,
  ];
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function chunk(pieces: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.concat(pieces);
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
}

function events(name: string, requestId: string): { type: string }[] {
  const message = { id: `msg_${requestId}`, type: 'message', role: 'assistant', model: 'claude-opus-5-5' };
  return [
    {
      type: 'message_start',
      message: { ...message, content: [], usage: { ...CHAOS_USAGE, output_tokens: 1 } },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: textOf(name, requestId) } },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: CHAOS_USAGE },
    { type: 'message_stop' },
  ] as { type: string }[];
}
