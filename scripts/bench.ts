/**
 * `npm run bench`: what Bursar costs on this machine, beside the direct call and the least a Worker can do.
 * `--quick` takes a minute and a half instead of under ten; `--json` prints the results as JSON instead of tables.
 * Linux only (CPU and memory are read from /proc). Quote ratios, not milliseconds: the load, the upstream and
 * what is measured share the machine's cores.
 */

import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type BenchBed, makeBenchBed } from './bench/bench-bed.ts';
import { measureCell, measureMemory, measureThroughput, warmUp } from './bench/measure.ts';
import { measureTurns, measureWayLatencies, warmUpWays } from './bench/measure-ways.ts';
import { makePlan, type Plan, SIZES } from './bench/plan.ts';
import {
  CELL_HEADER,
  cellRow,
  goalLines,
  memoryLine,
  type Results,
  THROUGHPUT_HEADER,
  throughputRow,
} from './bench/report.ts';
import {
  TURNS_HEADER,
  turnsRows,
  WAY_LATENCY_HEADER,
  wayGoalLines,
  wayLatencyRow,
} from './bench/report-ways.ts';

const STREAMS = 64;
const CONNECTIONS = 64;

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});
const say = (line: string) => {
  if (!values.json) process.stdout.write(`${line}\n`);
};

const folder = await mkdtemp(join(tmpdir(), 'bursar-bench-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
say(`Building and starting (${cpus().length} cores, ${cpus()[0]?.model ?? 'unknown'}) …`);
const results = await measure(await makeBenchBed(folder), makePlan(values.quick));
if (values.json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
process.exit(0);

/** Memory first: later the heap has grown by what came before. */
async function measure(bed: BenchBed, plan: Plan): Promise<Results> {
  const results: Results = { cells: [], throughput: [], memory: [], turns: [], wayLatencies: [] };
  await warmUp(bed);

  say('\nMemory of the Worker and its wallet');
  for (const bytes of SIZES) {
    const memory = await measureMemory(bed, { bytes, streams: STREAMS });
    results.memory.push(memory);
    say(memoryLine(memory));
  }

  say('\nAdded time in ms, first byte out to last byte in');
  say(CELL_HEADER);
  for (const cell of plan.cells) {
    const measured = await measureCell(bed, cell, plan);
    results.cells.push(measured);
    say(cellRow(measured));
  }

  say(`\nStreamed requests a second at ${CONNECTIONS} connections, CPU of workerd a request`);
  say(THROUGHPUT_HEADER);
  for (const bytes of SIZES) {
    const options = { bytes, connections: CONNECTIONS, durationMs: plan.throughputMs };
    const throughput = await measureThroughput(bed, options);
    results.throughput.push(throughput);
    say(throughputRow(throughput));
  }

  await measureWays(bed, plan, results);
  say('\nGoals');
  for (const line of [...goalLines(results), ...wayGoalLines(results)]) say(line);
  return results;
}

/** Every dialect and provider beside the native path, all in the same run. */
async function measureWays(bed: BenchBed, plan: Plan, results: Results): Promise<void> {
  await warmUpWays(bed);
  say(
    '\nCPU of workerd a turn by way: median and least of the rounds; as multiples of the native way in the same round: median, least, most',
  );
  say(TURNS_HEADER);
  for (const cell of plan.turns) {
    const turns = await measureTurns(bed, cell);
    results.turns.push(turns);
    for (const line of turnsRows(turns)) say(line);
  }
  say('\nAdded p50 by way in ms, paced, first byte out to last byte in');
  say(WAY_LATENCY_HEADER);
  for (const cell of plan.wayCells) {
    const measured = await measureWayLatencies(bed, cell, plan);
    results.wayLatencies.push(measured);
    say(wayLatencyRow(measured));
  }
}
