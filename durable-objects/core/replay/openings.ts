/** Opening a turn in every world: decide, hold or refuse, each by the world's own standings, history and step. */
import { canonicalId, findModel } from '../catalogue/lookup.ts';
import type { Admission, Crossing, RefusalDecision, TurnToDecide } from '../decision.ts';
import { estimateCachedTokens } from '../estimate.ts';
import { retryAfterSeconds } from '../refuse.ts';
import type { Standing } from '../standing.ts';
import { Judge } from './judge.ts';
import type { Outcomes } from './outcomes.ts';
import type { Kept } from './records.ts';
import type { Session } from './sessions.ts';
import type { ReplayState } from './state.ts';
import type { CountedIn, SpendingCaller } from './sums.ts';
import type { Thread } from './threads.ts';
import type { Decided, Fate, ReplayTurn, WorldHold } from './turn.ts';
import type { ReplayEntry } from './types.ts';
import type { World } from './worlds.ts';

/** A turn that only waits for holds comes back so often; then its client gives up. */
const MAX_RETRIES = 10;
/** From the request to an answer's first token, and the rate of a model nobody knows: for turns that were never served. */
const FIRST_TOKEN_MS = 2_000;
const UNKNOWN_TOKENS_PER_SECOND = 50;

/** One decision over a turn, the same for every world. */
export interface Trying {
  turn: ReplayTurn;
  session: Kept<Session>;
  thread: Kept<Thread>;
  counted: readonly CountedIn[];
  judge: Judge;
  refused: readonly string[];
  policyVersion: number | null;
  atMs: number;
  /** The turn counts in the windows of this instant: of its admission, also where it is decided over anew. */
  countedMs: number;
  /** How many decisions were made over the turn before, because models failed. */
  anew: number;
}

export function callerOf(costCenter: string, { developer, keyId, facts }: ReplayEntry): SpendingCaller {
  return { costCenter, developer, keyId, session: facts.session };
}

export class Openings {
  readonly #state: ReplayState;
  readonly #outcomes: Outcomes;

  constructor(state: ReplayState, outcomes: Outcomes) {
    this.#state = state;
    this.#outcomes = outcomes;
  }

  /** Opens a turn that reality opened now. */
  open(turn: ReplayTurn, session: Kept<Session>): void {
    const { entry } = turn;
    const [first] = entry.inputs.earlier;
    const trying = this.#trying(turn, session, entry.admittedAtMs, {
      refused: first ? first.refused : entry.inputs.refused,
      policyVersion: first ? first.policyVersion : entry.policyVersion,
      anew: 0,
      countedMs: entry.admittedAtMs,
    });
    if (isRefusedForGood(entry)) {
      this.#outcomes.refusedForGood(!session.value.isRefused);
      session.value.isRefused = true;
    }
    for (const world of this.#state.worlds.all) {
      if (this.#isPaused(trying, world)) this.#lose(trying, world);
      else this.#decideIn(trying, world);
    }
  }

  /** The upstream refused the model that the earlier decision `index` led to: decides anew where it led there too. */
  decideAnew(turn: ReplayTurn, index: number): void {
    const { entry } = turn;
    const { earlier } = entry.inputs;
    const failed = earlier.slice(0, index + 1).map(({ model }) => this.#canonical(model));
    const next = earlier[index + 1];
    const session = this.#state.sessions.touch(entry.facts.session, entry.admittedAtMs);
    const trying = this.#trying(turn, session, earlier[index]?.anew.atMs ?? entry.admittedAtMs, {
      refused: next ? next.refused : entry.inputs.refused,
      policyVersion: next ? next.policyVersion : entry.policyVersion,
      anew: index + 1,
      countedMs: entry.admittedAtMs,
    });
    for (const world of this.#state.worlds.all) {
      const { hold, retries } = fateOf(turn, world);
      if (!hold?.isHeld || retries > 0 || !failed.includes(this.#canonical(hold.model))) continue;
      this.#state.sums.hold(trying.counted, world.index, hold, -1);
      this.#decideIn(trying, world);
    }
  }

  /** A turn comes back in the one world that told it to. */
  retry(turn: ReplayTurn, world: World, atMs: number): void {
    const { entry } = turn;
    const session = this.#state.sessions.touch(entry.facts.session, atMs);
    const { refused } = entry.inputs;
    const anew = entry.inputs.earlier.length;
    const rest = { refused, policyVersion: entry.policyVersion, anew, countedMs: atMs };
    const trying = this.#trying(turn, session, atMs, rest);
    const fate = fateOf(turn, world);
    fate.isWaiting = false;
    if (this.#isPaused(trying, world)) this.#lose(trying, world);
    else this.#decideIn(trying, world);
    if (fate.isWaiting) return;
    if (fate.hold) this.#bookLater(turn, world, atMs - entry.admittedAtMs);
    else {
      const passed = turn.bookings.slice(0, turn.booked).reduce((sum, { nanoUsd }) => sum + nanoUsd, 0);
      this.#outcomes.notHappened(world, passed);
    }
  }

  #trying(
    turn: ReplayTurn,
    session: Kept<Session>,
    atMs: number,
    rest: Pick<Trying, 'refused' | 'policyVersion' | 'anew' | 'countedMs'>,
  ): Trying {
    const { threads, sums, setup } = this.#state;
    const { entry, sessionStartMs, sessionLifeMs } = turn;
    return {
      turn,
      session,
      thread: threads.of(entry, sessionLifeMs),
      counted: sums.countedIn(callerOf(setup.costCenter, entry), sessionStartMs, rest.countedMs),
      judge: new Judge(setup.catalogue, atMs),
      atMs,
      ...rest,
    };
  }

  #isPaused({ session, atMs }: Trying, world: World): boolean {
    const pause = session.value.pauses[world.index];
    if (!pause) return false;
    if (pause.untilMs !== null && pause.untilMs <= atMs) {
      session.value.pauses[world.index] = null;
      session.isChanged = true;
      return false;
    }
    return pause.isBlocking;
  }

  /** The turn does not happen: its session is paused. */
  #lose(trying: Trying, world: World): void {
    const { turn, session } = trying;
    const { entry } = turn;
    const pause = session.value.pauses[world.index];
    fateOf(turn, world).decided = null;
    if (entry.kind === 'refusal' || !pause) return;
    pause.lost += 1;
    session.isChanged = true;
    this.#conclude(trying, world);
    this.#outcomes.paused(world, entry.facts.session, pause, false);
    if (entry.kind !== 'failure') this.#diverge(trying, world);
  }

  #decideIn(trying: Trying, world: World): void {
    const { turn, thread, counted, judge, refused, policyVersion, atMs, countedMs, anew } = trying;
    const { worlds, sums } = this.#state;
    const { facts, inputs, keyTags } = turn.entry;
    const state = thread.value.worlds[world.index];
    if (!state) return;
    const toDecide: TurnToDecide = {
      facts,
      history: state.own === undefined ? inputs.history : state.own,
      tags: keyTags,
      step: anew > 0 ? null : state.step,
      preferred: inputs.preferred,
      exempt: inputs.exempt,
      refused,
    };
    const policy = worlds.policyOf(world, policyVersion);
    const standings = policy ? sums.standings(policy, world.index, counted, countedMs) : [];
    const decision = judge.decide(toDecide, standings, policy?.policy ?? null);
    this.#tellCrossings(turn.entry, world, decision.crossings, atMs);
    if (decision.kind === 'refuse') {
      this.#refuse(trying, world, decision);
      return;
    }
    if (anew > 0 || decision.step !== state.step) {
      if (state.step !== null || decision.step !== null) thread.isChanged = true;
      state.step = decision.step;
    }
    this.#admit(trying, world, decision, toDecide);
  }

  #tellCrossings(entry: ReplayEntry, world: World, crossings: readonly Crossing[], atMs: number): void {
    if (world.draft === null || world.limits !== '1.0') return;
    for (const { standing, stage } of crossings) {
      this.#state.crossings.tell(world.draft, entry, { standing, stage, wasPassed: false }, atMs);
    }
  }

  #admit(trying: Trying, world: World, decision: Admission, { history }: TurnToDecide): void {
    const { turn, counted, countedMs, anew } = trying;
    const { entry } = turn;
    const fate = fateOf(turn, world);
    fate.decided = decidedOf(decision);
    // What was told to come back came back as a later turn, and is served and charged there.
    if (entry.inputs.refusal === 'pending') {
      this.#conclude(trying, world);
      return;
    }
    const { model, maxTokens, hold } = decision;
    const { expected, ceiling, tokens } = hold;
    const isFailing = entry.inputs.earlier
      .slice(anew)
      .some((each) => this.#canonical(each.model) === this.#canonical(model));
    const made: WorldHold = {
      model,
      line: this.#state.lineOf(model),
      hold: { expected, ceiling, tokens },
      maxTokens,
      atMs: countedMs,
      isHeld: true,
      cachedTokens: isFailing ? null : this.#cachedTokens(trying, world, decision, history),
      chargedNanoUsd: 0,
      warmNanoUsd: 0,
      residualNanoUsd: 0,
    };
    fate.hold = made;
    this.#state.sums.hold(counted, world.index, made, 1);
    if (isFailing) return;
    this.#conclude(trying, world);
    if (entry.modelServed === null) this.#serveRefused(trying, world, made);
    else if (!this.#isServedBy(entry, model)) this.#diverge(trying, world);
  }

  #isServedBy({ modelServed, kind }: ReplayEntry, model: string): boolean {
    return (
      kind === 'failure' || (modelServed !== null && this.#canonical(modelServed) === this.#canonical(model))
    );
  }

  /** What the model's cache has of the prompt in this world; null where all is as it was in reality. */
  #cachedTokens(
    { turn, thread, atMs }: Trying,
    world: World,
    { model: id, maxTokens }: Admission,
    history: TurnToDecide['history'],
  ): number | null {
    const { entry, bookings } = turn;
    const { facts, inputs } = entry;
    const model = findModel(this.#state.setup.catalogue, id);
    const isCut = maxTokens !== null && (bookings.at(-1)?.tokens.outputTokens ?? 0) > maxTokens;
    const isAsRecorded = thread.value.worlds[world.index]?.own === undefined;
    const isServed = this.#isServedBy(entry, id);
    if (isServed && isAsRecorded && !isCut) return null;
    const cached = estimateCachedTokens(facts, history, id, model, atMs);
    if (!isServed || isCut) return cached;
    return cached === estimateCachedTokens(facts, inputs.history, id, model, entry.admittedAtMs)
      ? null
      : cached;
  }

  /** Reality refused the turn: what is estimated of it is charged, when an answer of that length would have ended. */
  #serveRefused(trying: Trying, world: World, { hold, model }: WorldHold): void {
    const { turn, atMs } = trying;
    const { setup, agenda } = this.#state;
    this.#outcomes.servedRefusal(world);
    this.#diverge(trying, world);
    const rate = findModel(setup.catalogue, model)?.outputTokensPerSecond ?? UNKNOWN_TOKENS_PER_SECOND;
    const endMs = Math.round(atMs + FIRST_TOKEN_MS + (hold.tokens.outputTokens / rate) * 1_000);
    turn.due += 1;
    const { turnId } = turn.entry;
    agenda.putTimed({ what: 'added', turnId, index: 0, world: world.index, atMs: endMs });
  }

  #bookLater(turn: ReplayTurn, world: World, shiftMs: number): void {
    const { bookings, entry } = turn;
    const { turnId, modelServed } = entry;
    // One that reality refused is booked as such.
    if (modelServed === null) return;
    turn.due += bookings.length;
    bookings.forEach(({ atMs }, index) => {
      const due = { what: 'book' as const, turnId, index, world: world.index, atMs: atMs + shiftMs };
      this.#state.agenda.putTimed(due);
    });
  }

  #refuse(trying: Trying, world: World, decision: RefusalDecision): void {
    const { turn } = trying;
    const { entry } = turn;
    const fate = fateOf(turn, world);
    fate.decided = refusedOf(decision);
    fate.hold = null;
    const isPending = decision.why === 'pending';
    if (isPending) this.#outcomes.postponed(world);
    const comesBack = isPending && entry.inputs.refusal !== 'pending' && fate.retries < MAX_RETRIES;
    if (comesBack) this.#comeBack(trying, world, fate);
    else this.#conclude(trying, world);
    if (decision.why === 'budget' && decision.standing) this.#pause(trying, world, decision.standing);
    if (entry.modelServed !== null && entry.kind !== 'failure') this.#diverge(trying, world);
  }

  /** The decision that counts was made; the world as it was is held to the first, which reality's is compared with. */
  #conclude({ turn, atMs }: Trying, world: World): void {
    const { decided, retries } = fateOf(turn, world);
    if (world.draft === null && retries === 0) this.#outcomes.calibrate(turn.entry, decided);
    this.#outcomes.decided(turn, world, decided, atMs);
  }

  #comeBack({ turn, atMs }: Trying, world: World, fate: Fate): void {
    const { turnId, openSeq } = turn.entry;
    if (fate.retries === 0 && world.draft === null) this.#outcomes.calibrate(turn.entry, fate.decided);
    fate.retries += 1;
    fate.isWaiting = true;
    turn.due += 1;
    const backMs = atMs + retryAfterSeconds(Math.abs(openSeq)) * 1_000;
    this.#state.agenda.putTimed({ what: 'retry', turnId, index: 0, world: world.index, atMs: backMs });
  }

  /**
   * A turn refused for good ends its session until the budget's window resets, or somebody raises it. Where reality
   * refused it too, what came after is known; and the world as it was goes on with what came.
   */
  #pause({ turn, session, atMs }: Trying, world: World, { budget, subject, endMs }: Standing): void {
    if (session.value.pauses[world.index]) return;
    const { developer, kind, facts } = turn.entry;
    const raisedMs = this.#state.raises.nextMs(budget.id, subject, atMs);
    const untilMs = Math.min(endMs ?? Number.POSITIVE_INFINITY, raisedMs ?? Number.POSITIVE_INFINITY);
    const pause = {
      atMs,
      untilMs: Number.isFinite(untilMs) ? untilMs : null,
      developer,
      budget: budget.id,
      lost: 0,
      isBlocking: kind !== 'refusal' && world.draft !== null,
    };
    session.value.pauses[world.index] = pause;
    session.isChanged = true;
    this.#outcomes.paused(world, facts.session, pause, true);
  }

  /** From here on the thread's history is the world's own: it was served otherwise than in reality. */
  #diverge({ turn, thread }: Trying, world: World): void {
    const state = thread.value.worlds[world.index];
    if (!state || state.own !== undefined) return;
    state.own = turn.entry.inputs.history;
    thread.isChanged = true;
  }

  #canonical(model: string): string {
    return canonicalId(this.#state.setup.catalogue, model);
  }
}

export function fateOf({ fates }: ReplayTurn, { index }: World): Fate {
  const fate = fates[index];
  if (!fate) throw new RangeError(`no world ${index}`);
  return fate;
}

function isRefusedForGood({ inputs }: ReplayEntry): boolean {
  return inputs.refusal !== null && inputs.refusal !== 'pending';
}

function decidedOf({ kind, model, stage, route, reasons }: Admission): Decided {
  const budget = stage === null ? null : stage.slice(0, stage.lastIndexOf('@'));
  return { kind, why: null, model, stage, route, budget, reasons };
}

function refusedOf({ why, stage, reasons, standing }: RefusalDecision): Decided {
  const budget = standing?.budget.id ?? null;
  return { kind: 'refuse', why, model: null, stage, route: null, budget, reasons };
}
