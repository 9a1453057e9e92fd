/** What may be asked of a dry run's object: one object a dry run. */
import type { Renaming } from '../core/pseudonym.ts';
import type { Calibration, DraftResult, ReplayEvent, ReplayResult } from '../core/replay/types.ts';

export interface DryRunProgress {
  /** Entries of the ledger replayed so far, and in the span. */
  rowsDone: number;
  rowsTotal: number;
  /** Seconds still to go at the present pace; null before the first entry. */
  etaS: number | null;
}

/** Null: any. */
export interface EventFilter {
  /** By its place among the drafts, from 0. */
  draft: number | null;
  kind: ReplayEvent['kind'] | null;
  session: string | null;
}

export interface KeptEvent extends ReplayEvent {
  /** Rises in the order the replay came to it. */
  id: number;
  draft: number;
}

/** A draft's result as D1 has it. */
export type KeptResult = DraftResult &
  Pick<ReplayResult, 'assumptions'> & {
    calibration: Calibration;
    /** Of all that would have happened, what the events do not list: there were too many to keep. */
    events_left_out: number;
  };

export interface DryRunRpc {
  /** Begins the dry run of this id, or has it go on; can be repeated. */
  start(id: string): Promise<void>;
  /** Null where it was never started, or is over. */
  progress(): Promise<DryRunProgress | null>;
  /** In order of id, from after `after` on. */
  events(filter: EventFilter, page: { after: number; limit: number }): Promise<KeptEvent[]>;
  /** Stops it and drops what it kept: D1 has it as cancelled. */
  cancel(): Promise<void>;
  /** Deletes all that is kept here. Can be repeated. */
  empty(): Promise<void>;
  /**
   * Puts a pseudonym in a developer's place in all that is kept here; a replay that is under way begins anew, with the
   * names the ledger has now. Can be repeated.
   */
  rename(renaming: Renaming): Promise<void>;
}
