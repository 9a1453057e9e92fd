/** Chance that a seed repeats (mulberry32). */
export interface Chance {
  /** From 0 inclusive to 1 exclusive. */
  next(): number;
  happens(probability: number): boolean;
  /** An integer from 0 to below `bound`. */
  below(bound: number): number;
}

export function seeded(seed: number): Chance {
  let state = Math.imul(seed + 1, 0x9e3779b9) >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return { next, happens: (p) => next() < p, below: (bound) => Math.floor(next() * bound) };
}
