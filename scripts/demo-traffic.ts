/**
 * `npm run demo:traffic`: a month of made-up traffic, for trying queries, pages and policies on. It is written
 * to the ledger of the local gateway's state, or with `--play` sent to a gateway that runs. stdout gets the
 * outcome, stderr progress and problems. Exits 1 where it cannot do what it was asked.
 */
import { resolve } from 'node:path';
import type { Result } from '../durable-objects/core/result.ts';
import { generateTraffic } from '../test/traffic/generate.ts';
import { squadsOf } from '../test/traffic/squads.ts';
import { type DemoOptions, readOptions, USAGE } from './demo/options.ts';
import { takeStateDir } from './local/run-record.ts';
import { openSecrets } from './local/secrets.ts';
import { readSettings } from './local/settings.ts';

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

const DAY_MS = 86_400_000;

const args = process.argv.slice(2);
if (args.includes('--help')) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const options = orExit(readOptions(args, Date.now()), USAGE);
await (options.play === null ? write(options) : play(options, options.play));

async function write({ seed, days, untilMs }: DemoOptions): Promise<void> {
  const settings = orExit(readSettings(process.env), 'The environment is not right:');
  const stateDir = resolve(settings.stateDir);
  const record = orExit(
    await takeStateDir(stateDir),
    'The demo is written while no gateway runs on the same state. To send turns to one that runs, use --play.',
  );
  process.on('exit', () => record.remove());
  // Miniflare and drizzle take a while to load, and only now is it clear that they are needed.
  const [{ openLocalDatabase }, { rollUpEveryDay }, { configureSquads }, { writeLedger }, { openDatabase }] =
    await Promise.all([
      import('./local/database.ts'),
      import('./local/roll-up.ts'),
      import('./demo/configure.ts'),
      import('./demo/write.ts'),
      import('../worker/store/database.ts'),
    ]);
  const { signingKey } = orExit(await openSecrets(stateDir));
  const { db, close } = await openLocalDatabase(stateDir, (pid) => record.noteWorkerd(pid));
  await configureSquads(openDatabase(db), squadsOf(seed), [{ generation: 1, seed: signingKey }], Date.now());
  const turns = generateTraffic({ seed, startMs: untilMs - days * DAY_MS, days });
  const before = await countEntries(db);
  const written = await writeLedger(db, { seed, turns, nowMs: untilMs }, (entries) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${entries} entries`);
  });
  if (process.stderr.isTTY) process.stderr.write('\n');
  const added = (await countEntries(db)) - before;
  await rollUpEveryDay(db, untilMs);
  await close();
  const usd = Math.round(written.chargedNanoUsd / 1e9).toLocaleString('en-US');
  process.stdout.write(
    `${days} days of traffic, seed ${seed}, until ${new Date(untilMs).toISOString()}: ${written.entries} entries, $${usd}.\n` +
      `${added} of them are new in the ledger of ${stateDir}, under the provider "demo".\n`,
  );
}

async function countEntries(db: D1Database): Promise<number> {
  return (await db.prepare('SELECT count(*) FROM ledger_entries').first<number>('count(*)')) ?? 0;
}

async function play({ seed }: DemoOptions, target: NonNullable<DemoOptions['play']>): Promise<void> {
  const adminToken = process.env.ADMIN_TOKEN ?? exitWith('ADMIN_TOKEN is not set: keys are made with it.');
  const { playTraffic } = await import('./demo/play.ts');
  process.stdout.write(orExit(await playTraffic({ ...target, seed, adminToken })));
}

function orExit<T>(result: Result<T, string>, about?: string): T {
  return result.ok
    ? result.value
    : exitWith(about === undefined ? result.error : `${result.error}\n${about}`);
}

function exitWith(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
