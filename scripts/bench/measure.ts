/** The measurements: latency, throughput with CPU, memory. */
import { setTimeout as pause } from 'node:timers/promises';
import type { BenchBed } from './bench-bed.ts';
import { makeBody, pathOf, type Speech } from './body.ts';
import { Client, openStreams, type Target } from './load.ts';
import type { Cell, Plan } from './plan.ts';
import { type Latencies, summarise } from './statistics.ts';

export const TARGETS = ['direct', 'bare', 'bursar'] as const;
export type TargetName = (typeof TARGETS)[number];

export interface CellResult extends Cell {
  latencies: Record<TargetName, Latencies>;
}

export interface ThroughputResult {
  bytes: number;
  perSecond: Record<TargetName, number>;
  /** CPU time in ms a request takes in workerd. */
  cpuMs: Record<Exclude<TargetName, 'direct'>, number>;
}

export interface MemoryResult {
  bytes: number;
  streams: number;
  /** Resident bytes, idle after the warm-up and with the streams open. */
  idle: number;
  open: number;
}

const WARM_UP_MS = 300;
const SETTLE_MS = 500;

/** Runs a cell's batches, the targets in turn. */
export async function measureCell(bed: BenchBed, cell: Cell, plan: Plan): Promise<CellResult> {
  const body = makeBody(cell.bytes, cell.answer);
  const clients = TARGETS.map((name) => new Client(bed[name], cell.connections));
  const measured: Record<TargetName, number[]> = { direct: [], bare: [], bursar: [] };
  const path = pathOf(cell.answer, 'messages');
  const load = { path, body, connections: cell.connections, ratePerSecond: cell.ratePerSecond };
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const [index, name] of TARGETS.entries()) {
      const latencies = await clients[index]?.run({ ...load, durationMs: plan.batchMs });
      // A round's first request on each connection opens it: that is not what is measured.
      measured[name].push(...(latencies?.slice(round === 0 ? cell.connections : 0) ?? []));
    }
  }
  for (const client of clients) client.close();
  return {
    ...cell,
    latencies: {
      direct: summarise(measured.direct),
      bare: summarise(measured.bare),
      bursar: summarise(measured.bursar),
    },
  };
}

/** As many streamed requests as go through `connections` connections. */
export async function measureThroughput(
  bed: BenchBed,
  options: { bytes: number; connections: number; durationMs: number },
): Promise<ThroughputResult> {
  const body = makeBody(options.bytes, 'streamed');
  const path = pathOf('streamed', 'messages');
  const run = async (name: TargetName) => {
    const client = new Client(bed[name], options.connections);
    const load = { path, body, connections: options.connections, ratePerSecond: null };
    await client.run({ ...load, durationMs: WARM_UP_MS });
    const workerd = name === 'direct' ? null : bed[name].process;
    const cpuBefore = workerd?.cpuMs() ?? 0;
    const begun = performance.now();
    const { length } = await client.run({ ...load, durationMs: options.durationMs });
    const perSecond = (length * 1000) / (performance.now() - begun);
    client.close();
    return { perSecond, cpuMs: ((workerd?.cpuMs() ?? 0) - cpuBefore) / length };
  };
  const direct = await run('direct');
  const bare = await run('bare');
  const bursar = await run('bursar');
  return {
    bytes: options.bytes,
    perSecond: { direct: direct.perSecond, bare: bare.perSecond, bursar: bursar.perSecond },
    cpuMs: { bare: bare.cpuMs, bursar: bursar.cpuMs },
  };
}

/** Bursar's resident memory with `streams` answers open, each asked for with a body of `bytes`. */
export async function measureMemory(
  bed: BenchBed,
  options: { bytes: number; streams: number },
): Promise<MemoryResult> {
  const { process } = bed.bursar;
  const idle = process.residentBytes();
  const closeAll = await openStreams(bed.bursar, makeBody(options.bytes, 'held'), options.streams);
  await pause(SETTLE_MS);
  const open = process.residentBytes();
  closeAll();
  await pause(SETTLE_MS);
  return { ...options, idle, open };
}

/** A first load on every target, so that what is compiled and cached once does not count. */
export async function warmUp(bed: BenchBed): Promise<void> {
  for (const name of TARGETS) await warmUpTarget(bed[name], 'messages');
  await pause(SETTLE_MS);
}

/** The same for one target, by clients of this speech. */
export async function warmUpTarget(target: Target, speech: Speech): Promise<void> {
  const client = new Client(target, 8);
  for (const answer of ['streamed', 'whole'] as const) {
    const request = { path: pathOf(answer, speech), body: makeBody(2 * 1024, answer, speech) };
    await client.run({ ...request, connections: 8, durationMs: WARM_UP_MS, ratePerSecond: null });
  }
  client.close();
}
