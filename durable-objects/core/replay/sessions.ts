/** When each session of the replay began and was last active, and in which worlds it is paused. */
import { SESSION_KEPT_MS, sessionWindowStart } from '../session.ts';
import { asJson, type Kept, Records } from './records.ts';
import type { ReplayStore } from './types.ts';

/** A turn was refused for good: the session's later ones do not happen. */
export interface Pause {
  atMs: number;
  /** Null: for as long as the session lasts. */
  untilMs: number | null;
  developer: string;
  budget: string;
  /** Whether the turns that came after in reality do not happen. */
  isBlocking: boolean;
  /** Turns that did not happen, so far. */
  lost: number;
}

export interface Session {
  startedAtMs: number;
  lastAtMs: number;
  /** A turn of it was refused for good in reality. */
  isRefused: boolean;
  /** By world; null: not paused. */
  pauses: (Pause | null)[];
}

/** Sessions in memory beyond a checkpoint. */
const MOST_SESSIONS = 10_000;

export class Sessions {
  readonly #records: Records<Session>;
  readonly #worlds: number;

  constructor(worlds: number, store: ReplayStore) {
    this.#worlds = worlds;
    this.#records = new Records(store, { prefix: 'session ', most: MOST_SESSIONS, form: asJson<Session>() });
  }

  /** The session, active at an instant; one that was idle for too long is another of the same name. */
  touch(name: string, atMs: number): Kept<Session> {
    const kept = this.#records.findOrMake(name, () => this.#begun(atMs));
    if (kept.value.lastAtMs < atMs - SESSION_KEPT_MS) kept.value = this.#begun(atMs);
    kept.value.lastAtMs = Math.max(kept.value.lastAtMs, atMs);
    kept.isChanged = true;
    return kept;
  }

  #begun(atMs: number): Session {
    const pauses = Array.from({ length: this.#worlds }, () => null);
    return { startedAtMs: atMs, lastAtMs: atMs, isRefused: false, pauses };
  }

  checkpoint(): void {
    this.#records.checkpoint();
  }
}

/** From when the session's own budgets count, epoch ms. */
export function windowStartOf({ startedAtMs }: Session): number {
  return sessionWindowStart(startedAtMs);
}
