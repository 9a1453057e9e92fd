/** What becomes of turns: in each world the charge takes the hold's place, as recorded or as it would have been. */
import { findModel } from '../catalogue/lookup.ts';
import { FIRST_OUTPUT_TOKENS } from '../estimate.ts';
import { nextHistory, type SessionHistory } from '../history.ts';
import { RESOLVED_KEPT_MS } from '../hold.ts';
import { bindsLine, type Standing, stageLine } from '../standing.ts';
import { promptTokens, type TokenCounts } from '../usage.ts';
import { type Counterfactual, counterfactual } from './counterfactual.ts';
import { noteStanding } from './days.ts';
import type { Outcomes, Saved } from './outcomes.ts';
import type { Kept } from './records.ts';
import type { ReplayState } from './state.ts';
import type { CountedIn } from './sums.ts';
import type { Thread } from './threads.ts';
import { fateOf } from './trying.ts';
import type { Booking, ReplayTurn, WorldHold } from './turn.ts';
import type { World } from './worlds.ts';

const NOTHING_SAVED: Saved = { price: 0, cache: 0, added: 0 };

/** One booking, the same for every world; what one world worked out serves the next that is like it. */
interface Settling {
  turn: ReplayTurn;
  booking: Booking;
  counted: readonly CountedIn[];
  thread: Kept<Thread>;
  atMs: number;
  /** What was worked out last, and for which hold. */
  modelled: { hold: WorldHold; came: Counterfactual } | null;
  remembered: { own: SessionHistory | null; model: string; tokens: TokenCounts; next: SessionHistory } | null;
}

export class Settlements {
  readonly #state: ReplayState;
  readonly #outcomes: Outcomes;

  constructor(state: ReplayState, outcomes: Outcomes) {
    this.#state = state;
    this.#outcomes = outcomes;
  }

  /** Reality booked: so does every world that goes by its times. */
  book(turn: ReplayTurn, index: number): void {
    const settling = this.#settling(turn, index, turn.entry.admittedAtMs, null);
    if (!settling) return;
    turn.booked = index + 1;
    const { nanoUsd } = settling.booking;
    if (turn.isCounted) this.#outcomes.chargedInReality(turn, nanoUsd);
    for (const world of this.#state.worlds.all) {
      const { hold, retries, isWaiting } = fateOf(turn, world);
      if (hold && retries === 0) this.#settleIn(settling, world, hold);
      else if (!hold && !isWaiting && turn.isCounted) this.#outcomes.notHappened(world, nanoUsd);
    }
  }

  /** The same in one world, where the turn was told to come back and so has times of its own. */
  bookIn(turn: ReplayTurn, index: number, world: World, atMs: number): void {
    const { hold } = fateOf(turn, world);
    const settling = hold && this.#settling(turn, index, hold.atMs, atMs);
    if (settling) this.#settleIn(settling, world, hold);
  }

  /** A turn that reality refused ends in a world that served it: what was expected of it is charged. */
  bookAdded(turn: ReplayTurn, world: World, atMs: number): void {
    const { hold } = fateOf(turn, world);
    if (!hold) return;
    const { tokens, expected } = hold.hold;
    const booking: Booking = {
      settleSeq: 0,
      atMs,
      nanoUsd: expected,
      totalNanoUsd: expected,
      tokens,
      webSearchRequests: 0,
      isFree: false,
      isCompleted: true,
      isExpired: false,
    };
    const settling = this.#settlingOf(turn, booking, hold.atMs, atMs);
    this.#release(settling, world, hold);
    this.#charge(settling, world, hold, expected, { ...NOTHING_SAVED, added: -expected });
    this.#remember(settling, world, hold, tokens);
  }

  /** Nothing more can follow on an expired turn. */
  release(turn: ReplayTurn, world: World): void {
    const { hold } = fateOf(turn, world);
    const settling = hold && this.#settling(turn, 0, hold.atMs, null);
    if (settling) this.#keepAside(settling, world, hold, 0);
  }

  #settling(turn: ReplayTurn, index: number, countedMs: number, atMs: number | null): Settling | null {
    const booking = turn.bookings[index];
    return booking ? this.#settlingOf(turn, booking, countedMs, atMs ?? booking.atMs) : null;
  }

  #settlingOf(turn: ReplayTurn, booking: Booking, countedMs: number, atMs: number): Settling {
    const counted = this.#state.sums.ofTurn(turn, countedMs);
    const thread = this.#state.threads.of(turn.entry, turn.sessionLifeMs);
    return { turn, booking, counted, thread, atMs, modelled: null, remembered: null };
  }

  #settleIn(settling: Settling, world: World, hold: WorldHold): void {
    const { booking } = settling;
    this.#release(settling, world, hold);
    if (hold.cachedTokens === null || booking.isFree) {
      const total = booking.isFree ? 0 : hold.chargedNanoUsd + booking.nanoUsd;
      const nano = total - hold.chargedNanoUsd;
      const saved = booking.nanoUsd - nano;
      hold.chargedNanoUsd = total;
      hold.warmNanoUsd = total;
      this.#charge(
        settling,
        world,
        hold,
        nano,
        saved === 0 ? NOTHING_SAVED : { ...NOTHING_SAVED, price: saved },
      );
      this.#remember(settling, world, hold, booking.tokens);
      return;
    }
    const came = this.#model(settling, hold, hold.cachedTokens);
    const nano = came.nanoUsd - hold.chargedNanoUsd;
    const warm = came.warmNanoUsd - hold.warmNanoUsd;
    hold.chargedNanoUsd = came.nanoUsd;
    hold.warmNanoUsd = came.warmNanoUsd;
    const saved = { ...NOTHING_SAVED, price: booking.nanoUsd - warm, cache: warm - nano };
    this.#charge(settling, world, hold, nano, saved);
    this.#remember(settling, world, hold, came.tokens);
  }

  #model(settling: Settling, hold: WorldHold, cachedTokens: number): Counterfactual {
    const known = settling.modelled;
    if (
      known &&
      known.hold.model === hold.model &&
      known.hold.cachedTokens === cachedTokens &&
      known.hold.maxTokens === hold.maxTokens &&
      known.hold.atMs === hold.atMs
    ) {
      return known.came;
    }
    const { turn, booking } = settling;
    const came = counterfactual(turn.entry, booking, hold, cachedTokens, this.#state.setup.catalogue);
    settling.modelled = { hold, came };
    return came;
  }

  #release({ counted }: Settling, world: World, hold: WorldHold): void {
    if (!hold.isHeld) return;
    hold.isHeld = false;
    this.#state.sums.hold(counted, world.index, hold, -1);
  }

  #charge(settling: Settling, world: World, hold: WorldHold, nano: number, saved: Saved): void {
    const { turn, counted, booking, atMs } = settling;
    const { sums, worlds } = this.#state;
    sums.settle(counted, world.index, hold.line, nano);
    const most = booking.isExpired ? (hold.hold.ceiling ?? 0) - hold.chargedNanoUsd : 0;
    if (this.#state.hasCeilings) this.#keepAside(settling, world, hold, Math.max(0, most));
    if (!turn.isCounted) return;
    const day = this.#outcomes.charged(turn, world, nano, saved);
    if (!day || world.draft === null) return;
    const policy = worlds.policyOf(world, null);
    if (!policy) return;
    for (const standing of sums.standings(policy, world.index, counted, hold.atMs)) {
      if (!bindsLine(standing, hold.line)) continue;
      noteStanding(day, standing, nano);
      this.#tellCrossings(turn, world.draft, standing, nano, atMs);
    }
  }

  #tellCrossings({ entry }: ReplayTurn, draft: number, standing: Standing, nano: number, atMs: number): void {
    const { crossings, reading } = this.#state;
    if (reading.isExempt) return;
    for (const stage of standing.budget.stages) {
      const line = stageLine(standing, stage);
      if (standing.settled < line) return;
      crossings.tell(draft, entry, { standing, stage, wasPassed: standing.settled - nano >= line }, atMs);
    }
  }

  /** Keeps what the turn can still cost aside, in place of what was kept of it before. */
  #keepAside({ turn, counted, booking }: Settling, world: World, hold: WorldHold, nano: number): void {
    this.#state.sums.keepAside(counted, world.index, hold.line, nano - hold.residualNanoUsd);
    if (nano > 0 && hold.residualNanoUsd === 0) {
      turn.due += 1;
      const atMs = booking.atMs + RESOLVED_KEPT_MS;
      const { turnId } = turn.entry;
      this.#state.agenda.putTimed({ what: 'release', turnId, index: 0, world: world.index, atMs });
    }
    hold.residualNanoUsd = nano;
  }

  /** Moves the thread's own history on, where it has one. */
  #remember(settling: Settling, world: World, hold: WorldHold, tokens: TokenCounts): void {
    const { turn, booking, thread, atMs, remembered } = settling;
    const state = thread.value.worlds[world.index];
    if (!state || state.own === undefined || !booking.isCompleted || promptTokens(tokens) === 0) return;
    const { own } = state;
    const { model } = hold;
    thread.isChanged = true;
    if (remembered?.own === own && remembered.model === model && remembered.tokens === tokens) {
      state.own = remembered.next;
      return;
    }
    const { facts } = turn.entry;
    const next = nextHistory(own, {
      model,
      tokenizer: findModel(this.#state.setup.catalogue, model)?.tokenizer ?? 'new',
      tokens,
      bodyBytes: facts.bodyBytes,
      kind: facts.kind,
      cacheTtl: facts.cacheTtl,
      firstOutputTokens: FIRST_OUTPUT_TOKENS[facts.kind],
      atMs,
    });
    settling.remembered = { own, model, tokens, next };
    state.own = next;
  }
}
