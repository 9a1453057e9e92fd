/**
 * Finds the data lines of a server-sent-event stream in bytes that pass by, wherever the chunks are cut: inside
 * a character, a field name or a CRLF. Lines end with LF, CR or CRLF, as the standard has it.
 *
 * It hands out bytes, not text: most events of an answer are told by their name and length alone, and decoding
 * each of them would cost more than passing it on. It reports a data line when the line is complete, without
 * waiting for the blank line after it, since a stream that is cut there has still said what it said. An upstream
 * that spread one event's JSON over several data lines would not be understood; none does.
 */
import { ByteBuffer, holdsAt } from './byte-buffer.ts';

/** Longer lines are reported by their length only, unless a listener asks for more. */
export const MAX_LINE_BYTES = 1_048_576;

const CR = 13;
const LF = 10;
const SPACE = 32;
const EVENT_FIELD = new TextEncoder().encode('event:');
const DATA_FIELD = new TextEncoder().encode('data:');

/**
 * Takes one data line. `name` is its event's name, null where no `event:` line came before it. `data` is valid
 * only during the call, and null where the line was too long; `length` is its length in bytes in any case.
 */
export type DataListener = (name: string | null, data: Uint8Array | null, length: number) => void;

export class SseLines {
  readonly #listener: DataListener;
  readonly #carry: ByteBuffer;
  readonly #decoder = new TextDecoder();
  #name: string | null = null;
  #lastName = '';
  #lastNameBytes = new Uint8Array(0);
  #afterCr = false;

  /** Lines longer than `maxLineBytes` that come in several chunks are reported by their length only. */
  constructor(listener: DataListener, maxLineBytes = MAX_LINE_BYTES) {
    this.#listener = listener;
    this.#carry = new ByteBuffer(maxLineBytes);
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    let from = this.#afterCr && chunk[0] === LF ? 1 : 0;
    this.#afterCr = false;
    let lf = chunk.indexOf(LF, from);
    let cr = chunk.indexOf(CR, from);
    while (lf !== -1 || cr !== -1) {
      const end = cr === -1 || (lf !== -1 && lf < cr) ? lf : cr;
      this.#complete(chunk.subarray(from, end));
      from = end === cr && lf === cr + 1 ? end + 2 : end + 1;
      this.#afterCr = end === cr && from === chunk.length && lf !== cr + 1;
      if (lf !== -1 && lf < from) lf = chunk.indexOf(LF, from);
      if (cr !== -1 && cr < from) cr = chunk.indexOf(CR, from);
    }
    if (from < chunk.length) this.#carry.append(chunk.subarray(from));
  }

  /** The stream ended: what came after the last line end counts as a line. */
  end(): void {
    this.#complete(new Uint8Array(0));
  }

  #complete(rest: Uint8Array): void {
    if (this.#carry.length === 0) {
      this.#read(rest, rest.length);
      return;
    }
    this.#carry.append(rest);
    this.#read(this.#carry.view(), this.#carry.length);
    this.#carry.clear();
  }

  #read(line: Uint8Array | null, length: number): void {
    if (length === 0) this.#name = null;
    else if (line === null) this.#listener(this.#name, null, length);
    else if (holdsAt(line, 0, DATA_FIELD)) {
      const data = fieldValue(line, DATA_FIELD.length);
      this.#listener(this.#name, data, data.length);
    } else if (holdsAt(line, 0, EVENT_FIELD)) {
      this.#name = this.#readName(fieldValue(line, EVENT_FIELD.length));
    }
  }
  /** Most events have the name of the one before: comparing it is cheaper than decoding it. */
  #readName(bytes: Uint8Array): string {
    if (bytes.length !== this.#lastNameBytes.length || !holdsAt(bytes, 0, this.#lastNameBytes)) {
      this.#lastNameBytes = bytes.slice();
      this.#lastName = this.#decoder.decode(bytes);
    }
    return this.#lastName;
  }
}

/** A field's value: one space after the colon belongs to the syntax. */
function fieldValue(line: Uint8Array, from: number): Uint8Array {
  return line.subarray(line[from] === SPACE ? from + 1 : from);
}
