/**
 * AWS's binary event stream (`application/vnd.amazon.eventstream`), as it is written: frames of headers and a payload
 * with two checksums. Frames of Bedrock's `chunk` events are written straight from an event's bytes, at a fifth of what a
 * general encoder takes for them: they come by the thousand.
 */
import { crc32 } from './crc32.ts';

const encoder = new TextEncoder();

/** Total length, length of the headers, checksum of both. */
const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;
const FIRST_CAPACITY = 4096;
/** A header's value is a string. */
const STRING_TYPE = 7;

const BASE64 = encoder.encode('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const PADDING = 0x3d;

function headersOf(headers: Record<string, string>): Uint8Array {
  const parts = Object.entries(headers).flatMap(([name, value]) => {
    const [nameBytes, valueBytes] = [encoder.encode(name), encoder.encode(value)];
    const length = valueBytes.length;
    return [nameBytes.length, ...nameBytes, STRING_TYPE, length >>> 8, length & 0xff, ...valueBytes];
  });
  return Uint8Array.from(parts);
}

const CHUNK_HEADERS = headersOf({
  ':event-type': 'chunk',
  ':content-type': 'application/json',
  ':message-type': 'event',
});
const CHUNK_BEGIN = encoder.encode('{"bytes":"');
const CHUNK_END = encoder.encode('"}');

/** Frames one after the other, until they are taken. */
export class EventStreamWriter {
  #bytes = new Uint8Array(FIRST_CAPACITY);
  #length = 0;

  /** A `chunk` event: `{"bytes": …}` with `data`, the JSON of one event, in base64. */
  chunk(data: Uint8Array): void {
    const encodedLength = Math.ceil(data.length / 3) * 4;
    const payloadLength = CHUNK_BEGIN.length + encodedLength + CHUNK_END.length;
    const start = this.#begin(CHUNK_HEADERS, payloadLength);
    this.#append(CHUNK_BEGIN);
    this.#appendBase64(data);
    this.#append(CHUNK_END);
    this.#finish(start);
  }

  /** An exception, by which a stream ends: `type` as the service names it ("throttlingException"). */
  exception(type: string, payload: object): void {
    const headers = headersOf({
      ':exception-type': type,
      ':content-type': 'application/json',
      ':message-type': 'exception',
    });
    const body = encoder.encode(JSON.stringify(payload));
    const start = this.#begin(headers, body.length);
    this.#append(body);
    this.#finish(start);
  }

  /** All frames since the last time; null where there are none. */
  take(): Uint8Array | null {
    if (this.#length === 0) return null;
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  #begin(headers: Uint8Array, payloadLength: number): number {
    const start = this.#length;
    const total = PRELUDE_BYTES + headers.length + payloadLength + CHECKSUM_BYTES;
    this.#reserve(total);
    this.#appendUint32(total);
    this.#appendUint32(headers.length);
    this.#appendUint32(crc32(this.#bytes, start, this.#length));
    this.#append(headers);
    return start;
  }

  #finish(start: number): void {
    this.#appendUint32(crc32(this.#bytes, start, this.#length));
  }

  #append(part: Uint8Array): void {
    this.#bytes.set(part, this.#length);
    this.#length += part.length;
  }

  #appendUint32(value: number): void {
    new DataView(this.#bytes.buffer).setUint32(this.#length, value);
    this.#length += 4;
  }

  #appendBase64(data: Uint8Array): void {
    const bytes = this.#bytes;
    let to = this.#length;
    let from = 0;
    for (; from + 2 < data.length; from += 3) {
      const group = ((data[from] ?? 0) << 16) | ((data[from + 1] ?? 0) << 8) | (data[from + 2] ?? 0);
      bytes[to++] = BASE64[group >>> 18] ?? 0;
      bytes[to++] = BASE64[(group >>> 12) & 63] ?? 0;
      bytes[to++] = BASE64[(group >>> 6) & 63] ?? 0;
      bytes[to++] = BASE64[group & 63] ?? 0;
    }
    if (from < data.length) {
      const hasTwo = from + 1 < data.length;
      const group = ((data[from] ?? 0) << 16) | ((data[from + 1] ?? 0) << 8);
      bytes[to++] = BASE64[group >>> 18] ?? 0;
      bytes[to++] = BASE64[(group >>> 12) & 63] ?? 0;
      bytes[to++] = hasTwo ? (BASE64[(group >>> 6) & 63] ?? 0) : PADDING;
      bytes[to++] = PADDING;
    }
    this.#length = to;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
