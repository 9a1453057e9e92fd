/**
 * Passes an answer's bytes on untouched, at the client's pace, and shows each chunk to the meter before the
 * client gets it: what a client saw was metered. Nothing is kept (docs/decisions/0007).
 */

/** How an answer ended: by itself, because the client left, or because the upstream's connection broke. */
export type Ending = 'complete' | 'client_gone' | 'upstream_cut';

export interface Observer {
  /** A chunk is about to pass; must not throw. */
  seen(chunk: Uint8Array): void;
  /** The answer ended; only the first call counts. */
  ended(ending: Ending): void;
}

/** When a client leaves, the upstream's body can break a moment before the platform says that it left. */
const WHO_LEFT_MS = 25;

/**
 * The same bytes as a stream for the client. When the client leaves, `abort` cancels the upstream. That it left
 * shows in `clientSignal` while nothing is written, and in the writing when something is.
 */
export function passThrough(
  body: ReadableStream<Uint8Array>,
  observer: Observer,
  clientSignal: AbortSignal,
  abort: () => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const { readable, writable } = new IdentityTransformStream();
  const writer = writable.getWriter();
  const leave = (): void => {
    observer.ended('client_gone');
    abort();
    void reader.cancel().catch(() => undefined);
  };
  if (clientSignal.aborted) leave();
  else clientSignal.addEventListener('abort', leave, { once: true });
  void pump(reader, writer, observer, leave).finally(() => clientSignal.removeEventListener('abort', leave));
  return readable;
}

async function pump(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  writer: WritableStreamDefaultWriter<Uint8Array>,
  observer: Observer,
  leave: () => void,
): Promise<void> {
  for (;;) {
    const next = await reader.read().catch((error: unknown) => ({ error }));
    if ('error' in next) {
      await writer.abort(next.error).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, WHO_LEFT_MS));
      return observer.ended('upstream_cut');
    }
    if (next.done) break;
    observer.seen(next.value);
    try {
      await writer.write(next.value);
    } catch {
      return leave();
    }
  }
  observer.ended('complete');
  // Fails where the client left with all of the answer.
  await writer.close().catch(() => undefined);
}
