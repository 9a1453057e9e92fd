/**
 * `npm run soak`: the long campaigns. The wallet's property test draws histories for `--minutes N` (30 unless told
 * otherwise) in place of the seconds that `npm test` gives it. Ends as vitest does: 0 where no history was found
 * that the wallet and the reference disagree about; one that is found is printed with its seed.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { projectPath } from './project.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '30' } } });
const seconds = Math.round(Number(values.minutes) * 60);
if (!(seconds > 0)) {
  process.stderr.write(`--minutes: expected a number above 0, got "${values.minutes}"\n`);
  process.exit(2);
}
const { status } = spawnSync(
  process.execPath,
  [projectPath('node_modules/vitest/vitest.mjs'), 'run', '--project', 'worker', 'test/properties'],
  { cwd: projectPath('.'), stdio: 'inherit', env: { ...process.env, SOAK_SECONDS: String(seconds) } },
);
process.exit(status ?? 1);
