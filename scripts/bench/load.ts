/** The load: requests over kept-alive connections, each measured from its first byte out to its last byte in. */
import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

export interface Target {
  name: string;
  /** Base address. */
  url: string;
  headers: Record<string, string>;
}

export interface Load {
  path: string;
  body: Buffer;
  connections: number;
  durationMs: number;
  /** Requests a second over all connections, begun on time whatever the last one does; null: each connection begins the next when the last is done. */
  ratePerSecond: number | null;
  /** How many requests are begun at most; absent: as many as there is time for. */
  most?: number;
}

/** A run under way. */
interface Batch {
  /** Latencies so far. */
  measured: number[];
  /** Nothing is begun after it. */
  until: number;
  /** How many may still be begun. */
  left: number;
}

/** One open set of connections to one target, used for many batches. */
export class Client {
  readonly target: Target;
  readonly #agent: Agent;

  constructor(target: Target, connections: number) {
    this.target = target;
    this.#agent = new Agent({ keepAlive: true, maxSockets: connections, scheduling: 'fifo' });
  }

  /** Latencies in ms of every request that was begun; throws at the first answer that is not a 200. */
  async run(load: Load): Promise<number[]> {
    const measured: number[] = [];
    const batch = { measured, until: performance.now() + load.durationMs, left: load.most ?? Infinity };
    await Promise.all(Array.from({ length: load.connections }, (_, lane) => this.#lane(lane, load, batch)));
    return measured;
  }

  async #lane(lane: number, load: Load, batch: Batch): Promise<void> {
    const { measured, until } = batch;
    const gapMs = load.ratePerSecond === null ? 0 : (load.connections * 1000) / load.ratePerSecond;
    let due = performance.now() + (gapMs * lane) / load.connections;
    while (due < until && batch.left > 0) {
      batch.left -= 1;
      const early = due - performance.now();
      if (early > 0) await pause(early);
      const begun = performance.now();
      if (begun >= until) return;
      await this.#once(load, `bench-session-${lane}`);
      measured.push(performance.now() - begun);
      // A slot that was missed is left out, not made up for: that would be a burst.
      due = gapMs === 0 ? 0 : Math.max(due + gapMs, performance.now());
    }
  }

  #once(load: Load, session: string): Promise<void> {
    const { path, body } = load;
    return new Promise((resolve, reject) => {
      const sent = request(this.target.url + path, {
        agent: this.#agent,
        method: 'POST',
        headers: requestHeaders(this.target, body, session),
      });
      sent.once('error', (error: NodeJS.ErrnoException) => {
        // A connection that lay idle may be closed just as it is used again.
        if (sent.reusedSocket && /^(?:ECONNRESET|EPIPE)$/.test(error.code ?? ''))
          resolve(this.#once(load, session));
        else reject(error);
      });
      sent.once('response', (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => {
          if (response.statusCode !== 200) text += chunk.toString();
        });
        response.once('error', reject);
        response.once('end', () => {
          if (response.statusCode === 200) return resolve();
          reject(new Error(`${this.target.name} answered ${response.statusCode}: ${text}`));
        });
      });
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Opens `count` answers that stay open, waits until each has begun, and returns what ends them all. */
export async function openStreams(target: Target, body: Buffer, count: number): Promise<() => void> {
  const agent = new Agent({ keepAlive: false, maxSockets: count });
  const opened = Array.from({ length: count }, (_, index) => {
    return new Promise<void>((resolve, reject) => {
      const sent = request(`${target.url}/v1/messages`, {
        agent,
        method: 'POST',
        headers: requestHeaders(target, body, `bench-stream-${index}`),
      });
      sent.on('error', reject);
      sent.once('response', (response) => {
        if (response.statusCode !== 200) reject(new Error(`${target.name} answered ${response.statusCode}`));
        response.on('error', () => undefined);
        response.once('data', () => resolve());
      });
      sent.end(body);
    });
  });
  await Promise.all(opened);
  return () => agent.destroy();
}

function requestHeaders(target: Target, body: Buffer, session: string): Record<string, string | number> {
  return {
    ...target.headers,
    'content-type': 'application/json',
    'content-length': body.byteLength,
    'anthropic-version': '2023-06-01',
    'x-claude-code-session-id': session,
  };
}
