/** Opening a turn in every world: decided by the world's own standings, history and step. */
import { canonicalId } from '../catalogue/lookup.ts';
import type { Crossing, TurnToDecide } from '../decision.ts';
import { Admissions } from './admissions.ts';
import { Judge } from './judge.ts';
import type { Outcomes } from './outcomes.ts';
import type { Kept } from './records.ts';
import { Refusals } from './refusals.ts';
import type { Session } from './sessions.ts';
import type { ReplayState } from './state.ts';
import { fateOf, type Trying } from './trying.ts';
import type { ReplayTurn } from './turn.ts';
import type { ReplayEntry } from './types.ts';
import type { CountedPolicy, World } from './worlds.ts';

export class Openings {
  readonly #state: ReplayState;
  readonly #outcomes: Outcomes;
  readonly #admissions: Admissions;
  readonly #refusals: Refusals;

  constructor(state: ReplayState, outcomes: Outcomes) {
    this.#state = state;
    this.#outcomes = outcomes;
    this.#admissions = new Admissions(state, outcomes);
    this.#refusals = new Refusals(state, outcomes);
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
      if (this.#refusals.isPaused(trying, world)) this.#refusals.lose(trying, world);
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
    if (this.#refusals.isPaused(trying, world)) this.#refusals.lose(trying, world);
    else this.#decideIn(trying, world);
    if (fate.isWaiting) return;
    if (fate.hold) this.#admissions.bookLater(turn, world, atMs - entry.admittedAtMs);
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
    return {
      turn,
      session,
      thread: threads.of(turn.entry, turn.sessionLifeMs),
      counted: sums.ofTurn(turn, rest.countedMs),
      judge: new Judge(setup.catalogue, atMs),
      lastWorld: null,
      atMs,
      ...rest,
    };
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
      allowedModels: inputs.allowedModels,
      step: anew > 0 ? null : state.step,
      preferred: inputs.preferred,
      exempt: inputs.exempt,
      refused,
    };
    const policy = worlds.policyOf(world, policyVersion);
    const decision = judge.decide(
      toDecide,
      () => (policy ? sums.standings(policy, world.index, counted, countedMs) : []),
      policy?.policy ?? null,
      policy !== null && this.#isEasier(trying, world, policy),
    );
    trying.lastWorld = world.index;
    this.#tellCrossings(turn.entry, world, decision.crossings, atMs);
    if (decision.kind === 'refuse') {
      this.#refusals.refuse(trying, world, decision);
      return;
    }
    if (anew > 0 || decision.step !== state.step) {
      if (state.step !== null || decision.step !== null) thread.isChanged = true;
      state.step = decision.step;
    }
    this.#admissions.admit(trying, world, decision, toDecide);
  }

  /** Whether the world differs from the last one in nothing but higher limits and less money. */
  #isEasier({ lastWorld, counted }: Trying, { index, draft }: World, policy: CountedPolicy): boolean {
    const { worlds, sums } = this.#state;
    if (draft === null || lastWorld !== index - 1 || worlds.all[lastWorld]?.draft !== draft) return false;
    return sums.isNoMore(policy, index, lastWorld, counted);
  }

  #tellCrossings(entry: ReplayEntry, world: World, crossings: readonly Crossing[], atMs: number): void {
    if (world.draft === null || world.limits !== '1.0') return;
    for (const { standing, stage } of crossings) {
      this.#state.crossings.tell(world.draft, entry, { standing, stage, wasPassed: false }, atMs);
    }
  }

  #canonical(model: string): string {
    return canonicalId(this.#state.setup.catalogue, model);
  }
}

function isRefusedForGood({ inputs }: ReplayEntry): boolean {
  return inputs.refusal !== null && inputs.refusal !== 'pending';
}
