/**
 * The port that clients talk to: passes bytes between them and the Worker, unread and unchanged.
 *
 * It is there for one thing. At Cloudflare's edge a client that leaves is noticed at once. workerd on a bare
 * socket notices a reset but not an orderly close while it has nothing to write (measured: a turn waiting for
 * its first byte went on to its end), so a turn would run and cost on after Ctrl-C in Claude Code. The front sees the
 * close and resets its own connection to workerd: the Worker's `request.signal` then fires within milliseconds.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';

export interface Front {
  port: number;
}

/**
 * Claims `port` on 127.0.0.1 (0: any free one) at once; connections wait until `target` resolves to the
 * Worker's address, which is asked for anew for each. An error is a sentence for the person at the terminal.
 */
export function openFront(port: number, target: () => Promise<URL>): Promise<Result<Front, string>> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
  server.on('connection', (client) => {
    // A client may go before its connection is passed on; an unhandled error would end the process.
    client.on('error', () => client.destroy());
    target().then(
      (address) => pass(client, address),
      () => client.resetAndDestroy(),
    );
  });
  return listen(server, port);
}

function listen(server: Server, port: number): Promise<Result<Front, string>> {
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(err(whyNotListening(error, port))));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(ok({ port: typeof address === 'object' && address !== null ? address.port : port }));
    });
  });
}

function whyNotListening(error: NodeJS.ErrnoException, port: number): string {
  if (error.code === 'EADDRINUSE') {
    return `Port ${port} on 127.0.0.1 is taken. Stop what listens there, or choose another: PORT=8788 npm start`;
  }
  if (error.code === 'EACCES')
    return `Port ${port} needs rights this user does not have: choose one above 1023.`;
  return `Port ${port} on 127.0.0.1 cannot be opened: ${error.message}`;
}

/** Joins the two connections until one of them ends. */
function pass(client: Socket, address: URL): void {
  if (client.destroyed) return;
  const worker = connect({ port: Number(address.port), host: address.hostname, noDelay: true });
  client.pipe(worker, { end: false });
  worker.pipe(client);
  client.once('end', () => worker.resetAndDestroy());
  client.once('close', () => worker.resetAndDestroy());
  worker.once('error', () => client.resetAndDestroy());
  worker.once('close', () => client.end());
}
