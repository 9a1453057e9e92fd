/**
 * The time a model spent at work without showing it: what a turn is charged for, by time, when its client leaves
 * before the upstream has said how much was thought. Time in which output streams is not silence; that output is
 * counted by its characters.
 */

/** Between two pieces of shown thinking, a shorter pause is the stream's rhythm and not silence. */
const RHYTHM_MS = 1000;

/** `whole`: the pause counts from its start; `long`: only if it outlasts the rhythm; `none`: not at all. */
export type Pause = 'whole' | 'long' | 'none';

export class Silence {
  #pastMs = 0;
  #pause: Pause = 'none';
  #sinceMs = 0;

  /** Ends the pause that lasts and begins another. */
  turn(pause: Pause, nowMs: number): void {
    this.#pastMs = this.total(nowMs);
    this.#pause = pause;
    this.#sinceMs = nowMs;
  }

  /** All silence so far in ms, the pause that still lasts included. */
  total(nowMs: number): number {
    // The caller's clock may step back between two chunks; silence never shrinks.
    const lasting = Math.max(0, nowMs - this.#sinceMs);
    const counts = this.#pause === 'whole' || (this.#pause === 'long' && lasting >= RHYTHM_MS);
    return counts ? this.#pastMs + lasting : this.#pastMs;
  }
}
