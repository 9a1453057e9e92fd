/**
 * The work, a slice at a time: each reads from D1, replays what it read, and moves state, events and cursor in one
 * transaction. So a slice that is cut off was never there, and none counts twice.
 */
import { toReplayEntry } from '../core/replay/entry.ts';
import { Replay } from '../core/replay/replay.ts';
import type { ReplaySetup } from '../core/replay/types.ts';
import { awayDaysQuery, awayDaysSentence } from '../ledger/away-days.ts';
import { ask, DatabaseAway } from './database.ts';
import { Job, type JobState } from './job.ts';
import {
  type EntryPosition,
  OPEN_MS,
  type PageRow,
  pageQuery,
  positionBefore,
  positionOf,
  type SeedRow,
  seedQuery,
} from './pages.ts';
import { noteFailure, noteProgress, noteRunning, noteSuccess, unfinishedQuery } from './record.ts';
import { ReplayState } from './replay-state.ts';
import { Results } from './results.ts';
import { keepSetup, readSetup, seedStartMs, setupQueries } from './setup.ts';

/** How much is done at once. */
export interface Limits {
  /** Entries a slice: some 3 MB of rows. */
  rowsASlice: number;
  /** Slices a run, and milliseconds after which a run begins no further one. */
  slicesARun: number;
  runMs: number;
  /** Events kept; those that come later are only counted. */
  events: number;
}

/** Spend before the span is summed for so long a part of it at once. */
const SEED_PART_MS = 86_400_000;
/** D1 is told of the progress so often. */
const NOTE_EVERY_MS = 5_000;
const FIRST_WAIT_MS = 1_000;
const LAST_WAIT_MS = 60_000;
/** A job that D1 has not answered for so long fails. */
const GIVE_UP_MS = 86_400_000;

interface Engine {
  setup: ReplaySetup;
  replay: Replay;
  seedStartMs: number;
}

export class Slices {
  readonly job: Job;
  readonly state: ReplayState;
  readonly results: Results;
  readonly #storage: DurableObjectStorage;
  readonly #db: D1Database;
  readonly #now: () => number;
  /** The replay in memory, as the last transaction left it; null: to be made from what is kept. */
  #engine: Engine | null = null;
  /** Counts what changes the job from outside: an answer asked for before is of no use then. */
  #turns = 0;
  #notedMs = 0;
  /** D1's answer to what came of it; null while it is not being told. */
  #telling: Promise<unknown> | null = null;
  #markedMs = 0;

  constructor(storage: DurableObjectStorage, db: D1Database, now: () => number) {
    this.#storage = storage;
    this.#db = db;
    this.#now = now;
    this.job = new Job(storage.sql);
    this.state = new ReplayState(storage.sql);
    this.results = new Results(storage.sql);
  }

  /** Works for a while; in how many ms to go on, null where there is nothing left to do. Never rejects. */
  async run(limits: Limits): Promise<number | null> {
    const startedMs = this.#now();
    this.state.mostEvents = limits.events;
    this.#markedMs = startedMs;
    for (let slices = 0; slices < limits.slicesARun && this.#now() - startedMs < limits.runMs; slices += 1) {
      const job = this.job.read();
      if (!job || job.phase === 'over') return null;
      const waitMs = await this.#slice(job, limits.rowsASlice);
      if (waitMs > 0) return waitMs;
    }
    return 0;
  }

  /** Waits until D1 has answered what it is being told: afterwards nothing that was sent before is still on its way. */
  async told(): Promise<void> {
    await this.#telling?.catch(() => undefined);
  }

  /** Changes the job from outside of its slices, in one transaction. */
  interrupt(change: () => void): void {
    this.#turns += 1;
    this.#engine = null;
    this.#storage.transactionSync(change);
  }

  /** Ends it without a result, and without its events. Call it inside a transaction. */
  cancel(): void {
    this.state.forgetEvents();
    this.close();
  }

  /** Ends the job: nothing of it is kept but the row that says so. Call it inside a transaction. */
  close(): void {
    this.state.forget();
    this.results.forget();
    this.#storage.sql.exec('DELETE FROM setup');
    this.job.move({ phase: 'over', cursor: null, waitingSinceMs: null });
  }

  /** One slice; in how many ms to go on. */
  async #slice(job: JobState, rows: number): Promise<number> {
    try {
      const turn = this.#turns;
      const apply = await this.#ask(job, rows);
      // The clock stands still while nothing is waited for: what the slice before took shows in this one.
      const workedMs = job.workedMs + this.#now() - this.#markedMs;
      this.#markedMs = this.#now();
      if (turn === this.#turns) this.#storage.transactionSync(() => apply(workedMs));
      return 0;
    } catch (error) {
      this.#engine = null;
      if (error instanceof DatabaseAway) return this.#wait(job, error);
      this.#fail(error instanceof Error ? error.message : String(error));
      return 0;
    }
  }

  /** Asks D1 what the slice needs; what is to be done with it, in a transaction. */
  #ask(job: JobState, rows: number): Promise<(workedMs: number) => void> {
    switch (job.phase) {
      case 'preparing':
        return this.#prepare(job);
      case 'seeding':
        return this.#seed(job);
      case 'replaying':
        return this.#replay(job, rows);
      default:
        return this.#tell(job);
    }
  }

  async #prepare(job: JobState): Promise<(workedMs: number) => void> {
    const [, still = [], ...answers] = await ask(this.#db, [
      noteRunning(this.#db, job.id, new Date(this.#now()).toISOString()),
      unfinishedQuery(this.#db, job.id),
      ...setupQueries(this.#db, job.id),
    ]);
    return () => {
      if (still.length === 0) return this.cancel();
      const rowsTotal = keepSetup(this.#storage.sql, answers);
      this.job.move({ phase: 'seeding', cursor: null, rowsTotal, waitingSinceMs: null });
    };
  }

  async #seed(job: JobState): Promise<(workedMs: number) => void> {
    const { setup, replay, seedStartMs: firstMs } = this.#engineOf();
    const startMs = job.cursor === null ? firstMs : Number(job.cursor);
    const endMs = Math.min(startMs + SEED_PART_MS, setup.fromMs);
    const [still = [], away = [], rows = []] = await ask(this.#db, [
      unfinishedQuery(this.#db, job.id),
      this.#awayQuery(setup, startMs),
      seedQuery(this.#db, setup, { startMs, endMs }),
    ]);
    return () => {
      if (this.#isStopped(still, away)) return;
      replay.seed(rows as SeedRow[]);
      replay.checkpoint();
      const isLast = endMs >= setup.fromMs;
      this.job.move({
        phase: isLast ? 'replaying' : 'seeding',
        cursor: isLast ? null : String(endMs),
        waitingSinceMs: null,
      });
    };
  }

  async #replay(job: JobState, limit: number): Promise<(workedMs: number) => void> {
    const { setup, replay, seedStartMs: firstMs } = this.#engineOf();
    const after =
      job.cursor === null
        ? positionBefore(Math.max(firstMs, setup.fromMs - OPEN_MS))
        : (JSON.parse(job.cursor) as EntryPosition);
    const isNoted = this.#now() - this.#notedMs >= NOTE_EVERY_MS;
    const [still = [], away = [], page = []] = await ask(this.#db, [
      unfinishedQuery(this.#db, job.id),
      this.#awayQuery(setup, Date.parse(after.admittedAt)),
      pageQuery(this.#db, setup, after, limit),
      ...(isNoted ? [noteProgress(this.#db, job)] : []),
    ]);
    if (isNoted) this.#notedMs = this.#now();
    const rows = page as PageRow[];
    return (workedMs) => {
      if (this.#isStopped(still, away)) return;
      let { rowsDone } = job;
      for (const row of rows) {
        const entry = toReplayEntry(row);
        replay.take(entry);
        if (entry.admittedAtMs >= setup.fromMs) rowsDone += 1;
      }
      const rowsTotal = Math.max(job.rowsTotal, rowsDone);
      const moved = { rowsDone, rowsTotal, workedMs, waitingSinceMs: null };
      const last = rows.at(-1);
      if (rows.length < limit || !last) {
        this.results.keep(replay.finish(), this.state.eventsLeftOut());
        this.state.forget();
        this.#engine = null;
        this.job.move({ ...moved, phase: 'telling', cursor: null });
      } else {
        replay.checkpoint();
        this.job.move({ ...moved, cursor: JSON.stringify(positionOf(last)) });
      }
    };
  }

  async #tell(job: JobState): Promise<(workedMs: number) => void> {
    const at = new Date(this.#now()).toISOString();
    this.#telling = ask(
      this.#db,
      job.error === null
        ? noteSuccess(this.#db, job, this.results.read(), at)
        : [noteFailure(this.#db, job, at)],
    );
    await this.#telling;
    return () => this.close();
  }

  #engineOf(): Engine {
    if (this.#engine) return this.#engine;
    const setup = readSetup(this.#storage.sql);
    this.#engine = { setup, replay: new Replay(setup, this.state), seedStartMs: seedStartMs(setup) };
    return this.#engine;
  }

  #awayQuery({ costCenter, toMs }: ReplaySetup, startMs: number): D1PreparedStatement {
    const span = { from: new Date(startMs).toISOString(), to: new Date(toMs).toISOString() };
    return awayDaysQuery(this.#db, { costCenter, ...span });
  }

  /** Whether nothing is to be replayed any more: it was cancelled, or entries are not where they can be read. */
  #isStopped(still: readonly unknown[], away: readonly unknown[]): boolean {
    if (still.length === 0) this.cancel();
    else if (away.length > 0)
      throw new Error(awayDaysSentence((away as { day: string }[]).map(({ day }) => day)));
    return still.length === 0;
  }

  /** Waits about as long again as it has waited so far. */
  #wait(job: JobState, error: DatabaseAway): number {
    const nowMs = this.#now();
    const sinceMs = job.waitingSinceMs ?? nowMs;
    console.warn({ message: 'a dry run waits for D1', dryRun: job.id, error: error.message });
    if (nowMs - sinceMs >= GIVE_UP_MS && job.phase !== 'telling') {
      this.#fail(`D1 did not answer for a day: ${error.message}`);
      return LAST_WAIT_MS;
    }
    this.#storage.transactionSync(() => this.job.move({ waitingSinceMs: sinceMs }));
    return Math.min(Math.max(nowMs - sinceMs, FIRST_WAIT_MS), LAST_WAIT_MS);
  }

  /** It failed for good; D1 is told next. */
  #fail(error: string): void {
    console.error({ message: 'a dry run failed', dryRun: this.job.read()?.id, error });
    this.#storage.transactionSync(() => {
      this.state.forget();
      this.state.forgetEvents();
      this.results.forget();
      this.job.move({ phase: 'telling', cursor: null, error, waitingSinceMs: null });
    });
  }
}
