/**
 * Bytes gathered over several chunks, up to a limit. Over the limit it forgets what it has and only counts on,
 * so that nothing an upstream sends can take more memory than the limit (and the doubling before it).
 */
const FIRST_CAPACITY = 1024;

export class ByteBuffer {
  readonly #limit: number;
  #bytes = new Uint8Array(0);
  #length = 0;

  /** `limit` in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes appended since the last `clear`, kept or not. */
  get length(): number {
    return this.#length;
  }

  /** Copies `chunk` behind what is there; the chunk itself is never kept. */
  append(chunk: Uint8Array): void {
    const length = this.#length + chunk.length;
    if (length > this.#limit) {
      this.#bytes = new Uint8Array(0);
    } else {
      this.#reserve(length);
      this.#bytes.set(chunk, this.#length);
    }
    this.#length = length;
  }

  /** What was gathered, valid until the next `append`; null where it was over the limit. */
  view(): Uint8Array | null {
    return this.#length > this.#limit ? null : this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const doubled = Math.max(this.#bytes.length * 2, FIRST_CAPACITY, length);
    const grown = new Uint8Array(Math.min(doubled, this.#limit));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** Whether `expected` stands in `data` from `at` on. */
export function holdsAt(data: Uint8Array, at: number, expected: Uint8Array): boolean {
  if (data.length < at + expected.length) return false;
  for (let index = 0; index < expected.length; index++) {
    if (data[at + index] !== expected[index]) return false;
  }
  return true;
}
