/**
 * What an export is, before or after it is fetched: how many rows and bytes, their SHA-256, and chunks to resume
 * at. Made of the very parts that are sent, so it is true of the bytes as long as the ledger's span stays as it is.
 */
import type { Part, Position } from './export.ts';

/** A chunk ends with the part that fills it. */
const ROWS_A_CHUNK = 10_000;

export interface Chunk {
  /** Going on after this gives this chunk and all that follow; null: the first one. */
  after: Position | null;
  rows: number;
  bytes: number;
  /** Hexadecimal. */
  sha256: string;
}

export interface Manifest {
  rows: number;
  bytes: number;
  sha256: string;
  chunks: Chunk[];
}

/** Bytes that are counted and digested as they come, and not kept. */
class Tally {
  readonly #stream = new crypto.DigestStream('SHA-256');
  readonly #writer = this.#stream.getWriter();
  bytes = 0;
  rows = 0;

  async add(bytes: Uint8Array, rows: number): Promise<void> {
    this.bytes += bytes.byteLength;
    this.rows += rows;
    await this.#writer.write(bytes);
  }

  async end(): Promise<{ rows: number; bytes: number; sha256: string }> {
    await this.#writer.close();
    const digest = new Uint8Array(await this.#stream.digest);
    const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return { rows: this.rows, bytes: this.bytes, sha256 };
  }
}

/** Reads all parts of an export from its beginning. */
export async function manifestOf(
  parts: AsyncIterable<Part>,
  rowsAChunk: number = ROWS_A_CHUNK,
): Promise<Manifest> {
  const encoder = new TextEncoder();
  const whole = new Tally();
  const chunks: Chunk[] = [];
  let chunk = new Tally();
  let after: Position | null = null;
  for await (const { text, rows, position } of parts) {
    const bytes = encoder.encode(text);
    await whole.add(bytes, rows);
    await chunk.add(bytes, rows);
    if (chunk.rows >= rowsAChunk && position !== null) {
      chunks.push({ after, ...(await chunk.end()) });
      chunk = new Tally();
      after = position;
    }
  }
  if (chunk.bytes > 0) chunks.push({ after, ...(await chunk.end()) });
  return { ...(await whole.end()), chunks };
}
