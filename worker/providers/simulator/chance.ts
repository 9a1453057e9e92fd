/** Repeatable chance: everything a simulated answer leaves open is drawn from a hash of what was asked. */

/** A 53-bit hash of a text (cyrb53 by bryc, public domain): spreads well, protects nothing. */
export function hashText(text: string, seed = 0): number {
  let high = 0xdeadbeef ^ seed;
  let low = 0x41c6ce57 ^ seed;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return 4294967296 * (2097151 & low) + (high >>> 0);
}

/** Draws whole numbers from `min` to `max`, both included; the same seed draws the same row. */
export type Draw = (min: number, max: number) => number;

export function createDraw(seed: number): Draw {
  let drawn = 0;
  return (min, max) => {
    drawn += 1;
    return min + (hashText(`${seed}:${drawn}`) % (max - min + 1));
  };
}

/** An id with the look of the API's own, such as `msg_sim00000k3j9x2vqp`. */
export function simulatedId(prefix: string, seed: number): string {
  return `${prefix}_sim${seed.toString(36).padStart(16, '0')}`;
}
