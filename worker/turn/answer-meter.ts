/** Passes an answer's bytes through untouched and looks at each chunk beside it; nothing is kept or held back. */

/** How an answer ended: by itself, because the client left, or because the upstream's connection broke. */
export type Ending = 'complete' | 'client_gone' | 'upstream_cut';

export interface Observer {
  /** A chunk passed; must not throw. */
  seen(chunk: Uint8Array): void;
  /** Called exactly once. */
  ended(ending: Ending): void;
}

/**
 * The same bytes as a stream for the client. `abort` cancels the upstream; `clientSignal` fires where the
 * platform notices a client that left while nothing was being written.
 */
export function passThrough(
  body: ReadableStream<Uint8Array>,
  observer: Observer,
  clientSignal: AbortSignal,
  abort: () => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let isOver = false;
  const end = (ending: Ending): void => {
    if (isOver) return;
    isOver = true;
    observer.ended(ending);
  };
  const leave = async (reason?: unknown): Promise<void> => {
    end('client_gone');
    abort();
    await reader.cancel(reason).catch(() => undefined);
  };
  clientSignal.addEventListener('abort', () => void leave(), { once: true });
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (done) {
            end('complete');
            controller.close();
            return;
          }
          observer.seen(value);
          controller.enqueue(value);
        } catch (error) {
          end(clientSignal.aborted ? 'client_gone' : 'upstream_cut');
          controller.error(error);
        }
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  );
}
