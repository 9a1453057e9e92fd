/**
 * Passes an answer's bytes on untouched, at the client's pace, and shows each chunk to the meter before the
 * client gets it: what a client saw was metered. Nothing is kept (docs/decisions/0007).
 */

import { ClientStream } from './client-stream.ts';
import type { Source } from './first-bytes.ts';
import { GatheredWriter } from './gathered-writer.ts';

/** How an answer ended: by itself, because the client left, or because the upstream's connection broke. */
export type Ending = 'complete' | 'client_gone' | 'upstream_cut';

export interface Observer {
  /** A chunk is about to pass; must not throw. */
  seen(chunk: Uint8Array): void;
  /** The answer ended; only the first call counts. */
  ended(ending: Ending): void;
  /** The upstream broke the answer off: what the client is told before it breaks, too; null: nothing. */
  lastWords(): Uint8Array | null;
}

/** When a client leaves, the upstream's body can break a moment before the platform says that it left. */
const WHO_LEFT_MS = 25;
/** A longer answer is passed on as it comes. */
const MOST_SHORT_BYTES = 65_536;

/**
 * The same bytes as a stream for the client. When the client leaves, `abort` cancels the upstream. That it left
 * shows in `clientSignal` while nothing is written, and in the writing when something is.
 */
export function passThrough(
  { reader, first }: Source,
  observer: Observer,
  clientSignal: AbortSignal,
  abort: () => void,
): ReadableStream<Uint8Array> {
  const leave = (): void => {
    observer.ended('client_gone');
    abort();
    void reader.cancel().catch(() => undefined);
  };
  // Before a client that has left already ends the turn: what was read of the usage is exact.
  if (first) observer.seen(first);
  if (clientSignal.aborted) leave();
  else clientSignal.addEventListener('abort', leave, { once: true });
  const client = new ClientStream(leave);
  void pump(reader, first, new GatheredWriter(client), observer).then((ending) => {
    // A client that leaves from here on has made a complete turn, or one that the upstream has cut.
    clientSignal.removeEventListener('abort', leave);
    observer.ended(ending);
  });
  return client.readable;
}

/** Passes on what was read first and seen, and then all that `reader` has. */
async function pump(
  reader: Source['reader'],
  first: Source['first'],
  writer: GatheredWriter,
  observer: Observer,
): Promise<Ending> {
  try {
    if (first) await writer.write(first);
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        // The client must not wait for the settlement.
        writer.close();
        return 'complete';
      }
      observer.seen(value);
      await writer.write(value);
    }
  } catch (error) {
    const words = observer.lastWords();
    if (words) await writer.write(words);
    await writer.abort(error);
    await pause(WHO_LEFT_MS);
    return 'upstream_cut';
  }
}

/** Whether an answer is in one piece and small: whoever knows its length has its last byte with its first. */
export function isShort(headers: Headers): boolean {
  if (headers.get('content-type')?.startsWith('text/event-stream')) return false;
  const length = headers.get('content-length') ?? '';
  return /^\d{1,9}$/.test(length) && Number(length) <= MOST_SHORT_BYTES;
}

/**
 * The same for a short answer: one read and one write are half the work of a stream. Null where the upstream's answer is
 * cut: nothing of it has gone to the client yet.
 */
export async function passWhole(
  body: ReadableStream<Uint8Array>,
  observer: Observer,
  clientSignal: AbortSignal,
  abort: () => void,
): Promise<Uint8Array | null> {
  if (clientSignal.aborted) abort();
  else clientSignal.addEventListener('abort', abort, { once: true });
  try {
    const bytes = new Uint8Array(await new Response(body).arrayBuffer());
    observer.seen(bytes);
    // The client must not wait for the settlement.
    setTimeout(() => observer.ended('complete'), 0);
    return bytes;
  } catch {
    await pause(WHO_LEFT_MS);
    observer.ended(clientSignal.aborted ? 'client_gone' : 'upstream_cut');
    return null;
  } finally {
    clientSignal.removeEventListener('abort', abort);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
