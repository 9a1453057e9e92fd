/**
 * A streamed answer of InvokeModel as the Messages API streams it: each event's JSON unchanged on its data line, an
 * exception as an `error` event. `amazon-bedrock-invocationMetrics` stays on `message_stop`: clients in Bedrock mode
 * read it, others pass over what they don't know.
 */
import { holdsAt } from '../byte-buffer.ts';
import { toldError } from './errors.ts';
import { EventFrames } from './event-frames.ts';
import type { Conversion } from './paced-stream.ts';

export interface StreamFailure {
  name: string;
  message: string;
}

const CORRUPT: StreamFailure = {
  name: 'ModelStreamErrorException',
  message: 'The answer of Bedrock arrived corrupt: a checksum of its event stream does not match.',
};

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const END = encoder.encode('\n\n');

/** What an event of one type begins with. */
interface Beginning {
  type: string;
  /** Of its JSON, as Bedrock writes it. */
  json: Uint8Array;
  /** Of its lines. */
  lines: Uint8Array;
}

export class SseAnswer implements Conversion {
  /** What is passed on are whole events. */
  readonly isBetweenEvents = true;
  readonly mayEndOpen = false;
  readonly #frames = new EventFrames();
  #failure: StreamFailure | null = null;
  /** Of the event before: most have its type. */
  #last: Beginning = beginningOf('message_start');
  #hasBegun = false;
  #isComplete = false;

  /** The events that end in this chunk; empty where none does. Nothing follows an error or the message's end. */
  push(chunk: Uint8Array): Uint8Array {
    const parts: Uint8Array[] = [];
    for (const frame of this.#frames.push(chunk)) {
      if (this.#isComplete || this.#failure) break;
      if (frame.kind === 'event') this.#take(frame.json, parts);
      else parts.push(this.#fail(frame.kind === 'exception' ? frame : CORRUPT));
    }
    return joined(parts);
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

  #take(json: Uint8Array, parts: Uint8Array[]): void {
    const beginning = holdsAt(json, 0, this.#last.json) ? this.#last : readBeginning(json);
    // What has no type is no event: a keep-alive of something between here and Bedrock.
    if (beginning === null) return;
    this.#last = beginning;
    this.#hasBegun = true;
    this.#isComplete = beginning.type === 'message_stop' || beginning.type === 'error';
    parts.push(beginning.lines, onOneLine(json), END);
  }

  #fail({ name, message }: StreamFailure): Uint8Array {
    this.#failure = { name, message };
    const error = { type: toldError(name).type, message };
    return encoder.encode(`event: error\ndata: ${JSON.stringify({ type: 'error', error })}\n\n`);
  }
}

function beginningOf(type: string): Beginning {
  const [json, lines] = [`{"type":"${type}"`, `event: ${type}\ndata: `];
  return { type, json: encoder.encode(json), lines: encoder.encode(lines) };
}

/** Null where the JSON is no event. */
function readBeginning(json: Uint8Array): Beginning | null {
  try {
    const event: { type?: unknown } | null = JSON.parse(decoder.decode(json));
    return typeof event?.type === 'string' && /^\w{1,64}$/.test(event.type) ? beginningOf(event.type) : null;
  } catch {
    return null;
  }
}

/** A line end can only stand between JSON's tokens, where a space means the same. */
function onOneLine(json: Uint8Array): Uint8Array {
  if (!json.includes(LF) && !json.includes(CR)) return json;
  return json.map((byte) => (byte === LF || byte === CR ? SPACE : byte));
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
