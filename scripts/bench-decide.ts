/**
 * `npm run bench:decide`: how long the core takes over one decision, for a policy of 20 budgets and 20 routes and
 * the next turn of a warm session in the downgrade stage. From what is met most to what costs most.
 * `--json` prints the figures as JSON. Goal: a median of at most 50 µs.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { builtinCatalogue } from '../durable-objects/core/catalogue/models.ts';
import { decide } from '../durable-objects/core/decide.ts';
import type { TurnToDecide } from '../durable-objects/core/decision.ts';
import { type Case, makeCases, NOW } from './bench/decide-cases.ts';

const GOAL_MICROS = 50;
const WARM_UP_RUNS = 20_000;
const RUNS = 50_000;

interface Figures {
  name: string;
  /** What it came to. */
  decision: string;
  medianMicros: number;
  p99Micros: number;
}

/** Every run decides over a turn of another size: nothing of one decision can be used for the next. */
function runOnce({ turn, standings, policy }: Case, run: number): number {
  const { facts } = turn;
  const asked: TurnToDecide = { ...turn, facts: { ...facts, bodyBytes: facts.bodyBytes + (run % 1_000) } };
  const started = process.hrtime.bigint();
  decide(asked, standings, policy, builtinCatalogue, NOW + run);
  return Number(process.hrtime.bigint() - started) / 1_000;
}

function measure(each: Case): Figures {
  const { turn, standings, policy, name } = each;
  const decision = decide(turn, standings, policy, builtinCatalogue, NOW);
  for (let run = 0; run < WARM_UP_RUNS; run += 1) runOnce(each, run);
  const micros = Float64Array.from({ length: RUNS }, (_, run) => runOnce(each, run)).sort();
  const at = (fraction: number) => Math.round((micros[Math.floor(RUNS * fraction)] ?? 0) * 10) / 10;
  const served = decision.kind === 'refuse' ? decision.why : decision.model;
  const came = `${decision.kind} ${served}, ${decision.reasons.length} reasons, last ${decision.reasons.at(-1) ?? 'none'}`;
  return { name, decision: came, medianMicros: at(0.5), p99Micros: at(0.99) };
}

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } });
const figures = makeCases().map(measure);
if (values.json) {
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
} else {
  process.stdout.write(
    `20 budgets, 20 routes, ${RUNS} decisions a case (${cpus()[0]?.model ?? 'unknown'})\n`,
  );
  for (const { name, decision, medianMicros, p99Micros } of figures) {
    const mark = medianMicros <= GOAL_MICROS ? 'ok' : `over the goal of ${GOAL_MICROS} µs`;
    process.stdout.write(`${name}: median ${medianMicros} µs, p99 ${p99Micros} µs, ${mark} (${decision})\n`);
  }
}
if (figures.some(({ medianMicros }) => medianMicros > GOAL_MICROS)) process.exitCode = 1;
