/** Which turn, and which attempt of it, a command is about. */
import type { OpenRequest } from '../../durable-objects/wallet/rpc.ts';
import type { Turn } from './reference-turn.ts';
import type { World } from './world.ts';

/** A wallet forgets a turn a day after its lease; later reports are another story. */
const REMEMBERED_MS = 72_000_000;

export interface Picked {
  request: OpenRequest;
  /** Undefined: it was never let in. */
  turn: Turn | undefined;
}

/** The attempt that a report is of: the present one, or the one before. */
export function attemptOf(turn: Turn | undefined, isStale: boolean): number {
  return Math.max(1, (turn?.attempt ?? 1) - Number(isStale));
}

/** One of the latest turns, unless the wallet may have forgotten it. */
export function pick(world: World, back: number): Picked | null {
  const request = world.requests.at(-1 - (back % Math.max(world.requests.length, 1)));
  if (!request) return null;
  const turn = world.reference.turns.get(request.turnId);
  const age = turn ? world.reference.now(Date.now()) - turn.admittedMs : 0;
  return age > REMEMBERED_MS ? null : { request, turn };
}
