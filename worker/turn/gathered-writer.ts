/**
 * Writes chunks to a stream in order. A chunk that comes alone goes out at once; what follows on its heels is
 * gathered until nothing more is ready, for a write costs about 0.1 ms of CPU whatever its size (docs/decisions/0007).
 */
import type { ClientStream } from './client-stream.ts';

/** Chunks that come within this time of the last write are gathered. A model's tokens come further apart. */
const HEEL_MS = 10;
/** More than this is not gathered: the next chunk waits until the client has taken the last write. */
const MOST_GATHERED_BYTES = 65_536;

export class GatheredWriter {
  readonly #client: ClientStream;
  #gathered: Uint8Array[] = [];
  #size = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #writtenAtMs = 0;
  #isWriting = false;
  /** The last write. */
  #written: Promise<void> = Promise.resolve();

  constructor(client: ClientStream) {
    this.#client = client;
  }

  /** Resolves when there is room for another chunk. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#gathered.push(chunk);
    this.#size += chunk.byteLength;
    if (this.#size > MOST_GATHERED_BYTES) {
      await this.#written;
      this.#flush();
    } else if (!this.#isWriting) {
      if (Date.now() - this.#writtenAtMs > HEEL_MS) this.#flush();
      else this.#flushSoon();
    }
  }

  /** Writes what is left and ends the stream. */
  close(): void {
    this.#flush();
    this.#client.close();
  }

  /** Writes what is left and breaks the stream with `reason`. */
  async abort(reason: unknown): Promise<void> {
    this.#flush();
    await this.#written;
    this.#client.abort(reason);
  }

  /** A timer comes after every chunk that is there to be read already. */
  #flushSoon(): void {
    this.#timer ??= setTimeout(() => this.#flush(), 0);
  }

  #flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const [first] = this.#gathered;
    if (!first) return;
    const bytes = this.#gathered.length === 1 ? first : joined(this.#gathered, this.#size);
    this.#gathered = [];
    this.#size = 0;
    this.#writtenAtMs = Date.now();
    this.#isWriting = true;
    this.#written = this.#client.write(bytes).then(() => {
      this.#isWriting = false;
      if (this.#gathered.length > 0) this.#flushSoon();
    });
  }
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
