/**
 * Reads the frames of AWS's event stream from chunks that may be cut anywhere (docs/decisions/0022). Both checksums are
 * checked, the prelude's as soon as it is there: a length that is wrong must not make anyone wait for bytes that never
 * come. After a frame that is corrupt nothing can be trusted, and nothing more is read.
 *
 * AWS's codec reads what is new. The events of an answer all have the same headers: where they stand again byte for byte
 * the frame is known for an event, and only its checksum and its payload are read, in place.
 */
import { EventStreamCodec } from '@smithy/eventstream-codec';
import { ByteBuffer, holdsAt } from '../byte-buffer.ts';
import { crc32 } from '../crc32.ts';
import { readBase64 } from './base64-bytes.ts';

export type Frame =
  /** One event's JSON, a view of bytes that all events of a chunk share. */
  | { kind: 'event'; json: Uint8Array }
  | { kind: 'exception'; name: string; message: string }
  | { kind: 'corrupt' };

const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;
/** The shortest frame: prelude and checksum. */
const LEAST_BYTES = 16;
/** Far above any event of an answer; the isolate's memory is shared. */
const MOST_BYTES = 8 * 1_048_576;
const MAX_MESSAGE_LENGTH = 1_000;
const CORRUPT = { kind: 'corrupt' } as const;

const encoder = new TextEncoder();
const QUOTE = 0x22;
const PAYLOAD_BEGIN = encoder.encode('{"bytes":"');
const decoder = new TextDecoder();
const codec = new EventStreamCodec(
  (bytes) => (typeof bytes === 'string' ? bytes : decoder.decode(bytes)),
  (text) => encoder.encode(text),
);
type Message = ReturnType<typeof codec.decode>;

export class EventFrames {
  readonly #carry = new ByteBuffer(2 * MOST_BYTES);
  /** Those of the last event that the codec read. */
  #eventHeaders: Uint8Array | null = null;
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
      return [...frames, CORRUPT];
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
    const decoded = new Decoded(bytes.length);
    let at = 0;
    while (bytes.length - at >= PRELUDE_BYTES) {
      const length = uint32At(bytes, at);
      if (crc32(bytes, at, at + 8) !== uint32At(bytes, at + 8) || length < LEAST_BYTES || length > MOST_BYTES)
        return null;
      if (bytes.length - at < length) break;
      const frame = this.#readOne(bytes.subarray(at, at + length), uint32At(bytes, at + 4), decoded);
      if (frame?.kind === 'corrupt') return null;
      if (frame) frames.push(frame);
      at += length;
    }
    return at;
  }

  /** `bytes` is the frame. Null for one of a kind that says nothing to a client. */
  #readOne(bytes: Uint8Array, headersLength: number, decoded: Decoded): Frame | null {
    const headers = this.#eventHeaders;
    const payloadAt = PRELUDE_BYTES + headersLength;
    const end = bytes.length - CHECKSUM_BYTES;
    if (headers?.length === headersLength && payloadAt <= end && holdsAt(bytes, PRELUDE_BYTES, headers)) {
      if (crc32(bytes, 0, end) !== uint32At(bytes, end)) return CORRUPT;
      const event = readInPlace(bytes, payloadAt, decoded);
      if (event) return event;
    }
    const frame = readFrame(bytes);
    if (frame?.kind === 'event') this.#eventHeaders = bytes.slice(PRELUDE_BYTES, payloadAt);
    return frame;
  }
}

/** The JSON of a chunk's events, one behind the other. */
class Decoded {
  readonly #room: number;
  #bytes: Uint8Array | null = null;
  #length = 0;

  /** `room` in bytes. */
  constructor(room: number) {
    this.#room = room;
  }

  /** What the base64 holds; null where it is none. */
  add(bytes: Uint8Array, from: number, to: number): Uint8Array | null {
    this.#bytes ??= new Uint8Array(this.#room);
    const start = this.#length;
    const end = readBase64(bytes, from, to, this.#bytes, start);
    if (end === null) return null;
    this.#length = end;
    return this.#bytes.subarray(start, end);
  }
}

/** The event in a frame that was found right; null where its payload is written in another way than Bedrock's. */
function readInPlace(bytes: Uint8Array, payloadAt: number, decoded: Decoded): Frame | null {
  if (!holdsAt(bytes, payloadAt, PAYLOAD_BEGIN)) return null;
  const from = payloadAt + PAYLOAD_BEGIN.length;
  const to = bytes.indexOf(QUOTE, from);
  const json = to === -1 ? null : decoded.add(bytes, from, to);
  return json && { kind: 'event', json };
}

function uint32At(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  const low = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
  return ((high << 16) | low) >>> 0;
}

/** A frame of any kind; null where it says nothing to a client. */
function readFrame(bytes: Uint8Array): Frame | null {
  try {
    const message = codec.decode(bytes);
    switch (header(message, ':message-type')) {
      case 'event':
        return header(message, ':event-type') === 'chunk' ? readEvent(message.body) : null;
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
    return CORRUPT;
  }
}

function header({ headers }: Message, name: string): string | null {
  const value = headers[name]?.value;
  return typeof value === 'string' ? value : null;
}

/** `{"bytes": <base64 of the event's JSON>, "p": <padding>}`. */
function readEvent(payload: Uint8Array): Frame {
  const { bytes }: { bytes?: unknown } = JSON.parse(decoder.decode(payload));
  if (typeof bytes !== 'string') return CORRUPT;
  return { kind: 'event', json: Uint8Array.from(atob(bytes), (each) => each.charCodeAt(0)) };
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
