/** One decision over a turn, made in one world after another, and what follows of it in each. */
import type { Judge } from './judge.ts';
import type { Kept } from './records.ts';
import type { Session } from './sessions.ts';
import type { CountedIn } from './sums.ts';
import type { Thread } from './threads.ts';
import type { Fate, ReplayTurn } from './turn.ts';
import type { World } from './worlds.ts';

/** One decision over a turn, the same for every world. */
export interface Trying {
  turn: ReplayTurn;
  session: Kept<Session>;
  thread: Kept<Thread>;
  counted: readonly CountedIn[];
  judge: Judge;
  /** The world decided over last. */
  lastWorld: number | null;
  refused: readonly string[];
  policyVersion: number | null;
  atMs: number;
  /** The turn counts in the windows of this instant: of its admission, also where it is decided over anew. */
  countedMs: number;
  /** How many decisions were made over the turn before, because models failed. */
  anew: number;
}

export function fateOf({ fates }: ReplayTurn, { index }: World): Fate {
  const fate = fates[index];
  if (!fate) throw new RangeError(`no world ${index}`);
  return fate;
}

/** From here on the thread's history is the world's own: it was served otherwise than in reality. */
export function diverge({ turn, thread }: Trying, world: World): void {
  const state = thread.value.worlds[world.index];
  if (!state || state.own !== undefined) return;
  state.own = turn.entry.inputs.history;
  thread.isChanged = true;
}
