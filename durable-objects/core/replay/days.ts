/** The days of a draft: what their turns cost, and how far each budget came. */
import { nanoUsd } from '../money.ts';
import { type Standing, utilization } from '../standing.ts';
import { windowAt } from '../window.ts';
import { asJson, type Kept, Records } from './records.ts';
import type { DraftTally } from './tally.ts';
import type { ReplayStore } from './types.ts';

export interface BudgetDayTally {
  spendNanoUsd: number;
  /** Of the subject that came furthest. */
  peak: number;
  end: number;
  subject: string;
}

export interface DayTally {
  turns: number;
  actualNanoUsd: number;
  replayedNanoUsd: number;
  refused: number;
  downgraded: number;
  routed: number;
  /** By budget, those with money. */
  budgets: Record<string, BudgetDayTally>;
}

const MOST_DAYS = 100;

export class Days {
  readonly #records: Records<DayTally>;
  /** By draft, the day asked for last since the last checkpoint. */
  #lately: ({ startMs: number; endMs: number; day: Kept<DayTally> } | undefined)[] = [];

  constructor(store: ReplayStore) {
    this.#records = new Records(store, { prefix: 'day ', most: MOST_DAYS, form: asJson<DayTally>() });
  }

  /** The day of a draft that an instant falls in; to be changed by whoever asks for it. */
  at(draft: number, tally: DraftTally, timezone: string, atMs: number): DayTally {
    const lately = this.#lately[draft];
    if (lately && lately.startMs <= atMs && atMs < lately.endMs) return changed(lately.day);
    const { startMs, endMs } = windowAt('day', timezone, atMs);
    const name = `${draft} ${startMs}`;
    const known = this.#records.find(name);
    if (!known) tally.days.push(startMs);
    const day = known ?? this.#records.findOrMake(name, noTurns);
    this.#lately[draft] = { startMs, endMs, day };
    return changed(day);
  }

  /** A day that `at` gave once. */
  find(draft: number, startMs: number): DayTally | null {
    return this.#records.find(`${draft} ${startMs}`)?.value ?? null;
  }

  checkpoint(): void {
    this.#records.checkpoint();
    this.#lately = [];
  }
}

function noTurns(): DayTally {
  return {
    turns: 0,
    actualNanoUsd: 0,
    replayedNanoUsd: 0,
    refused: 0,
    downgraded: 0,
    routed: 0,
    budgets: {},
  };
}

function changed(kept: Kept<DayTally>): DayTally {
  kept.isChanged = true;
  return kept.value;
}

/** Notes money that a budget's subject spent on the day, and where that brought it. */
export function noteStanding({ budgets }: DayTally, standing: Standing, nano: number): void {
  const { budget, subject } = standing;
  const used = utilization(standing);
  const known = budgets[budget.id];
  if (!known) {
    budgets[budget.id] = { spendNanoUsd: nano, peak: used, end: used, subject };
    return;
  }
  known.spendNanoUsd = nanoUsd(known.spendNanoUsd + nano);
  if (used > known.peak) Object.assign(known, { peak: used, end: used, subject });
  else if (known.subject === subject) known.end = used;
}
