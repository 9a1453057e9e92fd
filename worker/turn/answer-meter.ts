/**
 * Looks at an answer beside its way to the client. The bytes are split by the platform: the client's branch never
 * enters JavaScript, so that metering delays and changes nothing (docs/decisions/0007).
 */

/** How an answer ended: by itself, because the client left, or because the upstream's connection broke. */
export type Ending = 'complete' | 'client_gone' | 'upstream_cut';

export interface Observer {
  /** A chunk passed; must not throw. */
  seen(chunk: Uint8Array): void;
  /** The answer ended; only the first call counts. */
  ended(ending: Ending): void;
}

/**
 * A client may close as soon as it has the last byte, before that byte was metered: an answer that ends within
 * this time of the client's leaving ended by itself.
 */
const LAST_BYTES_MS = 25;

/**
 * The client's branch of `body`. `clientSignal` fires when the client leaves; then `abort` cancels the upstream,
 * for a split stream would otherwise run to its end.
 */
export function observe(
  body: ReadableStream<Uint8Array>,
  observer: Observer,
  clientSignal: AbortSignal,
  abort: () => void,
): ReadableStream<Uint8Array> {
  const [forClient, forMeter] = body.tee();
  const reader = forMeter.getReader();
  const leave = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, LAST_BYTES_MS));
    observer.ended('client_gone');
    abort();
    await reader.cancel().catch(() => undefined);
  };
  const left = (): void => void leave();
  if (clientSignal.aborted) left();
  else clientSignal.addEventListener('abort', left, { once: true });
  void readAll(reader, observer, clientSignal).then(() => clientSignal.removeEventListener('abort', left));
  return forClient;
}

async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  observer: Observer,
  clientSignal: AbortSignal,
): Promise<void> {
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return observer.ended('complete');
      observer.seen(value);
    }
  } catch {
    observer.ended(clientSignal.aborted ? 'client_gone' : 'upstream_cut');
  }
}
