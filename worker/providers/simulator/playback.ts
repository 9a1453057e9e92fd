/** Performs a script as a response body, in time, until its end or until nobody listens any more. */
import type { Step } from './script.ts';
import { stall, wait } from './wait.ts';

/** What a broken connection looks like to the reader of a body. */
export function connectionCut(): TypeError {
  return new TypeError('simulated: the connection was cut');
}

/**
 * Plays the script. Aborting `signal` breaks the body off with the signal's reason within a tick, also in a
 * pause or a stall; cancelling the body ends the play the same way. Neither leaves a timer.
 */
export function playScript(script: Step[], signal: AbortSignal): ReadableStream<Uint8Array> {
  const cancelled = new AbortController();
  const stop = AbortSignal.any([signal, cancelled.signal]);
  const encoder = new TextEncoder();
  const steps = script.values();
  const source: UnderlyingSource<Uint8Array> = {
    async pull(controller) {
      const { value: step, done } = steps.next();
      if (done) return controller.close();
      if (step.kind === 'cut') return controller.error(connectionCut());
      if (step.kind === 'stall') return stall(stop);
      await wait(step.afterMs, stop);
      controller.enqueue(encoder.encode(step.text));
    },
    cancel(reason) {
      cancelled.abort(reason);
    },
  };
  // Nothing is played ahead of its reader: what waits in a queue would still be read after an abort.
  return new ReadableStream(source, { highWaterMark: 0 });
}
