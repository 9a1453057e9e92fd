/**
 * `npm run deploy`: migrations first, then the Worker. Migrations only ever add, so the version that is still
 * live runs on while they are applied, and a roll-back of the Worker needs none of its own.
 * `npm run deploy -- --dry-run` builds what would be deployed into dist/ and needs no account and no network.
 * Other arguments go to `wrangler deploy` as they are.
 */
import { readFile, stat } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { buildWorker } from './bundle.ts';
import { localOnlyProblem } from './local-only.ts';
import { projectPath } from './project.ts';
import { runWrangler } from './wrangler.ts';
import { readWranglerConfig } from './wrangler-config.ts';

/** What wrangler.toml holds until `wrangler d1 create` has given a real one. */
const NO_DATABASE = '00000000-0000-0000-0000-000000000000';

const args = process.argv.slice(2);
const problem = localOnlyProblem(readWranglerConfig().vars, args);
process.exitCode = problem ? fail(problem) : args.includes('--dry-run') ? await dryRun() : await deploy(args);

async function dryRun(): Promise<number> {
  const built = await buildWorker(projectPath('dist'));
  if (!built.ok) return fail(built.error);
  const bundle = projectPath('dist/index.js');
  const { size } = await stat(bundle);
  const zipped = gzipSync(await readFile(bundle)).byteLength;
  process.stdout.write(
    `Built dist/index.js: ${kib(size)}, ${kib(zipped)} compressed. Nothing was deployed.\n`,
  );
  return 0;
}

async function deploy(args: readonly string[]): Promise<number> {
  const database = readWranglerConfig().d1_databases.find((each) => each.binding === 'DB');
  if (database === undefined) return fail('wrangler.toml has no D1 database bound as DB.');
  if (database.database_id === undefined || database.database_id === NO_DATABASE) {
    return fail(
      'wrangler.toml names no database yet: run "npx wrangler d1 create bursar" and put the database_id it prints into wrangler.toml (docs/deploy.md).',
    );
  }
  const migrated = await runWrangler(['d1', 'migrations', 'apply', database.database_name, '--remote'], {
    output: 'inherit',
  });
  if (!migrated.ok) return fail('The migrations were not applied, so the Worker was not deployed.');
  const deployed = await runWrangler(['deploy', ...args], { output: 'inherit' });
  return deployed.ok
    ? 0
    : fail('The migrations were applied, the Worker was not deployed: the version before it goes on.');
}

function fail(message: string): number {
  process.stderr.write(`${message}\n`);
  return 1;
}

function kib(bytes: number): string {
  return `${(bytes / 1024).toFixed(1)} KiB`;
}
