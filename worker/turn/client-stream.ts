/**
 * The body of an answer as a stream that is written to. A client that is gone shows at once, also where its
 * connection broke under bytes that were on their way: the platform's own identity stream keeps that to itself until
 * the next write, and an upstream that has fallen silent writes nothing more (docs/decisions/0007).
 */

export class ClientStream {
  readonly readable: ReadableStream<Uint8Array>;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #taken = Promise.withResolvers<void>();
  #isGone = false;

  /** `onGone` is called once when the client's side gives the stream up. */
  constructor(onGone: () => void) {
    this.readable = new ReadableStream(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#taken.resolve(),
        cancel: () => {
          this.#isGone = true;
          this.#taken.resolve();
          onGone();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /** Resolves once the client has taken what was written before and asks for more, or is gone. */
  write(bytes: Uint8Array): Promise<void> {
    if (this.#isGone) return Promise.resolve();
    this.#taken = Promise.withResolvers<void>();
    this.#controller.enqueue(bytes);
    return this.#taken.promise;
  }

  close(): void {
    if (!this.#isGone) this.#controller.close();
  }

  /** Breaks the stream off, so that the client sees that the answer is not whole. */
  abort(reason: unknown): void {
    if (!this.#isGone) this.#controller.error(reason);
  }
}
