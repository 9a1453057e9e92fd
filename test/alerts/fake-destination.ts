/** A destination on a real socket, with answers that a test chooses and a record of all it was asked. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';

export interface DestinationRequest {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  raw: string;
}

export type DestinationAnswer =
  | { status: number; headers?: Record<string, string>; body?: string }
  /** Never answers. */
  | 'hang'
  /** Answers forever. */
  | 'flood'
  /** Breaks the connection. */
  | 'reset';

export interface FakeDestination {
  url: string;
  requests: DestinationRequest[];
  /** Chooses the answers from now on. */
  answerWith(choose: (request: DestinationRequest) => DestinationAnswer): void;
  close(): Promise<void>;
}

/** Listens on a free loopback port. Answers 202 until told otherwise. */
export async function startFakeDestination(): Promise<FakeDestination> {
  const requests: DestinationRequest[] = [];
  let choose: (request: DestinationRequest) => DestinationAnswer = () => ({ status: 202 });
  const server = createServer(async (incoming, response) => {
    let raw = '';
    incoming.setEncoding('utf8');
    for await (const chunk of incoming) raw += chunk;
    const request = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      headers: incoming.headers,
      raw,
    };
    requests.push(request);
    const answer = choose(request);
    if (answer === 'hang') return;
    if (answer === 'reset') return void incoming.socket.destroy();
    if (answer === 'flood') {
      response.writeHead(200);
      const pour = () => {
        while (!response.destroyed && response.write('x'.repeat(10_000)));
        response.once('drain', pour);
      };
      return pour();
    }
    response.writeHead(answer.status, answer.headers).end(answer.body ?? '');
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
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
