/** What guards have counted, by rollout: the wallet's tables of it. */
import type { Evidence } from '../core/guards/evidence.ts';
import { type GuardBook, UNWATCHED, type Watched } from '../core/guards/guard.ts';
import type { Side } from '../core/guards/observe.ts';
import type { GuardSignal, Tally } from '../core/guards/signals.ts';
import { threadOf } from '../core/history.ts';
import type { Renaming } from '../core/pseudonym.ts';
import type { PolicyTrip } from '../ledger/policy-trip.ts';
import type { ThreadFacts } from './sessions.ts';

/** A rollout as far as its figures are kept by it. */
export interface Counted {
  id: string;
  version: number;
  baseVersion: number;
}

/** A rollout that a turn tells of. */
export interface Told {
  rollout: string;
  side: Side;
}

/** A turn that is under way. */
export interface WatchedTurn {
  told: readonly Told[];
  /** Whether what the upstream says to the policy's model is still to come. */
  awaitsUpstream: boolean;
}

/** How a thread's last turn was served, for what its next one tells of it. */
export interface ServedTurn {
  turnId: string;
  wasChanged: boolean;
  told: readonly Told[];
}

/** Figures of versions are what later rollouts are held against. */
const FIGURES_KEPT_MS = 40 * 86_400_000;
/** A thread that rests for longer has forgotten what its tools said. */
const TURNS_KEPT_MS = 86_400_000;

/** Signals that are a version's own. The others are pairs: of two versions, and of no use against a third. */
const OF_ONE_VERSION: readonly GuardSignal[] = ['upstream_400s', 'outcome_errors'];

interface CountRow extends Record<string, SqlStorageValue> {
  turns: number;
  bad: number;
  evidence: string;
  bad_turns: string;
}

export class GuardRecords {
  readonly #sql: SqlStorage;
  readonly #tripped = new Set<string>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.reload();
  }

  /** Ids of the rollouts whose guard tripped; always the same set, which changes. */
  get tripped(): ReadonlySet<string> {
    return this.#tripped;
  }

  /** Reads what is kept in memory anew: at start, and after a rolled-back transaction. */
  reload(): void {
    const rows = this.#sql.exec<{ rollout: string }>('SELECT rollout FROM guard_trips');
    this.#tripped.clear();
    for (const { rollout } of rows) this.#tripped.add(rollout);
  }

  /** The figures of one rollout. Call its changes inside a transaction. */
  bookOf(rollout: Counted, nowMs: number): GuardBook {
    return {
      watched: (signal) => this.watched(rollout.id, signal),
      base: (signal) => this.base(rollout, signal),
      badOf: (side, signal, subject) => this.#badOf(rollout.id, side, signal, subject),
      saveWatched: (signal, watched) =>
        this.#save(rollout.id, rollout.version, { side: 'candidate', signal, watched }, nowMs),
      addToBase: (signal, isBad) => {
        const { turns, bad } = this.#counted(rollout.id, 'base', signal);
        const watched = { ...UNWATCHED, turns: turns + 1, bad: isBad ? bad + 1 : bad };
        this.#save(rollout.id, rollout.baseVersion, { side: 'base', signal, watched }, nowMs);
      },
      addBadOf: (side, signal, subject) => {
        this.#sql.exec(
          `INSERT INTO guard_subjects (rollout, side, signal, subject, bad) VALUES (?, ?, ?, ?, 1)
           ON CONFLICT DO UPDATE SET bad = bad + 1`,
          rollout.id,
          side,
          signal,
          subject,
        );
      },
    };
  }

  watched(rollout: string, signal: GuardSignal): Watched {
    return this.#counted(rollout, 'candidate', signal);
  }

  /** Of the base: as counted beside the candidate, and what is known of the version from when it was watched itself. */
  base({ id, baseVersion }: Counted, signal: GuardSignal): Tally {
    const beside = this.#counted(id, 'base', signal);
    if (!OF_ONE_VERSION.includes(signal)) return beside;
    const query = `SELECT coalesce(sum(turns), 0) AS turns, coalesce(sum(bad), 0) AS bad FROM guard_counts
       WHERE version = ? AND side = 'candidate' AND signal = ? AND rollout <> ?`;
    const { turns, bad } = this.#sql
      .exec<{ turns: number; bad: number }>(query, baseVersion, signal, id)
      .one();
    return { turns: beside.turns + turns, bad: beside.bad + bad };
  }

  #counted(rollout: string, side: Side, signal: GuardSignal): Watched {
    const query = 'SELECT * FROM guard_counts WHERE rollout = ? AND side = ? AND signal = ?';
    const [row] = this.#sql.exec<CountRow>(query, rollout, side, signal).toArray();
    if (!row) return UNWATCHED;
    const { turns, bad, evidence, bad_turns: badTurns } = row;
    return { turns, bad, evidence: JSON.parse(evidence) as Evidence, badTurns: JSON.parse(badTurns) };
  }

  #save(
    rollout: string,
    version: number,
    { side, signal, watched }: { side: Side; signal: GuardSignal; watched: Watched },
    nowMs: number,
  ): void {
    this.#sql.exec(
      `INSERT OR REPLACE INTO guard_counts (rollout, side, signal, version, turns, bad, evidence, bad_turns, at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      rollout,
      side,
      signal,
      version,
      watched.turns,
      watched.bad,
      JSON.stringify(watched.evidence),
      JSON.stringify(watched.badTurns),
      nowMs,
    );
  }

  #badOf(rollout: string, side: Side, signal: GuardSignal, subject: string): number {
    const query =
      'SELECT bad FROM guard_subjects WHERE rollout = ? AND side = ? AND signal = ? AND subject = ?';
    const [row] = this.#sql.exec<{ bad: number }>(query, rollout, side, signal, subject).toArray();
    return row?.bad ?? 0;
  }

  /** Keeps a trip, once a rollout. */
  saveTrip(trip: PolicyTrip, nowMs: number): void {
    this.#sql.exec('INSERT INTO guard_trips VALUES (?, ?, ?)', trip.rollout, nowMs, JSON.stringify(trip));
    this.#tripped.add(trip.rollout);
  }

  trip(rollout: string): PolicyTrip | null {
    const query = 'SELECT document FROM guard_trips WHERE rollout = ?';
    const [row] = this.#sql.exec<{ document: string }>(query, rollout).toArray();
    return row ? (JSON.parse(row.document) as PolicyTrip) : null;
  }

  /** Keeps whom an admitted turn tells of, until it is settled. */
  saveTurn(turnId: string, watched: WatchedTurn, nowMs: number): void {
    const replace = 'INSERT OR REPLACE INTO guard_turns (turn_id, at_ms, watched) VALUES (?, ?, ?)';
    this.#sql.exec(replace, turnId, nowMs, JSON.stringify(watched));
  }

  turn(turnId: string): WatchedTurn | null {
    const query = 'SELECT watched FROM guard_turns WHERE turn_id = ?';
    const [row] = this.#sql.exec<{ watched: string }>(query, turnId).toArray();
    return row ? (JSON.parse(row.watched) as WatchedTurn) : null;
  }

  forgetTurn(turnId: string): void {
    this.#sql.exec('DELETE FROM guard_turns WHERE turn_id = ?', turnId);
  }

  saveServed(facts: ThreadFacts, served: ServedTurn, nowMs: number): void {
    this.#sql.exec(
      'INSERT OR REPLACE INTO guard_threads (session, thread, at_ms, served) VALUES (?, ?, ?, ?)',
      facts.session,
      threadOf(facts),
      nowMs,
      JSON.stringify(served),
    );
  }

  /** How the thread's last turn was served, told once. */
  takeServed(facts: ThreadFacts): ServedTurn | null {
    const thread = [facts.session, threadOf(facts)];
    const query = 'SELECT served FROM guard_threads WHERE session = ? AND thread = ?';
    const [row] = this.#sql.exec<{ served: string }>(query, ...thread).toArray();
    if (!row) return null;
    this.#sql.exec('DELETE FROM guard_threads WHERE session = ? AND thread = ?', ...thread);
    return JSON.parse(row.served) as ServedTurn;
  }

  /** In the subjects of requests: a day and a developer. */
  rename({ developer, pseudonym }: Renaming): void {
    this.#sql.exec(
      `UPDATE OR REPLACE guard_subjects SET subject = substr(subject, 1, instr(subject, ' ')) || ?2
       WHERE signal = 'increase_requests' AND substr(subject, instr(subject, ' ') + 1) = ?1`,
      developer,
      pseudonym,
    );
  }

  forgetBefore(nowMs: number): void {
    const before = nowMs - FIGURES_KEPT_MS;
    for (const table of ['guard_threads', 'guard_turns']) {
      this.#sql.exec(`DELETE FROM ${table} WHERE at_ms < ?`, nowMs - TURNS_KEPT_MS);
    }
    this.#sql.exec('DELETE FROM guard_counts WHERE at_ms < ?', before);
    this.#sql.exec('DELETE FROM guard_subjects WHERE rollout NOT IN (SELECT rollout FROM guard_counts)');
  }
}
