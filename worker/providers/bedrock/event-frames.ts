/**
 * Reads the frames of AWS's event stream from chunks that may be cut anywhere (docs/decisions/0022). Both checksums are
 * checked, the prelude's as soon as it is there: a length that is wrong must not make anyone wait for bytes that never
 * come. After a frame that is corrupt nothing can be trusted, and nothing more is read.
 */
import { EventStreamCodec } from '@smithy/eventstream-codec';
import { ByteBuffer } from '../byte-buffer.ts';

export type Frame =
  /** One event's JSON, a character a byte. */
  | { kind: 'event'; json: string }
  | { kind: 'exception'; name: string; message: string }
  | { kind: 'corrupt' };

const PRELUDE_BYTES = 12;
/** The shortest frame: prelude and checksum. */
const LEAST_BYTES = 16;
/** Far above any event of an answer; the isolate's memory is shared. */
const MOST_BYTES = 8 * 1_048_576;
const MAX_MESSAGE_LENGTH = 1_000;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const codec = new EventStreamCodec(
  (bytes) => (typeof bytes === 'string' ? bytes : decoder.decode(bytes)),
  (text) => encoder.encode(text),
);
type Message = ReturnType<typeof codec.decode>;

export class EventFrames {
  readonly #carry = new ByteBuffer(2 * MOST_BYTES);
  #isCorrupt = false;

  /** The frames that end in this chunk, in order; the chunk is not kept. Never throws. */
  push(chunk: Uint8Array): Frame[] {
    if (this.#isCorrupt) return [];
    const isWhole = this.#carry.length === 0;
    if (!isWhole) this.#carry.append(chunk);
    const bytes = isWhole ? chunk : this.#carry.view();
    const frames: Frame[] = [];
    const read = bytes && this.#readAll(bytes, frames);
    if (bytes === null || read === null || read === undefined) {
      this.#isCorrupt = true;
      this.#carry.clear();
      return [...frames, { kind: 'corrupt' }];
    }
    if (read === bytes.length) this.#carry.clear();
    else if (isWhole || read > 0) {
      const rest = bytes.slice(read);
      this.#carry.clear();
      this.#carry.append(rest);
    }
    return frames;
  }

  /** Reads every whole frame into `frames`; how many bytes they took, null where one is corrupt. */
  #readAll(bytes: Uint8Array, frames: Frame[]): number | null {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (bytes.length - at >= PRELUDE_BYTES) {
      const length = view.getUint32(at);
      if (!isPrelude(view, at) || length < LEAST_BYTES || length > MOST_BYTES) return null;
      if (bytes.length - at < length) break;
      const frame = readFrame(bytes.subarray(at, at + length));
      if (frame?.kind === 'corrupt') return null;
      if (frame) frames.push(frame);
      at += length;
    }
    return at;
  }
}

/** CRC-32 of the two lengths against the checksum behind them; bit by bit, for eight bytes a frame. */
function isPrelude(view: DataView, at: number): boolean {
  let crc = 0xffffffff;
  for (let index = at; index < at + 8; index += 1) {
    crc ^= view.getUint8(index);
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0 === view.getUint32(at + 8);
}

/** Null for a frame of a kind that says nothing to a client. */
function readFrame(bytes: Uint8Array): Frame | null {
  try {
    const message = codec.decode(bytes);
    switch (header(message, ':message-type')) {
      case 'event':
        return header(message, ':event-type') === 'chunk' ? readChunk(message) : null;
      case 'exception':
        return {
          kind: 'exception',
          name: header(message, ':exception-type') ?? '',
          message: readMessage(message),
        };
      case 'error':
        return {
          kind: 'exception',
          name: header(message, ':error-code') ?? '',
          message: header(message, ':error-message') ?? '',
        };
      default:
        return null;
    }
  } catch {
    return { kind: 'corrupt' };
  }
}

function header({ headers }: Message, name: string): string | null {
  const value = headers[name]?.value;
  return typeof value === 'string' ? value : null;
}

/** `{"bytes": <base64 of the event's JSON>, "p": <padding>}`. */
function readChunk({ body }: Message): Frame {
  const chunk: { bytes?: unknown } = JSON.parse(decoder.decode(body));
  return typeof chunk.bytes === 'string' ? { kind: 'event', json: atob(chunk.bytes) } : { kind: 'corrupt' };
}

function readMessage({ body }: Message): string {
  const text = decoder.decode(body);
  try {
    const { message, originalMessage }: { message?: unknown; originalMessage?: unknown } = JSON.parse(text);
    const told = message ?? originalMessage;
    if (typeof told === 'string') return told.slice(0, MAX_MESSAGE_LENGTH);
  } catch {
    // Told as it is.
  }
  return text.slice(0, MAX_MESSAGE_LENGTH);
}
