/** What every budget of every world has settled and held, and the standings that decisions are made from. */
import { heldAmount } from '../hold.ts';
import { nanoUsd } from '../money.ts';
import type { Budget } from '../policy/types.ts';
import { type Caller, limitFor, type Standing, subjectOf } from '../standing.ts';
import { QUARTER_MS, windowAt } from '../window.ts';
import type { Raises } from './raises.ts';
import { asJson, type Kept, Records } from './records.ts';
import type { ReplayTurn, WorldHold } from './turn.ts';
import type { ReplayStore } from './types.ts';
import type { CountedPolicy, Counter, Worlds } from './worlds.ts';

/** Nano-USD by world, of one counter, subject and window. */
export interface Sum {
  settled: number[];
  /** Of open turns, what they are expected to cost. */
  expected: number[];
  /** Of open turns, what they can cost; where that is not known, what is expected. */
  ceiling: number[];
  /** What expired turns can still come to cost. */
  residual: number[];
}

export type SpendingCaller = Caller & { session: string };

/** A counter in the window and for the subject that a turn counts in. */
export interface CountedIn {
  counter: Counter;
  subject: string;
  startMs: number;
  endMs: number | null;
  sum: Kept<Sum>;
}

/** Records in memory beyond a checkpoint. */
const MOST_SUMS = 20_000;

export class Sums {
  readonly #worlds: Worlds;
  readonly #raises: Raises;
  readonly #records: Records<Sum>;
  readonly #zeros: number[];
  readonly #costCenter: string;
  /** By counter and subject, what was found last since the last checkpoint. */
  readonly #lately: Map<string, CountedIn>[];
  #ofTurns = new WeakMap<ReplayTurn, { atMs: number; counted: readonly CountedIn[] }>();

  constructor(costCenter: string, worlds: Worlds, raises: Raises, store: ReplayStore) {
    this.#costCenter = costCenter;
    this.#worlds = worlds;
    this.#raises = raises;
    this.#records = new Records(store, { prefix: 'sum ', most: MOST_SUMS, form: asJson<Sum>() });
    this.#zeros = worlds.all.map(() => 0);
    this.#lately = worlds.counters.map(() => new Map());
  }

  /** Of a turn that counts in the windows of an instant; kept until the next checkpoint. */
  ofTurn(turn: ReplayTurn, atMs: number): readonly CountedIn[] {
    const known = this.#ofTurns.get(turn);
    if (known?.atMs === atMs) return known.counted;
    const { developer, keyId, facts } = turn.entry;
    const caller = { costCenter: this.#costCenter, developer, keyId, session: facts.session };
    const counted = this.countedIn(caller, turn.sessionStartMs, atMs);
    this.#ofTurns.set(turn, { atMs, counted });
    return counted;
  }

  /** By the counters' own order. `sessionStartMs`: from when the caller's session counts. */
  countedIn(caller: SpendingCaller, sessionStartMs: number, atMs: number): CountedIn[] {
    return this.#worlds.counters.map((counter) => this.#countedIn(counter, caller, sessionStartMs, atMs));
  }

  #countedIn(counter: Counter, caller: SpendingCaller, sessionStartMs: number, atMs: number): CountedIn {
    const { window, scope } = counter;
    const subject = subjectOf(scope, caller);
    if (window === 'session') return this.#found(counter, subject, { startMs: sessionStartMs, endMs: null });
    const lately = this.#lately[counter.index]?.get(subject);
    if (lately && lately.startMs <= atMs && atMs < (lately.endMs ?? 0)) return lately;
    const found = this.#found(counter, subject, windowAt(window, counter.timezone, atMs));
    this.#lately[counter.index]?.set(subject, found);
    return found;
  }

  #found(counter: Counter, subject: string, span: Pick<CountedIn, 'startMs' | 'endMs'>): CountedIn {
    const { startMs, endMs } = span;
    const sum = this.#records.findOrMake(`${counter.index} ${startMs} ${subject}`, () => this.#zero());
    return { counter, subject, startMs, endMs, sum };
  }

  #zero(): Sum {
    const zeros = this.#zeros;
    return { settled: [...zeros], expected: [...zeros], ceiling: [...zeros], residual: [...zeros] };
  }

  /** The standings of a policy's budgets in a world, at the instant the turn was admitted. */
  standings(
    { policy, counters }: CountedPolicy,
    world: number,
    counted: readonly CountedIn[],
    atMs: number,
  ): Standing[] {
    const standings: Standing[] = [];
    for (const [place, budget] of policy.budgets.entries()) {
      const found = counted[counters[place]?.index ?? -1];
      if (found) standings.push(this.#standing(budget, found, world, atMs));
    }
    return standings;
  }

  /** Field by field: it is made a dozen times a turn. */
  #standing(
    budget: Budget,
    { subject, startMs, endMs, sum }: CountedIn,
    world: number,
    atMs: number,
  ): Standing {
    const { settled, expected, ceiling, residual } = sum.value;
    const { limit, raised } = limitFor(budget, subject, this.#raises.extra(budget.id, subject, atMs));
    const open = expected[world] ?? 0;
    const held = budget.admission === 'guaranteed' ? (ceiling[world] ?? 0) + (residual[world] ?? 0) : open;
    return {
      budget,
      subject,
      startMs,
      endMs,
      limit,
      raised,
      settled: nanoUsd(settled[world] ?? 0),
      held: nanoUsd(held),
      expected: nanoUsd(open),
    };
  }

  /** Whether every budget of the policy has at most as much settled and held in a world as in another. */
  isNoMore(
    { counters }: CountedPolicy,
    world: number,
    other: number,
    counted: readonly CountedIn[],
  ): boolean {
    return counters.every(({ index }) => {
      const sum = counted[index]?.sum.value;
      if (!sum) return false;
      const { settled, expected, ceiling, residual } = sum;
      return (
        isAtMost(settled, world, other) &&
        isAtMost(expected, world, other) &&
        isAtMost(ceiling, world, other) &&
        isAtMost(residual, world, other)
      );
    });
  }

  /** Adds a turn's hold in a world; -1 takes it back. */
  hold(counted: readonly CountedIn[], world: number, { line, hold }: WorldHold, sign: 1 | -1): void {
    const ceiling = heldAmount(hold, 'guaranteed') ?? hold.expected;
    this.#add(counted, world, line, 'expected', sign * hold.expected);
    this.#add(counted, world, line, 'ceiling', sign * ceiling);
  }

  settle(counted: readonly CountedIn[], world: number, line: string, nano: number): void {
    if (nano !== 0) this.#add(counted, world, line, 'settled', nano);
  }

  /** Adds to what expired turns can still cost; a negative amount takes back. */
  keepAside(counted: readonly CountedIn[], world: number, line: string, nano: number): void {
    if (nano !== 0) this.#add(counted, world, line, 'residual', nano);
  }

  #add(counted: readonly CountedIn[], world: number, line: string, field: keyof Sum, nano: number): void {
    for (const { counter, sum } of counted) {
      if (counter.line !== null && counter.line !== line) continue;
      if (!counter.worlds.includes(world)) continue;
      const amounts = sum.value[field];
      amounts[world] = nanoUsd((amounts[world] ?? 0) + nano);
      sum.isChanged = true;
    }
  }

  /** Money from before the replay, in the windows that reach into it. */
  seed(
    caller: SpendingCaller,
    line: string,
    spent: { quarter: number; nanoUsd: number; sessionStartMs: number },
    replayed: { fromMs: number; worlds: readonly number[] },
  ): void {
    const counted = this.countedIn(caller, spent.sessionStartMs, spent.quarter * QUARTER_MS);
    const reaching = counted.filter(({ endMs }) => endMs === null || endMs > replayed.fromMs);
    for (const world of replayed.worlds) this.settle(reaching, world, line, spent.nanoUsd);
  }

  checkpoint(): void {
    this.#records.checkpoint();
    this.#ofTurns = new WeakMap();
    for (const found of this.#lately) found.clear();
  }
}

function isAtMost(amounts: readonly number[], world: number, other: number): boolean {
  return (amounts[world] ?? 0) <= (amounts[other] ?? 0);
}
