/** Things that are due, taken out in their order; a binary heap. */

export class Queue<T> {
  readonly #isBefore: (a: T, b: T) => boolean;
  readonly #heap: T[] = [];

  /** `isBefore` has to be a strict order without ties. */
  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore;
  }

  put(item: T): void {
    this.#heap.push(item);
    for (let at = this.#heap.length - 1; at > 0; ) {
      const above = (at - 1) >> 1;
      if (!this.#swapIfBefore(at, above)) return;
      at = above;
    }
  }

  /** What is due next; null where nothing is. */
  next(): T | null {
    return this.#heap[0] ?? null;
  }

  take(): T | null {
    const [first] = this.#heap;
    const last = this.#heap.pop();
    if (first === undefined || last === undefined) return null;
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#sink();
    }
    return first;
  }

  /** All of them, in no particular order. */
  items(): readonly T[] {
    return this.#heap;
  }

  #sink(): void {
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const [one, other] = [this.#heap[left], this.#heap[left + 1]];
      const least = other !== undefined && one !== undefined && this.#isBefore(other, one) ? left + 1 : left;
      if (!this.#swapIfBefore(least, at)) return;
      at = least;
    }
  }

  /** Swaps two places where the first's comes before; false where it stays. */
  #swapIfBefore(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a], this.#heap[b]];
    if (one === undefined || other === undefined || !this.#isBefore(one, other)) return false;
    this.#heap[a] = other;
    this.#heap[b] = one;
    return true;
  }
}
