/**
 * Sends made-up turns to a running gateway, as their developers would have: each thread's in order, threads side
 * by side, hours squeezed into seconds (so no cache goes cold in between). What is missing of the demo's cost
 * centers is made first; every developer gets a key for the occasion, revoked at the end.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';
import { generateTraffic } from '../../test/traffic/generate.ts';
import { type Squad, squadsOf } from '../../test/traffic/squads.ts';
import type { TrafficTurn } from '../../test/traffic/turn.ts';
import { type AdminApi, connectAdminApi, expectReply } from '../local/admin-api.ts';
import { Bodies } from './bodies.ts';
import { chargedFor } from './charged.ts';
import { type Played, sendTurn } from './send-turn.ts';
import { costCenterOf, SQUAD_POLICY } from './squads.ts';
import { summarize } from './summary.ts';

/** A Monday, when Europe and the east of America are at work. */
const START_MS = Date.UTC(2026, 10, 23, 14);
/** Real time a turn, on average. */
const MS_A_TURN = 100;
/** Turns under way at once. */
const MOST_AT_ONCE = 16;

export interface PlayOptions {
  url: URL;
  turns: number;
  seed: number;
  adminToken: string;
  evenIfPaid: boolean;
}

/** Plays and returns the summary; the error is a sentence. */
export async function playTraffic(options: PlayOptions): Promise<Result<string, string>> {
  const upstream = await upstreamOf(options.url);
  if (!upstream.ok) return upstream;
  if (upstream.value !== 'simulator' && !options.evenIfPaid) {
    return err(
      `The upstream of ${options.url} is ${upstream.value}: turns would be paid for. --real plays them all the same.`,
    );
  }
  const turns = firstTurns(options.seed, options.turns);
  const api = connectAdminApi(options.url, options.adminToken);
  const working = new Set(turns.map(({ costCenter }) => costCenter));
  for (const squad of squadsOf(options.seed)) if (working.has(squad.id)) await ensureSquad(api, squad);
  const keys = await makeKeys(api, turns);
  const begunMs = Date.now();
  try {
    const played = await playAll(options.url, turns, keys);
    const recorded = played.flatMap(({ costCenter, turnId }) =>
      turnId === null ? [] : [{ costCenter, turnId }],
    );
    return ok(summarize(played, await chargedFor(api, recorded, begunMs)));
  } finally {
    for (const { path } of keys.values()) await api.delete(path);
  }
}

async function upstreamOf(url: URL): Promise<Result<string, string>> {
  try {
    const response = await fetch(new URL('/healthz', url));
    const health = z.object({ provider: z.string() }).safeParse(await response.json());
    return health.success ? ok(health.data.provider) : err(`${url} is no Bursar gateway, or it is not well.`);
  } catch {
    return err(`No gateway answers at ${url}.`);
  }
}

/** Turns that reach an upstream: its failures are for it to have. */
function firstTurns(seed: number, count: number): TrafficTurn[] {
  const turns: TrafficTurn[] = [];
  for (const turn of generateTraffic({ seed, startMs: START_MS, days: 365 })) {
    if (turn.failedStatus === null) turns.push(turn);
    if (turns.length === count) break;
  }
  return turns;
}

async function ensureSquad(api: AdminApi, squad: Squad): Promise<void> {
  const path = `/cost_centers/${squad.id}`;
  if ((await api.get(path)).status === 200) return;
  expectReply(await api.post('/cost_centers', costCenterOf(squad)), 201, z.unknown());
  const made = await api.post(`${path}/policies`, { policy: SQUAD_POLICY });
  const { version } = expectReply(made, 201, z.object({ version: z.number() }));
  expectReply(await api.post(`${path}/policies/${version}/activate`, {}), 200, z.unknown());
}

interface PlayKey {
  secret: string;
  /** Where it is revoked. */
  path: string;
}

/** One a developer, by e-mail. */
async function makeKeys(api: AdminApi, turns: readonly TrafficTurn[]): Promise<Map<string, PlayKey>> {
  const keys = new Map<string, PlayKey>();
  for (const { costCenter, developer, keyTags } of turns) {
    if (keys.has(developer)) continue;
    const path = `/cost_centers/${costCenter}/keys`;
    const made = await api.post(path, { developer, name: 'demo:traffic --play', tags: keyTags });
    const { id, secret } = expectReply(made, 201, z.object({ id: z.string(), secret: z.string() }));
    keys.set(developer, { secret, path: `${path}/${id}` });
  }
  return keys;
}

async function playAll(
  url: URL,
  turns: readonly TrafficTurn[],
  keys: ReadonlyMap<string, PlayKey>,
): Promise<Played[]> {
  const bodies = new Bodies();
  const lastOfThread = new Map<string, Promise<unknown>>();
  const underWay = new Set<Promise<Played>>();
  const all: Promise<Played>[] = [];
  const { dueMs } = timetable(turns);
  for (const turn of turns) {
    await pause(Math.max(0, dueMs(turn) - Date.now()));
    if (underWay.size >= MOST_AT_ONCE) await Promise.race(underWay);
    const body = bodies.bodyOf(turn);
    const before = lastOfThread.get(turn.thread) ?? Promise.resolve();
    const playing = before.then(() => sendTurn(url, keys.get(turn.developer)?.secret ?? '', turn, body));
    lastOfThread.set(turn.thread, playing);
    underWay.add(playing);
    playing.finally(() => underWay.delete(playing)).catch(() => undefined);
    all.push(playing);
  }
  return await Promise.all(all);
}

/** When each turn is to begin here, from now on: pauses keep their proportions. */
function timetable(turns: readonly TrafficTurn[]): { dueMs: (turn: TrafficTurn) => number } {
  const beginMs = Date.now();
  const firstMs = turns[0]?.atMs ?? 0;
  const spanMs = Math.max(1, (turns.at(-1)?.atMs ?? 0) - firstMs);
  return { dueMs: (turn) => beginMs + ((turn.atMs - firstMs) / spanMs) * turns.length * MS_A_TURN };
}
