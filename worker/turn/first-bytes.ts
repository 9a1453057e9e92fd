/** The beginning of an answer, waited for before anything goes to the client, and the rest of it. */

/** An answer's body, of which something may have been read. */
export interface Source {
  reader: ReadableStreamDefaultReader<Uint8Array>;
  /** Read already, and to be passed on first; null: nothing, or nothing came. */
  first: Uint8Array | null;
}

/** The body with its first bytes, once there are some or it ended. Rejects where it breaks before. */
export async function readFirst(body: ReadableStream<Uint8Array>): Promise<Source> {
  const reader = body.getReader();
  const { value } = await reader.read();
  return { reader, first: value ?? null };
}

/** Time is up, and there is another provider to go to. */
export class FirstByteLate extends Error {}

/**
 * Waits for `answer` at most `limitMs` (null: as long as it takes); then calls `giveUp` and rejects with FirstByteLate.
 */
export async function inTime<T>(answer: Promise<T>, limitMs: number | null, giveUp: () => void): Promise<T> {
  if (limitMs === null) return await answer;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new FirstByteLate(`no first byte within ${limitMs} ms`));
    giveUp();
  }, limitMs);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
