/** Waiting for what another process does, where it has no event to offer. */
import { setTimeout as pause } from 'node:timers/promises';

const EVERY_MS = 50;

/** The first value of `look` that is not null; throws, naming `what`, when none came within `withinMs`. */
export async function eventually<T>(
  what: string,
  withinMs: number,
  look: () => T | null | Promise<T | null>,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (Date.now() > deadline) throw new Error(`${what} did not come within ${withinMs} ms`);
    await pause(EVERY_MS);
  }
}
