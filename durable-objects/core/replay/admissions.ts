/** Turns that a world admits: what they hold there, and how they come to be charged. */
import { canonicalId, findModel } from '../catalogue/lookup.ts';
import type { Admission, TurnToDecide } from '../decision.ts';
import { estimateCachedTokens } from '../estimate.ts';
import type { Outcomes } from './outcomes.ts';
import type { ReplayState } from './state.ts';
import { diverge, fateOf, type Trying } from './trying.ts';
import type { Decided, ReplayTurn, WorldHold } from './turn.ts';
import type { ReplayEntry } from './types.ts';
import type { World } from './worlds.ts';

/** From the request to an answer's first token, and the rate of a model nobody knows: for turns that were never served. */
const FIRST_TOKEN_MS = 2_000;
const UNKNOWN_TOKENS_PER_SECOND = 50;

export class Admissions {
  readonly #state: ReplayState;
  readonly #outcomes: Outcomes;

  constructor(state: ReplayState, outcomes: Outcomes) {
    this.#state = state;
    this.#outcomes = outcomes;
  }

  /** Holds the turn as a world's decision has it, with the history it was decided by. */
  admit(trying: Trying, world: World, decision: Admission, { history }: TurnToDecide): void {
    const { turn, counted, countedMs, anew } = trying;
    const { entry } = turn;
    const fate = fateOf(turn, world);
    fate.decided = decidedOf(decision);
    // What was told to come back came back as a later turn, and is served and charged there.
    if (entry.inputs.refusal === 'pending') {
      this.#outcomes.concluded(turn, world, trying.atMs);
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
    this.#outcomes.concluded(turn, world, trying.atMs);
    if (entry.modelServed === null) this.#serveRefused(trying, world, made);
    else if (!this.#isServedBy(entry, model)) diverge(trying, world);
  }

  #isServedBy({ modelServed, kind }: ReplayEntry, model: string): boolean {
    if (kind === 'failure' || modelServed === model) return true;
    return modelServed !== null && this.#canonical(modelServed) === this.#canonical(model);
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
    diverge(trying, world);
    const rate = findModel(setup.catalogue, model)?.outputTokensPerSecond ?? UNKNOWN_TOKENS_PER_SECOND;
    const endMs = Math.round(atMs + FIRST_TOKEN_MS + (hold.tokens.outputTokens / rate) * 1_000);
    turn.due += 1;
    const { turnId } = turn.entry;
    agenda.putTimed({ what: 'added', turnId, index: 0, world: world.index, atMs: endMs });
  }

  /** Books a turn that came back as long after its admission as reality did. */
  bookLater(turn: ReplayTurn, world: World, shiftMs: number): void {
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

  #canonical(model: string): string {
    return canonicalId(this.#state.setup.catalogue, model);
  }
}

function decidedOf({ kind, model, stage, route, reasons }: Admission): Decided {
  const budget = stage === null ? null : stage.slice(0, stage.lastIndexOf('@'));
  return { kind, why: null, model, stage, route, budget, reasons };
}
