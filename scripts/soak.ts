/**
 * `npm run soak`: the long campaigns. The wallet's property test draws histories for `--minutes N` (30 unless told
 * otherwise) in place of the seconds that `npm test` gives it; then 30 days of sixty developers go through the
 * running gateway, in place of a week of ten, which takes about an hour. `--only wallet|traffic` runs one of the two.
 * Exits 0 where neither found anything; a history that is found is printed with its seed.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { projectPath } from './project.ts';

const CAMPAIGNS = {
  wallet: ['--project', 'worker', 'test/properties'],
  traffic: ['--project', 'load', 'test/process/week.node.test.ts'],
} as const;
const NAMES = Object.keys(CAMPAIGNS) as (keyof typeof CAMPAIGNS)[];

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, only: { type: 'string' } },
});
const seconds = Math.round(Number(values.minutes) * 60);
if (!(seconds > 0)) exitWith(`--minutes: expected a number above 0, got "${values.minutes}"`);
const chosen = values.only === undefined ? NAMES : NAMES.filter((name) => name === values.only);
if (chosen.length === 0) exitWith(`--only: expected ${NAMES.join(' or ')}, got "${values.only}"`);

for (const name of chosen) {
  const { status } = spawnSync(
    process.execPath,
    [projectPath('node_modules/vitest/vitest.mjs'), 'run', ...CAMPAIGNS[name]],
    { cwd: projectPath('.'), stdio: 'inherit', env: { ...process.env, SOAK_SECONDS: String(seconds) } },
  );
  if (status !== 0) process.exitCode = 1;
}

function exitWith(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
