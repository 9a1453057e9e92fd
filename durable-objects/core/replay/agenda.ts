/**
 * What is due between one turn's opening and the next. What was recorded comes in the wallet's own order, which its
 * count of settlements tells exactly; what only a world of the replay has comes by the instant.
 */
import { Queue } from './queue.ts';
import type { ReplayEntry } from './types.ts';

/** A settlement, or a decision made anew, of every world that goes by the recorded times. */
export interface RecordedDue {
  what: 'book' | 'anew';
  turnId: string;
  /** Place among the turn's bookings, or its earlier decisions. */
  index: number;
  /** The settlement's number; of a decision made anew, the count of them by then. */
  settleSeq: number;
  /** Of a decision made anew, the turn that was opened last by then. */
  openSeq: number;
  atMs: number;
}

/** Of one world: a turn that comes back, its bookings, one of a turn that reality refused, the end of a residual. */
export interface TimedDue {
  what: 'retry' | 'book' | 'added' | 'release';
  turnId: string;
  index: number;
  world: number;
  atMs: number;
  /** Of things due at the same instant, the one put first comes first. */
  order: number;
}

export interface AgendaState {
  recorded: readonly RecordedDue[];
  timed: readonly TimedDue[];
  order: number;
}

function isRecordedBefore(a: RecordedDue, b: RecordedDue): boolean {
  if (a.settleSeq !== b.settleSeq) return a.settleSeq < b.settleSeq;
  if (a.what !== b.what) return a.what === 'book';
  if (a.openSeq !== b.openSeq) return a.openSeq < b.openSeq;
  return a.turnId !== b.turnId ? a.turnId < b.turnId : a.index < b.index;
}

function isTimedBefore(a: TimedDue, b: TimedDue): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Whether it had happened when a turn was opened; by the instants where the turn doesn't say what it had seen. */
function precedes(due: RecordedDue, { inputs, openSeq, admittedAtMs }: ReplayEntry): boolean {
  if (inputs.settleSeq === null) return due.atMs <= admittedAtMs;
  return due.settleSeq <= inputs.settleSeq && (due.what === 'book' || due.openSeq < openSeq);
}

export class Agenda {
  readonly #recorded = new Queue(isRecordedBefore);
  readonly #timed = new Queue(isTimedBefore);
  #order: number;

  constructor(state: AgendaState | null) {
    this.#order = state?.order ?? 0;
    for (const due of state?.recorded ?? []) this.#recorded.put(due);
    for (const due of state?.timed ?? []) this.#timed.put(due);
  }

  get state(): AgendaState {
    return { recorded: this.#recorded.items(), timed: this.#timed.items(), order: this.#order };
  }

  putRecorded(due: RecordedDue): void {
    this.#recorded.put(due);
  }

  putTimed(due: Omit<TimedDue, 'order'>): void {
    this.#order += 1;
    this.#timed.put({ ...due, order: this.#order });
  }

  /** Takes the next thing that is due before a turn is opened (null: before the end of all); null where nothing is. */
  take(opening: ReplayEntry | null): RecordedDue | TimedDue | null {
    const recorded = this.#recorded.next();
    const timed = this.#timed.next();
    const isDue = recorded !== null && (opening === null || precedes(recorded, opening));
    const isTimedDue = timed !== null && (opening === null || timed.atMs <= opening.admittedAtMs);
    if (isTimedDue && !(isDue && recorded.atMs <= timed.atMs)) return this.#timed.take();
    return isDue ? this.#recorded.take() : null;
  }
}
