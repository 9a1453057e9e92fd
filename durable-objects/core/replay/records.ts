/**
 * State that may be larger than memory: records by name, read when they are needed, written at checkpoints when they
 * changed, and forgotten there when too many are in memory. Between two checkpoints all that was touched stays.
 */
import type { ReplayStore } from './types.ts';

export interface Kept<T> {
  value: T;
  /** Set by whoever changes the value. */
  isChanged: boolean;
  /** The checkpoint it was used before. */
  usedAt: number;
}

/** How a value is written down. */
export interface Form<T> {
  toText(value: T): string;
  /** Of a text that `toText` made. */
  fromText(text: string): T;
}

export interface RecordKind<T> {
  /** Begins the keys; no other kind has it. */
  prefix: string;
  /** Records kept in memory beyond a checkpoint, about. */
  most: number;
  form: Form<T>;
}

/** Values that JSON holds as they are. */
export function asJson<T>(): Form<T> {
  return { toText: (value) => JSON.stringify(value), fromText: (text) => JSON.parse(text) as T };
}

export class Records<T> {
  readonly #store: ReplayStore;
  readonly #kind: RecordKind<T>;
  readonly #kept = new Map<string, Kept<T>>();
  readonly #deleted = new Set<string>();
  #checkpoint = 0;

  constructor(store: ReplayStore, kind: RecordKind<T>) {
    this.#store = store;
    this.#kind = kind;
  }

  /** The record of a name; null where there is none. Not to be held beyond a checkpoint. */
  find(name: string): Kept<T> | null {
    const known = this.#kept.get(name);
    if (known) {
      known.usedAt = this.#checkpoint;
      return known;
    }
    const text = this.#deleted.has(name) ? null : this.#store.read(this.#kind.prefix + name);
    return text === null ? null : this.#keep(name, this.#kind.form.fromText(text), false);
  }

  /** The same, made where there was none; one that is not changed afterwards is not written. */
  findOrMake(name: string, make: () => T): Kept<T> {
    return this.find(name) ?? this.#keep(name, make(), false);
  }

  put(name: string, value: T): void {
    this.#keep(name, value, true);
  }

  delete(name: string): void {
    this.#kept.delete(name);
    this.#deleted.add(name);
  }

  #keep(name: string, value: T, isChanged: boolean): Kept<T> {
    const kept = { value, isChanged, usedAt: this.#checkpoint };
    this.#kept.set(name, kept);
    this.#deleted.delete(name);
    return kept;
  }

  /** Writes what changed since the last time, and forgets what was not used lately where there is too much. */
  checkpoint(): void {
    const { prefix, most, form } = this.#kind;
    for (const name of this.#deleted) this.#store.write(prefix + name, null);
    this.#deleted.clear();
    for (const [name, kept] of this.#kept) {
      if (!kept.isChanged) continue;
      this.#store.write(prefix + name, form.toText(kept.value));
      kept.isChanged = false;
    }
    if (this.#kept.size > most) this.#forget(this.#kept.size - most / 2);
    this.#checkpoint += 1;
  }

  /** Forgets about as many, those that were not used longest first. */
  #forget(count: number): void {
    const ages = [...this.#kept.values()].map(({ usedAt }) => usedAt).sort((a, b) => a - b);
    const before = ages[Math.min(ages.length - 1, Math.floor(count))] ?? 0;
    for (const [name, { usedAt }] of this.#kept) if (usedAt <= before) this.#kept.delete(name);
  }
}
