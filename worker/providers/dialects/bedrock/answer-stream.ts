/**
 * A streamed Messages answer as Bedrock streams it: each event's JSON in a frame of its own, as it came. Only the few
 * events that Bedrock adds to are read. Pings go out as chunks too: Bedrock has none, but the clients know them, and a
 * stream that stays silent while a model thinks is given up (docs/decisions/0023).
 */
import { EventStreamWriter } from '../../event-stream.ts';
import { errorEnvelope, parseJson } from '../../message-event.ts';
import { SseLines } from '../../sse-lines.ts';
import { streamException } from './exception.ts';
import type { InvocationMetrics } from './invocation-metrics.ts';

/** An event is passed on whole, so it has to be kept until it is. The longest hold the results of a provider's tools. */
const MAX_EVENT_BYTES = 8 * 1_048_576;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The frames of the events in the bytes that are pushed. */
class ChunkFrames {
  readonly #metrics: InvocationMetrics;
  readonly #lines = new SseLines((name, data) => this.#hear(name, data), MAX_EVENT_BYTES);
  readonly #writer = new EventStreamWriter();
  #isOver = false;

  constructor(metrics: InvocationMetrics) {
    this.#metrics = metrics;
  }

  /** The frames that `bytes` complete; null where there are none. */
  push(bytes: Uint8Array): Uint8Array | null {
    this.#lines.push(bytes);
    return this.#writer.take();
  }

  end(): Uint8Array | null {
    this.#lines.end();
    return this.#writer.take();
  }

  #hear(name: string | null, data: Uint8Array | null): void {
    // An exception is the last a client reads.
    if (this.#isOver) return;
    if (data === null) {
      this.#except('modelStreamErrorException', `an event is longer than ${MAX_EVENT_BYTES} bytes`);
      return;
    }
    switch (name) {
      case 'error':
        this.#fail(decoder.decode(data));
        return;
      case 'message_start':
        this.#metrics.began(decoder.decode(data), Date.now());
        break;
      case 'message_delta':
        this.#metrics.counted(decoder.decode(data));
        break;
      case 'message_stop':
        this.#writer.chunk(encoder.encode(this.#metrics.stopped(decoder.decode(data), Date.now())));
        return;
    }
    this.#writer.chunk(data);
  }

  #fail(data: string): void {
    const { type, message } = errorEnvelope.safeParse(parseJson(data)).data?.error ?? {
      type: 'unknown',
      message: data,
    };
    this.#except(streamException(type), message);
  }

  #except(type: string, message: string): void {
    this.#isOver = true;
    this.#writer.exception(type, { message });
  }
}

/**
 * `body`, server-sent events, as frames, at the client's pace. A client that leaves cancels `body` at once; a `body` that
 * breaks breaks the frames.
 */
export function toEventStream(
  body: ReadableStream<Uint8Array>,
  metrics: InvocationMetrics,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const frames = new ChunkFrames(metrics);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const { done, value } = await reader.read();
          const framed = done ? frames.end() : frames.push(value);
          if (framed) controller.enqueue(framed);
          if (done) controller.close();
          if (done || framed) return;
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
