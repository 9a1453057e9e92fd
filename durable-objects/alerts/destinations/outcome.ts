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
