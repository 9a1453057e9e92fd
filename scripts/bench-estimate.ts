/**
 * `npm run bench:estimate`: how far the money held for a turn is from what it is charged, over generated traffic
 * played through the decision in virtual time. Turns that were left half-way or failed are not counted: their
 * charge is an estimate itself, or nothing. `--days N` and `--seed N` change the traffic. Goal: a median absolute
 * error of at most 15 %.
 */
import { parseArgs } from 'node:util';
import { builtinCatalogue } from '../durable-objects/core/catalogue/models.ts';
import { TURN_KINDS } from '../durable-objects/core/turn.ts';
import { EstimateErrors } from '../test/player/estimate-errors.ts';
import { bursar } from '../test/player/managers.ts';
import { play } from '../test/player/play.ts';
import { policiesOf, ROUTED_DOCUMENT } from '../test/player/squad-policies.ts';
import { generateTraffic } from '../test/traffic/generate.ts';
import { squadsOf } from '../test/traffic/squads.ts';

const START_MS = Date.UTC(2026, 9, 25);
const GOAL = 0.15;

const { values } = parseArgs({
  options: { days: { type: 'string', default: '30' }, seed: { type: 'string', default: '1' } },
});
const seed = Number(values.seed);
const squads = squadsOf(seed);
const errors = new EstimateErrors();
play({
  traffic: generateTraffic({ seed, startMs: START_MS, days: Number(values.days), squads }),
  manager: bursar,
  policyOf: policiesOf(squads, ROUTED_DOCUMENT, START_MS),
  catalogue: builtinCatalogue,
  settled: ({ turn, hold }, charged) => {
    if (turn.leftAfter === null) errors.note(turn.kind, hold.expected, charged);
  },
});

const percent = (fraction: number): string => `${(fraction * 100).toFixed(1)} %`;
process.stdout.write('| turns | | median error | 95th percentile | mean (signed) | held / charged |\n');
process.stdout.write('|---|---|---|---|---|---|\n');
for (const kind of [null, ...TURN_KINDS]) {
  const { turns, median, p95, mean, ratioOfSums } = errors.summary(kind);
  const cells = [kind ?? 'all', turns, percent(median), percent(p95), percent(mean), ratioOfSums.toFixed(3)];
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}
const { median } = errors.summary();
process.stdout.write(`\nGoal: median at most ${percent(GOAL)}: ${median <= GOAL ? 'met' : 'NOT met'}\n`);
