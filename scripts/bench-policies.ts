/**
 * `npm run bench:policies`: thirty days of generated traffic under several ways to manage the same budgets, played
 * in virtual time. `--days N` and `--seed N` change the traffic. Prints one row a manager.
 */
import { parseArgs } from 'node:util';
import { builtinCatalogue } from '../durable-objects/core/catalogue/models.ts';
import { bursar, hardCap, naiveDowngrade, noManagement } from '../test/player/managers.ts';
import { play } from '../test/player/play.ts';
import { policiesOf, ROUTED_DOCUMENT, SQUAD_DOCUMENT } from '../test/player/squad-policies.ts';
import { generateTraffic } from '../test/traffic/generate.ts';
import { squadsOf } from '../test/traffic/squads.ts';

/** A Sunday evening, so that thirty days are four working weeks and a bit. */
const START_MS = Date.UTC(2026, 9, 25);

const { values } = parseArgs({
  options: { days: { type: 'string', default: '30' }, seed: { type: 'string', default: '1' } },
});
const seed = Number(values.seed);
const days = Number(values.days);
const squads = squadsOf(seed);

process.stdout.write('| | cost | turns refused | stepped down | model switches | told to come back |\n');
process.stdout.write('|---|---|---|---|---|---|\n');
const GAMES = [
  { manager: noManagement, document: null },
  { manager: hardCap, document: SQUAD_DOCUMENT },
  { manager: naiveDowngrade, document: SQUAD_DOCUMENT },
  { manager: bursar, document: SQUAD_DOCUMENT },
  { manager: { ...bursar, name: 'Bursar, with a route for easy turns' }, document: ROUTED_DOCUMENT },
];
for (const { manager, document } of GAMES) {
  const begun = performance.now();
  const outcome = play({
    traffic: generateTraffic({ seed, startMs: START_MS, days, squads }),
    manager,
    policyOf: document ? policiesOf(squads, document, START_MS) : () => null,
    catalogue: builtinCatalogue,
  });
  const share = (count: number): string => `${count} (${((count / outcome.turns) * 100).toFixed(1)} %)`;
  const cells = [
    manager.name,
    `$${(outcome.costNanoUsd / 1e9).toFixed(2)}`,
    share(outcome.refused),
    share(outcome.steppedDown),
    String(outcome.switches),
    String(outcome.postponed),
  ];
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
  process.stderr.write(`${outcome.turns} turns in ${((performance.now() - begun) / 1000).toFixed(1)} s\n`);
}
