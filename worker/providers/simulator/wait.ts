/** Waiting that ends at once, and leaves no timer behind, when its signal is aborted. */

/** Longer than any client waits; with a timer under way the runtime does not take the request for hung. */
const FOR_GOOD_MS = 900_000;

/** Resolves after `ms`, at once for 0 or less; rejects with the signal's reason as soon as it is aborted. */
export function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    if (ms <= 0) return resolve();
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, ms);
    signal.addEventListener('abort', abort, { once: true });
  });
}

/** Never resolves while anybody is there to see it. */
export async function stall(signal: AbortSignal): Promise<never> {
  for (;;) await wait(FOR_GOOD_MS, signal);
}
