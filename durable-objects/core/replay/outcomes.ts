/** What the worlds' decisions and bookings come to: counts, money, days, and the events of the drafts. */
import { canonicalId } from '../catalogue/lookup.ts';
import { nanoUsd } from '../money.ts';
import type { DayTally } from './days.ts';
import type { Pause } from './sessions.ts';
import type { ReplayState } from './state.ts';
import { type DraftTally, notePaused, type WorldTally } from './tally.ts';
import { fateOf } from './trying.ts';
import type { Decided, ReplayTurn } from './turn.ts';
import type { ReplayEntry } from './types.ts';
import type { World } from './worlds.ts';

/** Differences that a calibration names. */
const MOST_DIFFERENCES = 20;

/** Parts of what a turn saves, nano-USD. */
export interface Saved {
  price: number;
  cache: number;
  added: number;
}

export class Outcomes {
  readonly #state: ReplayState;

  constructor(state: ReplayState) {
    this.#state = state;
  }

  /** A turn that every world decides over. */
  opened(turn: ReplayTurn): void {
    const { tally, worlds } = this.#state;
    tally.turns += 1;
    for (const world of worlds.drafts) this.#day(world, turn.entry.admittedAtMs).turns += 1;
  }

  refusedByPeople(): void {
    this.#state.tally.refusedByPeople += 1;
  }

  /** A turn that reality refused for good; `isFirst` of its session. */
  refusedForGood(isFirst: boolean): void {
    const { tally } = this.#state;
    tally.refusedForGood += 1;
    if (isFirst) tally.sessionsRefused += 1;
  }

  /** The decision that counts was made; the world as it was is held to the first, which reality's is compared with. */
  concluded(turn: ReplayTurn, world: World, atMs: number): void {
    const { decided, retries } = fateOf(turn, world);
    if (world.draft === null && retries === 0) this.calibrate(turn.entry, decided);
    this.#decided(turn, world, decided, atMs);
  }

  /** The last decision over a turn in a world; null where the turn does not happen. */
  #decided(turn: ReplayTurn, world: World, decided: Decided | null, atMs: number): void {
    const tally = this.#world(world);
    // It came again as a later turn: what becomes of it is counted there, unless it is over.
    const comesAgain =
      turn.entry.inputs.refusal === 'pending' && (decided?.kind !== 'refuse' || decided.why === 'pending');
    if (decided === null) tally.lost += 1;
    if (decided === null || decided.kind === 'proceed' || comesAgain) return;
    if (decided.kind === 'downgrade') tally.downgraded += 1;
    else if (decided.kind === 'route') tally.routed += 1;
    else tally.refused += 1;
    if (world.draft === null || world.limits !== '1.0') return;
    const day = this.#day(world, turn.entry.admittedAtMs);
    if (decided.kind === 'downgrade') day.downgraded += 1;
    else if (decided.kind === 'route') day.routed += 1;
    else day.refused += 1;
    this.#tellDecided(world.draft, turn.entry, decided, atMs);
  }

  /** A turn was told to come back in a world. */
  postponed(world: World): void {
    this.#world(world).postponed += 1;
  }

  /** The draft serves a turn that reality refused for good. */
  servedRefusal(world: World): void {
    const draft = this.#draft(world);
    if (draft) draft.servedRefusals += 1;
  }

  /** A session is paused by a draft, or loses one more turn to its pause. */
  paused(world: World, session: string, pause: Pause, isNew: boolean): void {
    const draft = this.#draft(world);
    if (!draft) return;
    if (isNew) draft.pausedSessions += 1;
    const { developer, atMs, budget, lost } = pause;
    notePaused(draft, { session, developer, atMs, budget, lost });
  }

  /** Money that a turn was charged in reality. */
  chargedInReality(turn: ReplayTurn, nano: number): void {
    const { tally, worlds } = this.#state;
    tally.actualNanoUsd += BigInt(nano);
    for (const world of worlds.drafts) {
      const day = this.#day(world, turn.entry.admittedAtMs);
      day.actualNanoUsd = nanoUsd(day.actualNanoUsd + nano);
    }
  }

  /** Money that a turn is charged in a world, and for a draft what it saves; the day where there is one to look at. */
  charged(turn: ReplayTurn, world: World, nano: number, saved: Saved): DayTally | null {
    this.#world(world).replayedNanoUsd += BigInt(nano);
    const draft = this.#draft(world);
    if (!draft) return null;
    if (saved.price !== 0) draft.priceNanoUsd += BigInt(saved.price);
    if (saved.cache !== 0) draft.cacheNanoUsd += BigInt(saved.cache);
    if (saved.added !== 0) draft.addedNanoUsd += BigInt(saved.added);
    const day = this.#day(world, turn.entry.admittedAtMs);
    day.replayedNanoUsd = nanoUsd(day.replayedNanoUsd + nano);
    return day;
  }

  /** Money of reality that a world does not spend, because the turn is not served there. */
  notHappened(world: World, nano: number): void {
    const draft = this.#draft(world);
    if (draft && nano !== 0) draft.notHappenedNanoUsd += BigInt(nano);
  }

  /** Holds the decision of the world as it was against the recorded one. */
  calibrate(entry: ReplayEntry, decided: Decided | null): void {
    const { tally, setup } = this.#state;
    const { kind, attempt, inputs, modelServed, decision, stage, route } = entry;
    // A decision that nobody heard: the entry names the model of the attempt before.
    const isUnsent = kind === 'failure' && attempt <= inputs.earlier.length;
    const isModel =
      isUnsent ||
      modelServed === null ||
      (decided?.model !== null &&
        decided?.model !== undefined &&
        canonicalId(setup.catalogue, decided.model) === canonicalId(setup.catalogue, modelServed));
    if (decided?.kind === decision && isModel && decided.stage === stage && decided.route === route) {
      tally.decisionsEqual += 1;
    } else if (tally.differences.length < MOST_DIFFERENCES) {
      const recorded = wordsOf(decision, modelServed, stage, route);
      const replayed = decided ? wordsOf(decided.kind, decided.model, decided.stage, decided.route) : 'none';
      tally.differences.push({ turn_id: entry.turnId, recorded, replayed });
    }
  }

  #world({ index }: World): WorldTally {
    const tally = this.#state.tally.worlds[index];
    if (!tally) throw new RangeError(`no world ${index}`);
    return tally;
  }

  /** Of a world that is a draft's result; null of all others. */
  #draft({ draft, limits }: World): DraftTally | null {
    return draft !== null && limits === '1.0' ? (this.#state.tally.drafts[draft] ?? null) : null;
  }

  #day(world: World, atMs: number): DayTally {
    const { days, setup } = this.#state;
    const draft = this.#draft(world);
    const timezone = setup.drafts[world.draft ?? -1]?.policy.timezone;
    if (!draft || timezone === undefined) throw new RangeError(`world ${world.index} has no days`);
    return days.at(world.draft ?? -1, draft, timezone, atMs);
  }

  #tellDecided(draft: number, entry: ReplayEntry, decided: Decided, atMs: number): void {
    const { turnId, facts, developer } = entry;
    const { kind, model, budget, stage, route, reasons } = decided;
    if (kind === 'proceed') return;
    this.#state.store.event(draft, {
      kind: kind === 'refuse' ? 'refusal' : kind,
      atMs,
      turnId,
      session: facts.session,
      developer,
      modelAsked: facts.model,
      model,
      budget,
      stage,
      stageAction: null,
      subject: null,
      route,
      reasons,
    });
  }
}

function wordsOf(kind: string, model: string | null, stage: string | null, route: string | null): string {
  return [kind, model, stage, route].filter((word) => word !== null).join(' ');
}
