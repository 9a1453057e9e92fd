/**
 * The dry run: recorded turns through the very decision that is made live, in the order in which they happened, under
 * the policies of the time and under drafts side by side. Pure and synchronous: what it keeps is the store's, read when
 * it is needed, so that any number of turns takes bounded memory and a run goes on from its last checkpoint.
 */
import { QUARTER_MS } from '../window.ts';
import { Openings } from './openings.ts';
import { Outcomes } from './outcomes.ts';
import { resultOf } from './result.ts';
import { type Session, windowStartOf } from './sessions.ts';
import { Settlements } from './settlements.ts';
import { ReplayState } from './state.ts';
import { bookingsOf, isRefusedByPeople, type ReplayTurn, type WorldHold } from './turn.ts';
import type { ReplayEntry, ReplayResult, ReplaySetup, ReplayStore, SeedSpend } from './types.ts';

export class Replay {
  readonly #state: ReplayState;
  readonly #openings: Openings;
  readonly #settlements: Settlements;
  readonly #outcomes: Outcomes;

  /** Goes on from what the store holds; the setup has to be the one it was begun with. */
  constructor(setup: ReplaySetup, store: ReplayStore) {
    this.#state = new ReplayState(setup, store);
    this.#outcomes = new Outcomes(this.#state);
    this.#openings = new Openings(this.#state, this.#outcomes);
    this.#settlements = new Settlements(this.#state, this.#outcomes);
  }

  /** Money from before the replay, in order of `quarter`; before any entry, in any number of calls. */
  seed(spend: readonly SeedSpend[]): void {
    const { sums, sessions, setup } = this.#state;
    const { fromMs } = setup;
    const worlds = this.#seededWorlds().map(({ index }) => index);
    for (const { quarter, developer, keyId, modelServed, session, nanoUsd } of spend) {
      const { value } = sessions.touch(session, quarter * QUARTER_MS);
      const caller = { costCenter: setup.costCenter, developer, keyId, session };
      const spent = { quarter, nanoUsd, sessionStartMs: windowStartOf(value) };
      const line = modelServed === null ? 'unknown' : this.#state.lineOf(modelServed);
      sums.seed(caller, line, spent, { fromMs, worlds });
    }
  }

  #seededWorlds() {
    const { worlds, setup } = this.#state;
    return setup.seedStanding ? worlds.all : [worlds.asItWas];
  }

  /**
   * Takes the next entry, in order of `admitted_at`, `open_seq` and `settle_seq`, so that those of one turn come one
   * after the other. Entries of turns admitted before the span and recorded within it come too: they are only booked.
   * Throws a RangeError on an entry that names a policy version the setup lacks.
   */
  take(entry: ReplayEntry): void {
    const { reading } = this.#state;
    if (reading.pending[0] && reading.pending[0].turnId !== entry.turnId) this.#openPending();
    reading.pending.push(entry);
  }

  /** Writes what changed since the last one. Call it in the transaction that moves the reader's cursor. */
  checkpoint(): void {
    this.#state.checkpoint();
  }

  /** After the last entry: lets everything end, and tells what came of it. */
  finish(): ReplayResult {
    this.#openPending();
    this.#advance(null);
    return resultOf(this.#state);
  }

  #openPending(): void {
    const { reading, setup } = this.#state;
    const entries = reading.pending;
    const [entry] = entries;
    if (!entry) return;
    reading.pending = [];
    this.#advance(entry);
    if (entry.admittedAtMs < setup.fromMs || entry.kind === 'correction') this.#carryIn(entry, entries);
    else this.#open(entry, entries);
  }

  #open(entry: ReplayEntry, entries: readonly ReplayEntry[]): void {
    const { sessions, reading } = this.#state;
    const session = sessions.touch(entry.facts.session, entry.admittedAtMs);
    reading.isExempt = entry.inputs.exempt;
    if (isRefusedByPeople(entry)) {
      this.#outcomes.refusedByPeople();
      return;
    }
    // It was never sent, and came back as a turn of its own.
    if (entry.inputs.refusal === 'limit') return;
    const turn = this.#turnOf(entries, entry, session.value, true);
    this.#outcomes.opened(turn);
    this.#schedule(turn);
    this.#openings.open(turn, session);
    if (turn.due > 0) this.#state.turns.put(entry.turnId, turn);
  }

  /** A turn from before the span that ends within it: held and charged as recorded, in every world that is seeded. */
  #carryIn(entry: ReplayEntry, entries: readonly ReplayEntry[]): void {
    const { sums, sessions } = this.#state;
    const { value: session } = sessions.touch(entry.facts.session, entry.admittedAtMs);
    const turn = this.#turnOf(entries, entry, session, false);
    const { inputs, modelServed } = entry;
    const counted = sums.ofTurn(turn, entry.admittedAtMs);
    for (const { index } of this.#seededWorlds()) {
      const fate = turn.fates[index];
      if (!fate || !inputs.hold || modelServed === null) continue;
      const hold: WorldHold = {
        model: modelServed,
        line: this.#state.lineOf(modelServed),
        hold: inputs.hold,
        maxTokens: null,
        atMs: entry.admittedAtMs,
        // What is corrected was charged before.
        isHeld: entry.kind !== 'correction',
        cachedTokens: null,
        chargedNanoUsd: 0,
        warmNanoUsd: 0,
        residualNanoUsd: 0,
      };
      fate.hold = hold;
      if (hold.isHeld) sums.hold(counted, index, hold, 1);
    }
    this.#schedule(turn);
    if (turn.due > 0) this.#state.turns.put(entry.turnId, turn);
  }

  #turnOf(
    entries: readonly ReplayEntry[],
    entry: ReplayEntry,
    session: Session,
    isCounted: boolean,
  ): ReplayTurn {
    return {
      entry,
      bookings: bookingsOf(entries),
      sessionStartMs: windowStartOf(session),
      sessionLifeMs: session.startedAtMs,
      isCounted,
      fates: this.#state.worlds.all.map(() => ({ decided: null, hold: null, retries: 0, isWaiting: false })),
      booked: 0,
      due: 0,
    };
  }

  /** Puts what reality did with the turn on the agenda. */
  #schedule(turn: ReplayTurn): void {
    const { agenda } = this.#state;
    const { turnId, inputs, openSeq } = turn.entry;
    turn.bookings.forEach(({ settleSeq, atMs }, index) => {
      agenda.putRecorded({ what: 'book', turnId, index, settleSeq, openSeq, atMs });
    });
    const anew = turn.isCounted ? inputs.earlier : [];
    anew.forEach((each, index) => {
      agenda.putRecorded({ what: 'anew', turnId, index, ...each.anew });
    });
    turn.due += turn.bookings.length + anew.length;
  }

  /** Does all that had happened when a turn was opened; null: all there is. */
  #advance(opening: ReplayEntry | null): void {
    const { agenda, turns, worlds } = this.#state;
    for (let due = agenda.take(opening); due; due = agenda.take(opening)) {
      const kept = turns.find(due.turnId);
      if (!kept) continue;
      kept.isChanged = true;
      const turn = kept.value;
      const world = 'world' in due ? worlds.all[due.world] : undefined;
      if (due.what === 'anew') this.#openings.decideAnew(turn, due.index);
      else if (due.what === 'book' && !world) this.#settlements.book(turn, due.index);
      else if (due.what === 'book' && world) this.#settlements.bookIn(turn, due.index, world, due.atMs);
      else if (due.what === 'added' && world) this.#settlements.bookAdded(turn, world, due.atMs);
      else if (due.what === 'release' && world) this.#settlements.release(turn, world);
      else if (due.what === 'retry' && world) this.#openings.retry(turn, world, due.atMs);
      turn.due -= 1;
      if (turn.due === 0) turns.delete(due.turnId);
    }
  }
}
