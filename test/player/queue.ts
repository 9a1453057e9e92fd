/** Things that are due at instants, taken out in their order; a binary heap. */
export class Queue<T> {
  readonly #heap: { atMs: number; order: number; item: T }[] = [];
  #order = 0;

  /** Of things due at the same instant, the one put first comes first. */
  put(atMs: number, item: T): void {
    this.#order += 1;
    this.#heap.push({ atMs, order: this.#order, item });
    this.#rise(this.#heap.length - 1);
  }

  nextMs(): number | null {
    return this.#heap[0]?.atMs ?? null;
  }

  take(): T | null {
    const [first] = this.#heap;
    const last = this.#heap.pop();
    if (!first || !last) return null;
    if (this.#heap.length > 0) {
      this.#heap[0] = last;
      this.#sink(0);
    }
    return first.item;
  }

  #isBefore(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (!x || !y) return false;
    return x.atMs < y.atMs || (x.atMs === y.atMs && x.order < y.order);
  }

  #swap(a: number, b: number): void {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (!x || !y) return;
    this.#heap[a] = y;
    this.#heap[b] = x;
  }

  #rise(from: number): void {
    for (let at = from; at > 0; ) {
      const above = (at - 1) >> 1;
      if (!this.#isBefore(at, above)) return;
      this.#swap(at, above);
      at = above;
    }
  }

  #sink(from: number): void {
    for (let at = from; ; ) {
      const left = 2 * at + 1;
      const least = this.#isBefore(left + 1, left) ? left + 1 : left;
      if (!this.#isBefore(least, at)) return;
      this.#swap(at, least);
      at = least;
    }
  }
}
