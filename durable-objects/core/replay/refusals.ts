/** Turns that a world refuses: those that come back, and those that end their session. */
import type { RefusalDecision } from '../decision.ts';
import { retryAfterSeconds } from '../refuse.ts';
import type { Standing } from '../standing.ts';
import type { Outcomes } from './outcomes.ts';
import type { ReplayState } from './state.ts';
import { diverge, fateOf, type Trying } from './trying.ts';
import type { Decided, Fate } from './turn.ts';
import type { World } from './worlds.ts';

/** A turn that only waits for holds comes back so often; then its client gives up. */
const MAX_RETRIES = 10;
export class Refusals {
  readonly #state: ReplayState;
  readonly #outcomes: Outcomes;

  constructor(state: ReplayState, outcomes: Outcomes) {
    this.#state = state;
    this.#outcomes = outcomes;
  }

  /** Whether the turn's session is paused in a world; a pause that is over is lifted. */
  isPaused({ session, atMs }: Trying, world: World): boolean {
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
  lose(trying: Trying, world: World): void {
    const { turn, session } = trying;
    const { entry } = turn;
    const pause = session.value.pauses[world.index];
    fateOf(turn, world).decided = null;
    if (entry.kind === 'refusal' || !pause) return;
    pause.lost += 1;
    session.isChanged = true;
    this.#outcomes.concluded(turn, world, trying.atMs);
    this.#outcomes.paused(world, entry.facts.session, pause, false);
    if (entry.kind !== 'failure') diverge(trying, world);
  }

  refuse(trying: Trying, world: World, decision: RefusalDecision): void {
    const { turn } = trying;
    const { entry } = turn;
    const fate = fateOf(turn, world);
    fate.decided = refusedOf(decision);
    fate.hold = null;
    const isPending = decision.why === 'pending';
    if (isPending) this.#outcomes.postponed(world);
    const comesBack = isPending && entry.inputs.refusal !== 'pending' && fate.retries < MAX_RETRIES;
    if (comesBack) this.#comeBack(trying, world, fate);
    else this.#outcomes.concluded(turn, world, trying.atMs);
    if (decision.why === 'budget' && decision.standing) this.#pause(trying, world, decision.standing);
    if (entry.modelServed !== null && entry.kind !== 'failure') diverge(trying, world);
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
}

function refusedOf({ why, stage, reasons, standing }: RefusalDecision): Decided {
  const budget = standing?.budget.id ?? null;
  return { kind: 'refuse', why, model: null, stage, route: null, budget, reasons };
}
