/**
 * The upstream of the measurements: the Messages API and both endpoints of Bedrock in plain Node, in a process of its
 * own, that answers at once. A body with the stop sequences SINGLY makes it send its events one by one, at a model's
 * pace; HELD makes it begin a stream and keep it open until the client leaves. Prints its port once it listens.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { FRAMES, SSE, WHOLE } from './answer.ts';
import { HELD, SINGLY } from './body.ts';

/** Characters enough to see at either end of a body what is asked for, without parsing it. */
const END_CHARACTERS = 160;
/** Of a model that writes fast; further apart than what Bursar gathers (docs/decisions/0007). */
const EVENT_EVERY_MS = 12;

const server = createServer((request, response) => {
  let head = '';
  let tail = '';
  request.setEncoding('latin1');
  request.on('data', (chunk: string) => {
    if (head.length < END_CHARACTERS) head += chunk.slice(0, END_CHARACTERS - head.length);
    tail = (tail + chunk.slice(-END_CHARACTERS)).slice(-END_CHARACTERS);
  });
  request.on('end', () => answer(request, response, head + tail));
  request.on('error', () => response.destroy());
});
server.keepAliveTimeout = 120_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`${typeof address === 'object' && address !== null ? address.port : 0}\n`);
});

/** `ends` is how the body begins and ends. */
function answer({ url = '', headers }: IncomingMessage, response: ServerResponse, ends: string): void {
  const isInvoke = url.startsWith('/model/');
  const isBedrock = isInvoke || url.startsWith('/anthropic/');
  if (isBedrock && !headers.authorization?.startsWith('AWS4-HMAC-SHA256 ')) {
    response.writeHead(403).end('{"message": "expected a request signed with Signature Version 4"}');
    return;
  }
  const isStreamed = isInvoke ? url.endsWith('-stream') : ends.includes('"stream":true');
  if (!isStreamed) {
    whole(response);
    return;
  }
  const [type, { burst, singly }] = isInvoke
    ? ['application/vnd.amazon.eventstream', FRAMES]
    : ['text/event-stream', SSE];
  response.writeHead(200, { 'content-type': type, 'request-id': 'req_bench' });
  if (ends.includes(HELD)) response.write(singly[0]);
  else if (ends.includes(SINGLY)) stream(response, singly);
  else {
    for (const chunk of burst) response.write(chunk);
    response.end();
  }
}

/** Writes the chunks at their pace, but for a client that leaves. */
function stream(response: ServerResponse, chunks: readonly Uint8Array[]): void {
  let at = 0;
  const timer = setInterval(() => {
    response.write(chunks[at]);
    at += 1;
    if (at < chunks.length) return;
    clearInterval(timer);
    response.end();
  }, EVENT_EVERY_MS);
  response.once('close', () => clearInterval(timer));
}

function whole(response: ServerResponse): void {
  response.writeHead(200, {
    'content-type': 'application/json',
    'request-id': 'req_bench',
    'content-length': Buffer.byteLength(WHOLE),
  });
  response.end(WHOLE);
}
