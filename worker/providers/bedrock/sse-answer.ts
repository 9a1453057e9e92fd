/**
 * A streamed answer of InvokeModel as the Messages API streams it: each event's JSON unchanged on its data line, an
 * exception as an `error` event. `amazon-bedrock-invocationMetrics` stays on `message_stop`: clients in Bedrock mode
 * read it, others pass over what they don't know.
 */
import { toldError } from './errors.ts';
import { EventFrames, type Frame } from './event-frames.ts';
import type { Conversion } from './paced-stream.ts';

export interface StreamFailure {
  name: string;
  message: string;
}

const CORRUPT: StreamFailure = {
  name: 'ModelStreamErrorException',
  message: 'The answer of Bedrock arrived corrupt: a checksum of its event stream does not match.',
};

/** Where every event's type stands in what Bedrock sends. */
const TYPE_FIRST = /^\s*\{\s*"type"\s*:\s*"([a-z_]{1,64})"/;
const encoder = new TextEncoder();

export class SseAnswer implements Conversion {
  /** What is passed on are whole events. */
  readonly isBetweenEvents = true;
  readonly mayEndOpen = false;
  readonly #frames = new EventFrames();
  #failure: StreamFailure | null = null;
  #hasBegun = false;
  #isComplete = false;

  /** The events that end in this chunk; empty where none does. Nothing follows an error or the message's end. */
  push(chunk: Uint8Array): Uint8Array {
    let text = '';
    for (const frame of this.#frames.push(chunk)) {
      if (this.#isComplete || this.#failure) break;
      text += this.#take(frame);
    }
    return toBytes(text);
  }

  /** An exception or a corrupt frame; it stands in the stream as its last event. */
  get failure(): StreamFailure | null {
    return this.#failure;
  }

  /** Whether an event of the answer came. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  get state(): Conversion['state'] {
    if (this.#failure) return 'failed';
    return this.#isComplete ? 'complete' : 'open';
  }

  #take(frame: Frame): string {
    if (frame.kind !== 'event') return this.#fail(frame.kind === 'exception' ? frame : CORRUPT);
    const type = typeOf(frame.json);
    // What has no type is no event: a keep-alive of something between here and Bedrock.
    if (type === null) return '';
    this.#hasBegun = true;
    this.#isComplete = type === 'message_stop' || type === 'error';
    return `event: ${type}\ndata: ${onOneLine(frame.json)}\n\n`;
  }

  #fail({ name, message }: StreamFailure): string {
    this.#failure = { name, message };
    const error = { type: toldError(name).type, message };
    const json = JSON.stringify({ type: 'error', error });
    return `event: error\ndata: ${String.fromCharCode(...encoder.encode(json))}\n\n`;
  }
}

/** `json` has a character a byte, which is all the same to what is asked here. */
function typeOf(json: string): string | null {
  const first = TYPE_FIRST.exec(json)?.[1];
  if (first !== undefined) return first;
  try {
    const event: { type?: unknown } | null = JSON.parse(json);
    return typeof event?.type === 'string' && /^\w{1,64}$/.test(event.type) ? event.type : null;
  } catch {
    return null;
  }
}

/** A line end can only stand between JSON's tokens, where a space means the same. */
function onOneLine(json: string): string {
  return /[\r\n]/.test(json) ? json.replace(/[\r\n]/g, ' ') : json;
}

const BEYOND_ASCII = /[\x80-\xff]/;

/** A byte a character: most events are ASCII, which the platform encodes much faster than a loop can. */
function toBytes(text: string): Uint8Array {
  if (!BEYOND_ASCII.test(text)) return encoder.encode(text);
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index += 1) bytes[index] = text.charCodeAt(index);
  return bytes;
}
