/** What came of sending one message to one destination, once. Texts are for people and hold no credential. */
export type Outcome =
  | { result: 'delivered'; status: number | null; said: string }
  /** To be tried again, not before `retryAfterMs` where the destination said so. */
  | { result: 'later'; status: number | null; problem: string; retryAfterMs: number | null }
  /** Trying again changes nothing. `isGone`: the receiver wants nothing more. */
  | { result: 'final'; status: number | null; problem: string; isGone: boolean };

export function delivered(status: number | null, said: string): Outcome {
  return { result: 'delivered', status, said };
}

export function later(status: number | null, problem: string, retryAfterMs: number | null = null): Outcome {
  return { result: 'later', status, problem, retryAfterMs };
}

export function final(status: number | null, problem: string, isGone = false): Outcome {
  return { result: 'final', status, problem, isGone };
}

/** A bug in writing one message holds up no other: it is tried again, and ends as a dead letter. Never rejects. */
export async function attempted(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work();
  } catch (error) {
    console.error({ message: 'an alert was not written', error: String(error) });
    return later(null, 'Bursar could not write the message');
  }
}
