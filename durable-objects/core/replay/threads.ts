/**
 * What each world remembers of the threads: their history, where it differs from the recorded one, and the step down
 * that sticks.
 */
import { type SessionHistory, threadOf } from '../history.ts';
import type { Step } from '../step.ts';
import { type Form, type Kept, Records } from './records.ts';
import type { ReplayEntry, ReplayStore } from './types.ts';

export interface ThreadWorld {
  /** Undefined: the recorded one, because so far the thread was served as in reality. */
  own: SessionHistory | null | undefined;
  step: Step | null;
}

export interface Thread {
  /** When its session began, epoch ms: one of the same name that begins later is another. */
  lifeMs: number;
  worlds: ThreadWorld[];
}

/** Written with each distinct value once: worlds of a draft mostly share theirs, and go on doing so after a reading. */
interface ThreadText {
  lifeMs: number;
  /** How many worlds. */
  count: number;
  histories: (SessionHistory | null)[];
  steps: Step[];
  /** World, place in `histories` (-1: as recorded), place in `steps` (-1: none); worlds with neither are left out. */
  worlds: [number, number, number][];
}

function placeIn<T>(list: T[], value: T): number {
  const known = list.indexOf(value);
  return known >= 0 ? known : list.push(value) - 1;
}

export const threadForm: Form<Thread> = {
  toText({ lifeMs, worlds }) {
    const text: ThreadText = { lifeMs, count: worlds.length, histories: [], steps: [], worlds: [] };
    worlds.forEach(({ own, step }, world) => {
      if (own === undefined && step === null) return;
      const history = own === undefined ? -1 : placeIn(text.histories, own);
      text.worlds.push([world, history, step === null ? -1 : placeIn(text.steps, step)]);
    });
    return JSON.stringify(text);
  },
  fromText(text) {
    const { lifeMs, count, histories, steps, worlds } = JSON.parse(text) as ThreadText;
    const thread: Thread = { lifeMs, worlds: unmarked(count) };
    for (const [world, history, step] of worlds) {
      const own = history < 0 ? undefined : (histories[history] ?? null);
      thread.worlds[world] = { own, step: steps[step] ?? null };
    }
    return thread;
  },
};

function unmarked(count: number): ThreadWorld[] {
  return Array.from({ length: count }, () => ({ own: undefined, step: null }));
}

/** Threads in memory beyond a checkpoint. */
const MOST_THREADS = 4_000;

export class Threads {
  readonly #records: Records<Thread>;
  readonly #worlds: number;

  constructor(worlds: number, store: ReplayStore) {
    this.#worlds = worlds;
    this.#records = new Records(store, { prefix: 'thread ', most: MOST_THREADS, form: threadForm });
  }

  /**
   * The thread of an entry. One that is met first begins with the recorded step in the world as it was, and with none
   * in the others: a draft would have made its own.
   */
  of({ facts, inputs }: Pick<ReplayEntry, 'facts' | 'inputs'>, lifeMs: number): Kept<Thread> {
    const name = `${facts.session} ${threadOf(facts)}`;
    const kept = this.#records.findOrMake(name, () => ({ lifeMs: Number.NaN, worlds: [] }));
    if (kept.value.lifeMs === lifeMs) return kept;
    const worlds = unmarked(this.#worlds);
    const [asItWas] = worlds;
    if (asItWas) asItWas.step = inputs.earlier.length > 0 ? null : inputs.step;
    kept.value = { lifeMs, worlds };
    kept.isChanged = true;
    return kept;
  }

  checkpoint(): void {
    this.#records.checkpoint();
  }
}
