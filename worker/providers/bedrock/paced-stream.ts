/**
 * An upstream's body as a stream for the client, converted chunk by chunk, with pings of our own in its silent gaps: a
 * client gives up a stream that is silent too long, and Bedrock sends no pings. None before the first event, which is
 * what a failover goes by. It reads no further ahead than the client does.
 */

/** Claude Code gives up after 300 s; what stands between may be less patient. */
const PING_AFTER_MS = 15_000;
const PING = new TextEncoder().encode('event: ping\ndata: {"type": "ping"}\n\n');

export interface Conversion {
  /** What to pass on for a chunk; empty: nothing yet. */
  push(chunk: Uint8Array): Uint8Array;
  /** Whether what was passed on ends with a whole event, so that a ping may stand behind it. */
  readonly isBetweenEvents: boolean;
  /** `complete`, `failed`: nothing may follow, whatever the upstream still sends. */
  readonly state: 'open' | 'complete' | 'failed';
  /** Whether an upstream may end while the answer is open; where not it is cut, and the client has to see that. */
  readonly mayEndOpen: boolean;
}

/** `begun` is what was converted already. Cancelling the stream cancels the upstream at once. */
export function pacedStream(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  conversion: Conversion,
  begun: Uint8Array = new Uint8Array(0),
): ReadableStream<Uint8Array> {
  const paced = new PacedSource(reader, conversion, begun);
  return new ReadableStream(paced, { highWaterMark: 0 });
}

class PacedSource implements UnderlyingSource<Uint8Array> {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #conversion: Conversion;
  #begun: Uint8Array;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #passedAtMs = 0;
  #hasPassed = false;
  #isAsked = false;

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>, conversion: Conversion, begun: Uint8Array) {
    this.#reader = reader;
    this.#conversion = conversion;
    this.#begun = begun;
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.#isAsked = true;
    try {
      await this.#passNext(controller);
    } catch (error) {
      this.#stop();
      throw error;
    } finally {
      this.#isAsked = false;
    }
  }

  async cancel(reason: unknown): Promise<void> {
    this.#stop();
    await this.#reader.cancel(reason);
  }

  async #passNext(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    if (this.#begun.length > 0) {
      const bytes = this.#begun;
      this.#begun = new Uint8Array(0);
      return this.#pass(bytes, controller);
    }
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return this.#end(controller);
      const bytes = this.#conversion.push(value);
      if (bytes.length > 0) return this.#pass(bytes, controller);
    }
  }

  #pass(bytes: Uint8Array, controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#passedAtMs = Date.now();
    this.#hasPassed = true;
    controller.enqueue(bytes);
    if (this.#conversion.state === 'open') {
      this.#timer ??= setTimeout(() => this.#pingIfSilent(controller), PING_AFTER_MS);
      return;
    }
    this.#stop();
    controller.close();
    void this.#leave().catch(() => undefined);
  }

  /** A connection that is at its end can be used again; one that is not is given up. */
  async #leave(): Promise<void> {
    const { done } = this.#conversion.state === 'complete' ? await this.#reader.read() : { done: false };
    if (!done) await this.#reader.cancel();
  }

  #end(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#stop();
    if (!this.#conversion.mayEndOpen) throw new TypeError('the upstream ended its stream before the message');
    controller.close();
  }

  /** One timer for all gaps: it comes back when the last event will be old enough. */
  #pingIfSilent(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const silentMs = Date.now() - this.#passedAtMs;
    let nextMs = PING_AFTER_MS - silentMs;
    if (nextMs <= 0) {
      // A client that takes nothing gets no pings to queue.
      const isWaitedFor = this.#isAsked && (controller.desiredSize ?? 0) >= 0;
      if (isWaitedFor && this.#hasPassed && this.#conversion.isBetweenEvents) {
        this.#passedAtMs = Date.now();
        controller.enqueue(PING);
      }
      nextMs = PING_AFTER_MS;
    }
    this.#timer = setTimeout(() => this.#pingIfSilent(controller), nextMs);
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
