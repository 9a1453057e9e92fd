/** A client on a bare socket, that can leave as clients do: by closing it, with nothing more to say. */
import { once } from 'node:events';
import { connect } from 'node:net';

export interface LeavingClient {
  /** Resolves once something of the answer has come. */
  answered: Promise<void>;
  /** Closes the connection in order (FIN), as Ctrl-C in a client does. */
  leave(): void;
}

/** Sends one turn and leaves the answer unread until it comes. */
export async function sendTurnOverSocket(options: {
  url: string;
  key: string;
  stream: boolean;
}): Promise<LeavingClient> {
  const { hostname, port } = new URL(options.url);
  const body = JSON.stringify({
    model: 'claude-opus-5-5',
    max_tokens: 1000,
    messages: [{ role: 'user', content: 'A question that takes long.' }],
    stream: options.stream,
  });
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  const head = [
    'POST /v1/messages HTTP/1.1',
    `host: ${hostname}:${port}`,
    `authorization: Bearer ${options.key}`,
    'content-type: application/json',
    'anthropic-version: 2023-06-01',
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  const answered = once(socket, 'data').then(() => undefined);
  answered.catch(() => undefined);
  socket.on('error', () => undefined);
  return { answered, leave: () => socket.end() };
}
