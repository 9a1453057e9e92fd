/** The raises of the time, as they were in force. */
import { MAX_LIMIT_NANO_USD, type NanoUsd, nanoUsd } from '../money.ts';
import type { RecordedRaise } from './types.ts';

export class Raises {
  readonly #byBudget: ReadonlyMap<string, readonly RecordedRaise[]>;

  constructor(raises: readonly RecordedRaise[]) {
    this.#byBudget = Map.groupBy(raises, ({ budget }) => budget);
  }

  /** What raises add to a budget's limit for a subject at an instant; at most what a limit can be. */
  extra(budget: string, subject: string, atMs: number): NanoUsd {
    let sum = 0;
    for (const raise of this.#byBudget.get(budget) ?? []) {
      if (isFor(raise, subject) && raise.fromMs <= atMs && atMs < raise.untilMs) sum += raise.extraNanoUsd;
    }
    return nanoUsd(Math.min(sum, MAX_LIMIT_NANO_USD));
  }

  /** When the next raise after an instant begins for a subject of a budget; null where none does. */
  nextMs(budget: string, subject: string, atMs: number): number | null {
    const begins = (this.#byBudget.get(budget) ?? [])
      .filter((raise) => isFor(raise, subject) && raise.fromMs > atMs)
      .map(({ fromMs }) => fromMs);
    return begins.length === 0 ? null : Math.min(...begins);
  }
}

function isFor(raise: RecordedRaise, subject: string): boolean {
  return raise.subject === null || raise.subject === subject;
}
