/**
 * Takes a request's bytes once, within the limits: at most 32 MB a body, and at most 64 MB of bodies at a time
 * in this isolate, whose 128 MB all its requests share.
 */
import { err, ok, type Result } from '../../durable-objects/core/result.ts';
import { errorResponse } from '../envelope.ts';
import type { BodyProblem } from './inspect.ts';

export const MAX_BODY_BYTES = 32 * 1024 * 1024;
const MAX_BYTES_IN_FLIGHT = 64 * 1024 * 1024;
/** A refused body is read off the wire up to here, so that the client gets to see the answer. */
const MAX_DRAINED_BYTES = 128 * 1024 * 1024;

export type BodyRefusal = 'too_large' | 'busy';

export interface TakenBody {
  bytes: Uint8Array;
  /**
   * Gives the room back and empties `bytes`: call once the upstream has taken the body. Idempotent. A stream
   * that stays open would else keep its request's bytes until the next garbage collection.
   */
  release(): void;
}

/** Bytes of bodies held in this isolate right now. */
let bytesInFlight = 0;

/** The part of the isolate's room that one body takes up. */
class Room {
  #size = 0;

  /** False where there is no more room. */
  grow(size: number): boolean {
    if (bytesInFlight + size > MAX_BYTES_IN_FLIGHT) return false;
    this.take(size);
    return true;
  }

  /** For what is there already, whatever room there is: the next body waits the longer. */
  take(size: number): void {
    bytesInFlight += size;
    this.#size += size;
  }

  release(): void {
    bytesInFlight -= this.#size;
    this.#size = 0;
  }
}

/** Reads the body whole. Rejects only where the client's connection breaks. */
export async function takeBody(request: Request): Promise<Result<TakenBody, BodyRefusal>> {
  const declared = declaredSize(request.headers);
  const size = declared ?? 0;
  if (size > MAX_BODY_BYTES) return await refuse(request.body, 'too_large');
  const room = new Room();
  if (!room.grow(size)) return await refuse(request.body, 'busy');
  try {
    const bytes = declared === null ? await readInto(room, request.body) : ok(await request.arrayBuffer());
    if (bytes.ok) return ok(takenBody(room, bytes.value));
    room.release();
    return await refuse(request.body, bytes.error);
  } catch (error) {
    room.release();
    throw error;
  }
}

function takenBody(room: Room, buffer: ArrayBuffer): TakenBody {
  const release = (): void => {
    room.release();
    if (!buffer.detached) buffer.transfer(0);
  };
  return { bytes: new Uint8Array(buffer), release };
}

/**
 * Another body in the place of one, whose bytes are freed at once and whose room is the new one's: a translation can be
 * longer than what it is of. The same body where the bytes are the same.
 */
export function exchangeBody(taken: TakenBody, bytes: Uint8Array): TakenBody {
  if (bytes === taken.bytes) return taken;
  taken.release();
  const room = new Room();
  room.take(bytes.byteLength);
  const exchanged = { bytes };
  return {
    get bytes() {
      return exchanged.bytes;
    },
    release: () => {
      room.release();
      exchanged.bytes = new Uint8Array(0);
    },
  };
}

/** The size the client announces in bytes; null where it announces none, or nothing that could be one. */
function declaredSize(headers: Headers): number | null {
  const text = headers.get('content-length') ?? '';
  return /^\d+$/.test(text) ? Number(text) : null;
}

/** Reads a body of undeclared size, which takes up room as it comes. */
async function readInto(
  room: Room,
  body: ReadableStream<Uint8Array> | null,
): Promise<Result<ArrayBuffer, BodyRefusal>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = body?.getReader();
  for (;;) {
    const next = await reader?.read();
    if (!next || next.done) break;
    size += next.value.byteLength;
    const problem = size > MAX_BODY_BYTES ? 'too_large' : room.grow(next.value.byteLength) ? null : 'busy';
    if (problem) {
      reader?.releaseLock();
      return err(problem);
    }
    chunks.push(next.value);
  }
  return ok(joined(chunks, size));
}

function joined(chunks: readonly Uint8Array[], size: number): ArrayBuffer {
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes.buffer;
}

/** A client that is still sending would see a broken connection instead of the answer. */
async function refuse(
  body: ReadableStream<Uint8Array> | null,
  why: BodyRefusal,
): Promise<{ ok: false; error: BodyRefusal }> {
  const reader = body?.getReader();
  let drained = 0;
  while (reader && drained < MAX_DRAINED_BYTES) {
    const { done, value } = await reader.read();
    if (done) break;
    drained += value.byteLength;
  }
  return err(why);
}

/** The answer to a body in which a field is wrong. */
export function bodyProblem({ path, message }: BodyProblem, requestId: string): Response {
  return errorResponse('invalid_request_error', `${path}: ${message}`, { requestId });
}

/** The answer to a body that was not taken. */
export function bodyRefused(why: BodyRefusal, requestId: string): Response {
  return why === 'too_large'
    ? errorResponse('request_too_large', `body: expected at most ${MAX_BODY_BYTES} bytes (32 MB).`, {
        requestId,
      })
    : errorResponse('overloaded_error', 'The gateway is taking in too much at once; try again.', {
        requestId,
      });
}
