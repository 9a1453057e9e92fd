/** Calls to a wallet that must not be lost: tried again, with the same ids, until they answer or time is up. */
import { withinTime } from '../../durable-objects/ledger/deadline.ts';

/** How long a turn or a relayed call waits for its wallet before its client is told to try again. */
export const WALLET_LIMIT_MS = 2_000;

const FIRST_WAIT_MS = 50;
const LAST_WAIT_MS = 1_000;
/** An attempt that has not answered by then is given up, and another one made where there is time left. */
const ATTEMPT_LIMIT_MS = 5_000;

/**
 * Repeats `call` until it answers; null where it did not within `limitMs`. `call` must be idempotent: an answer
 * that was lost does not undo what was done.
 */
export async function callWallet<T>(call: () => Promise<T>, limitMs: number): Promise<T | null> {
  const deadlineMs = Date.now() + limitMs;
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(waitMs * 2, LAST_WAIT_MS)) {
    const leftMs = deadlineMs - Date.now();
    if (leftMs <= 0) return null;
    const answer = await attempt(call, Math.min(leftMs, ATTEMPT_LIMIT_MS));
    if (answer) return answer.value;
    await new Promise((resolve) =>
      setTimeout(resolve, Math.min(waitMs, Math.max(0, deadlineMs - Date.now()))),
    );
  }
}

/** Null where the call was rejected (the object restarted, was overloaded or away) or did not answer in time. */
async function attempt<T>(call: () => Promise<T>, limitMs: number): Promise<{ value: T } | null> {
  try {
    return { value: await withinTime(call(), limitMs) };
  } catch (error) {
    console.warn({ message: 'the wallet did not answer', error: String(error) });
    return null;
  }
}
