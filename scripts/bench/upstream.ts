/**
 * The upstream of the measurements: the Messages API in plain Node, in a process of its own, that answers at
 * once. A body that ends in HELD makes it begin a stream and keep it open until the client leaves.
 * Prints its port once it listens.
 */
import { createServer, type ServerResponse } from 'node:http';
import { HELD, STREAMED } from './body.ts';

const DELTAS = 20;
/** Characters enough to see what a body ends in. */
const TAIL = 64;
const message = {
  id: 'msg_bench',
  type: 'message',
  role: 'assistant',
  model: 'claude-sonnet-5-5',
  stop_sequence: null,
};
const usage = {
  input_tokens: 1000,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  output_tokens: 40,
};

const head = event('message_start', { message: { ...message, content: [], stop_reason: null, usage } });
const events = [
  event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
  ...Array.from({ length: DELTAS }, () =>
    event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'a few words of text ' } }),
  ),
  event('content_block_stop', { index: 0 }),
  event('message_delta', {
    delta: { stop_reason: 'end_turn', stop_sequence: null },
    usage: { output_tokens: 40 },
  }),
  event('message_stop', {}),
];
const whole = JSON.stringify({
  ...message,
  content: [{ type: 'text', text: 'a few words of text '.repeat(DELTAS) }],
  stop_reason: 'end_turn',
  usage,
});

const server = createServer((request, response) => {
  let tail = '';
  request.setEncoding('latin1');
  request.on('data', (chunk: string) => {
    tail = (tail + chunk.slice(-TAIL)).slice(-TAIL);
  });
  request.on('end', () => {
    if (tail.endsWith(HELD)) return stream(response, false);
    return tail.endsWith(STREAMED) ? stream(response, true) : answer(response);
  });
  request.on('error', () => response.destroy());
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' && address !== null ? address.port : 0}\n`);
});

function stream(response: ServerResponse, toTheEnd: boolean): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': 'req_bench' });
  response.write(head);
  if (!toTheEnd) return;
  for (const each of events) response.write(each);
  response.end();
}

function answer(response: ServerResponse): void {
  response.writeHead(200, {
    'content-type': 'application/json',
    'request-id': 'req_bench',
    'content-length': Buffer.byteLength(whole),
  });
  response.end(whole);
}

function event(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}
