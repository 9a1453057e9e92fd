/** The parts of one replay, and what of them is written at checkpoints. */
import { findModel } from '../catalogue/lookup.ts';
import { Agenda, type AgendaState } from './agenda.ts';
import { Crossings } from './crossings.ts';
import { Days } from './days.ts';
import { Raises } from './raises.ts';
import { asJson, Records } from './records.ts';
import { Sessions } from './sessions.ts';
import { Sums } from './sums.ts';
import { emptyTally, readTally, type Tally, tallyText } from './tally.ts';
import { Threads } from './threads.ts';
import type { ReplayTurn } from './turn.ts';
import type { ReplayEntry, ReplaySetup, ReplayStore } from './types.ts';
import { Worlds } from './worlds.ts';

/** Where the reading stands. */
export interface Reading {
  /** Entries of the turn read last, which may have more. */
  pending: ReplayEntry[];
  /** Of the turn opened last, whether its cost center was exempt from its budgets. */
  isExempt: boolean;
}

/** Keys of what is one document each. */
const AGENDA = 'agenda';
const TALLY = 'tally';
const READING = 'reading';

const MOST_TURNS = 1_000;

export class ReplayState {
  readonly setup: ReplaySetup;
  readonly worlds: Worlds;
  readonly raises: Raises;
  readonly sums: Sums;
  readonly threads: Threads;
  readonly sessions: Sessions;
  readonly days: Days;
  readonly crossings: Crossings;
  readonly turns: Records<ReplayTurn>;
  readonly agenda: Agenda;
  readonly tally: Tally;
  readonly reading: Reading;
  readonly store: ReplayStore;
  /** Whether expired turns keep something aside in any world. */
  readonly hasCeilings: boolean;
  readonly #lines = new Map<string, string>();

  constructor(setup: ReplaySetup, store: ReplayStore) {
    this.setup = setup;
    this.store = store;
    this.worlds = new Worlds(setup);
    this.raises = new Raises(setup.raises);
    const worlds = this.worlds.all.length;
    this.sums = new Sums(setup.costCenter, this.worlds, this.raises, store);
    this.threads = new Threads(worlds, store);
    this.sessions = new Sessions(worlds, store);
    this.days = new Days(store);
    this.crossings = new Crossings(store, setup.fromMs);
    this.turns = new Records(store, { prefix: 'turn ', most: MOST_TURNS, form: asJson<ReplayTurn>() });
    const agenda = store.read(AGENDA);
    this.agenda = new Agenda(agenda === null ? null : (JSON.parse(agenda) as AgendaState));
    const tally = store.read(TALLY);
    this.tally = tally === null ? emptyTally(worlds, setup.drafts.length) : readTally(tally);
    const reading = store.read(READING);
    this.reading = reading === null ? { pending: [], isExempt: false } : (JSON.parse(reading) as Reading);
    const policies = [...setup.recorded.values(), ...setup.drafts.map(({ policy }) => policy)];
    this.hasCeilings = policies.some(({ budgets }) =>
      budgets.some(({ admission }) => admission === 'guaranteed'),
    );
  }

  /** The line that a model's money counts on. */
  lineOf(model: string): string {
    const known = this.#lines.get(model);
    if (known !== undefined) return known;
    const line = findModel(this.setup.catalogue, model)?.line ?? 'unknown';
    this.#lines.set(model, line);
    return line;
  }

  /** Writes what changed since the last time. */
  checkpoint(): void {
    for (const part of [this.sums, this.threads, this.sessions, this.days, this.crossings, this.turns]) {
      part.checkpoint();
    }
    this.store.write(AGENDA, JSON.stringify(this.agenda.state));
    this.store.write(TALLY, tallyText(this.tally));
    this.store.write(READING, JSON.stringify(this.reading));
  }
}
