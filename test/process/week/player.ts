/**
 * Plays made-up turns to a running gateway as fast as it takes them: each thread's in order, threads side by side.
 * A turn that the gateway breaks off is sent again, as clients do; all are sent a tenth of their real size.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Bodies } from '../../../scripts/demo/bodies.ts';
import { clientHeaders } from '../../../scripts/demo/send-turn.ts';
import { outputUntilLeft, type TrafficTurn, tokensOn } from '../../traffic/turn.ts';
import { PLAYED_END, PLAYED_OUTPUT, type PlayedEnd } from './billed-upstream.ts';

/** A tenth of the bytes is a tenth of the tokens, and the machine's time goes to the gateway. */
const SHRUNK = 10;
const MOST_AT_ONCE = 16;
/** Claude Code gives up later. */
const TRIES = 20;
const TRY_AGAIN_MS = 500;

export interface PlayedTurn {
  costCenter: string;
  turnId: string;
  status: number;
  decision: string;
}

export interface Stage {
  /** Where the gateway listens now; waits while there is none. */
  address: () => Promise<string>;
  keyOf: (developer: string) => string;
  /** Told before each turn how many were sent before it. */
  onTurn: (sent: number) => void;
}

/** Plays all turns, which are given twice: to count what is to come of each thread, and to send. */
export async function playTurns(
  turns: () => Iterable<TrafficTurn>,
  { address, keyOf, onTurn }: Stage,
): Promise<PlayedTurn[]> {
  const left = new Map<string, number>();
  for (const { thread } of turns()) left.set(thread, (left.get(thread) ?? 0) + 1);
  const bodies = new Bodies();
  const lastOfThread = new Map<string, Promise<unknown>>();
  const underWay = new Set<Promise<unknown>>();
  const played: PlayedTurn[] = [];
  let sent = 0;
  for (const turn of turns()) {
    while (underWay.size >= MOST_AT_ONCE) await Promise.race(underWay);
    onTurn(sent);
    sent += 1;
    const small = shrunk(turn);
    const body = bodies.bodyOf(small);
    const before = lastOfThread.get(turn.thread) ?? Promise.resolve();
    const playing = before.then(async () => {
      played.push(await sendUntilAnswered(address, keyOf(turn.developer), small, body));
    });
    underWay.add(playing);
    lastOfThread.set(turn.thread, playing);
    void playing.finally(() => underWay.delete(playing)).catch(() => undefined);
    const rest = (left.get(turn.thread) ?? 1) - 1;
    left.set(turn.thread, rest);
    if (rest === 0) {
      bodies.end(turn.thread);
      lastOfThread.delete(turn.thread);
    }
  }
  await Promise.all(underWay);
  return played;
}

function shrunk(turn: TrafficTurn): TrafficTurn {
  return { ...turn, bodyBytes: turn.bodyBytes / SHRUNK, prefixTokens: turn.prefixTokens / SHRUNK };
}

async function sendUntilAnswered(
  address: Stage['address'],
  key: string,
  turn: TrafficTurn,
  body: string,
): Promise<PlayedTurn> {
  for (let tries = 1; ; tries += 1) {
    const played = await send(await address(), key, turn, body).catch((error) => {
      if (tries >= TRIES) throw error;
      return null;
    });
    if (played) return played;
    await pause(TRY_AGAIN_MS);
  }
}

/** Sends it once; rejects where the connection broke. */
async function send(url: string, key: string, turn: TrafficTurn, body: string): Promise<PlayedTurn> {
  const leaving = new AbortController();
  const response = await fetch(new URL('/v1/messages', url), {
    method: 'POST',
    headers: headersOf(turn, key),
    body,
    signal: leaving.signal,
  });
  if (turn.leftAfter !== null && response.ok) {
    await response.body?.getReader().read();
    leaving.abort();
  } else {
    await response.arrayBuffer();
  }
  const turnId = response.headers.get('x-bursar-turn-id');
  if (turnId === null) throw new Error(`${response.status} without a turn id`);
  const decision = response.headers.get('x-bursar-decision') ?? 'none';
  return { costCenter: turn.costCenter, turnId, status: response.status, decision };
}

function headersOf(turn: TrafficTurn, key: string): Record<string, string> {
  const left: PlayedEnd = turn.leftAfter === null ? 'whole' : 'left';
  return {
    ...clientHeaders(turn, key),
    [PLAYED_OUTPUT]: String(tokensOn({ tokenizer: 'new' }, outputUntilLeft(turn))),
    [PLAYED_END]: turn.failedStatus === null ? left : String(turn.failedStatus),
  };
}
