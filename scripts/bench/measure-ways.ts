/** The ways through Bursar held against each other: CPU a turn, throughput, latency. */
import type { BenchBed } from './bench-bed.ts';
import { makeBody, pathOf } from './body.ts';
import { Client } from './load.ts';
import { warmUpTarget } from './measure.ts';
import { PACED_RATE, type Plan, type TurnsCell, type WayCell } from './plan.ts';
import { type Latencies, median, summarise } from './statistics.ts';
import { NATIVE_WAY, WAYS, type Way } from './ways.ts';

/** One way at one cell. */
export interface WayTurns {
  way: string;
  /** CPU time of workerd a turn in ms, in each round. */
  cpuMs: number[];
  /** The same as multiples of the native way's in the same round. */
  ofNative: number[];
  /** Median of the rounds. */
  perSecond: number;
}

export interface TurnsResult extends TurnsCell {
  ways: WayTurns[];
}

export interface WayLatencies extends WayCell {
  /** By the way's name; DIRECT: a direct call. */
  latencies: Record<string, Latencies>;
}

export const DIRECT = 'direct';

/** As many as there are, one after the other on each connection. */
const UNPACED = { ratePerSecond: null, durationMs: Number.POSITIVE_INFINITY };

/** A first load by every way. */
export async function warmUpWays(bed: BenchBed): Promise<void> {
  for (const { costCenter, speech } of WAYS) await warmUpTarget(bed.costCenters[costCenter], speech);
}

/**
 * A cell's turns by each way in turn, round by round: what the machine does besides hits all of them. Each round has as
 * many turns by every way, so what the wallets do a second later costs each of them as much of the next one's time.
 */
export async function measureTurns(bed: BenchBed, cell: TurnsCell): Promise<TurnsResult> {
  const { process } = bed.bursar;
  const runs = WAYS.map((way) => ({
    way,
    load: {
      ...requestOf(way, cell),
      connections: cell.connections,
      ratePerSecond: null,
      durationMs: cell.roundMs,
      most: cell.turns,
    },
    cpuMs: [] as number[],
    perSecond: [] as number[],
  }));
  for (let round = 0; round < cell.rounds; round += 1) {
    for (const { way, load, cpuMs, perSecond } of runs) {
      const client = new Client(bed.costCenters[way.costCenter], cell.connections);
      const cpuBefore = process.cpuMs();
      const begun = performance.now();
      const { length } = await client.run(load);
      perSecond.push((length * 1000) / (performance.now() - begun));
      cpuMs.push((process.cpuMs() - cpuBefore) / length);
      client.close();
    }
  }
  const native = runs.find(({ way }) => way === NATIVE_WAY)?.cpuMs ?? [];
  const ways = runs.map(({ way, cpuMs, perSecond }) => ({
    way: way.name,
    cpuMs,
    ofNative: cpuMs.map((each, round) => each / (native[round] ?? Number.NaN)),
    perSecond: median(perSecond),
  }));
  return { ...cell, ways };
}

/** What each way takes from the first byte out to the last one in, and a direct call of the same size. */
export async function measureWayLatencies(bed: BenchBed, cell: WayCell, plan: Plan): Promise<WayLatencies> {
  const { connections } = cell;
  const targets = [
    { name: DIRECT, way: NATIVE_WAY, target: bed.direct },
    ...WAYS.map((way) => ({ name: way.name, way, target: bed.costCenters[way.costCenter] })),
  ].map(({ name, way, target }) => ({
    name,
    client: new Client(target, connections),
    load: { ...requestOf(way, cell), connections },
    measured: [] as number[],
  }));
  // A connection's first request opens it: that is not what is measured.
  for (const { client, load } of targets) await client.run({ ...load, ...UNPACED, most: connections });
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const { client, load, measured } of targets) {
      const paced = { ...load, ratePerSecond: PACED_RATE, durationMs: plan.wayBatchMs };
      measured.push(...(await client.run(paced)));
    }
  }
  for (const { client } of targets) client.close();
  return {
    ...cell,
    latencies: Object.fromEntries(targets.map(({ name, measured }) => [name, summarise(measured)])),
  };
}

function requestOf({ speech }: Way, { bytes, answer }: Pick<TurnsCell, 'bytes' | 'answer'>) {
  return { path: pathOf(answer, speech), body: makeBody(bytes, answer, speech) };
}
