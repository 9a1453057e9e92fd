/**
 * Chance that repeats: the same seed text draws the same numbers on every machine (sfc32, seeded by an FNV-1a
 * hash). Not for secrets.
 */
export class Random {
  #a: number;
  #b = 0x9e3779b9;
  #c = 0x243f6a88;
  #counter = 1;

  constructor(seed: string) {
    this.#a = hashOf(seed);
    // The first draws still look like the seed.
    for (let drawn = 0; drawn < 12; drawn += 1) this.next();
  }

  /** From 0 up to, but not, 1. */
  next(): number {
    const drawn = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + drawn;
    return (drawn >>> 0) / 2 ** 32;
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  between(from: number, to: number): number {
    return from + (to - from) * this.next();
  }

  /** An integer; both ends can be drawn. */
  integer(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  /** A factor around 1 whose logarithm has the deviation `sigma`: positive, with a long tail upward. */
  factor(sigma: number): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return Math.exp(sigma * radius * Math.cos(2 * Math.PI * this.next()));
  }

  logNormal(median: number, sigma: number): number {
    return median * this.factor(sigma);
  }

  /** One of these, as often as its weight says. */
  weighted<T>(choices: readonly (readonly [choice: T, weight: number])[]): T {
    let left = this.next() * choices.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [choice, weight] of choices) {
      left -= weight;
      if (left < 0) return choice;
    }
    const last = choices.at(-1);
    if (!last) throw new RangeError('nothing to choose from');
    return last[0];
  }

  hex(digits: number): string {
    return Array.from({ length: digits }, () => this.integer(0, 15).toString(16)).join('');
  }

  /** Looks like a random UUID (version 4). */
  uuid(): string {
    const variant = this.integer(8, 11).toString(16);
    return `${this.hex(8)}-${this.hex(4)}-4${this.hex(3)}-${variant}${this.hex(3)}-${this.hex(12)}`;
  }
}

/** FNV-1a over UTF-16 units, 32 bits. */
export function hashOf(text: string, from = 0x811c9dc5): number {
  let hash = from;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
