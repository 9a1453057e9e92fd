/**
 * `npm run bench:views -- [entries]`: how long finance's views take over a ledger of a million entries, six months
 * of it, in SQLite on this machine's disk (what D1 runs; D1's own local emulation takes an hour to be filled).
 * Prints one line a query, and exits 1 where a month takes longer than the goal. `--no-index` leaves the index
 * of the reports out; `--keep FILE` keeps the ledger there, and takes it up again.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import { fillLedger } from './bench/many-entries.ts';
import { VIEW_QUERIES } from './bench/view-queries.ts';
import { projectPath } from './project.ts';

const GOAL_MS = 2_000;
const RUNS = 3;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { keep: { type: 'string' }, 'no-index': { type: 'boolean', default: false } },
});
const entries = Number(positionals[0] ?? 1_000_000);
const folder = mkdtempSync(join(tmpdir(), 'bursar-views-'));
const file = values.keep ?? join(folder, 'ledger.sqlite');

function open(): DatabaseSync {
  const isThere = existsSync(file);
  const database = new DatabaseSync(file);
  if (isThere) return database;
  const migrations = readdirSync(projectPath('migrations')).filter((name) => name.endsWith('.sql'));
  for (const name of migrations.sort()) {
    database.exec(readFileSync(projectPath(`migrations/${name}`), 'utf8'));
  }
  const started = performance.now();
  fillLedger(database, entries);
  const seconds = (performance.now() - started) / 1_000;
  process.stdout.write(`${entries} entries written in ${seconds.toFixed(0)} s\n`);
  return database;
}

/** Milliseconds of the first run, which reads from the disk what is not in its cache, and of the best later one. */
function measure(database: DatabaseSync, query: string): { rows: number; firstMs: number; thenMs: number } {
  const times = Array.from({ length: RUNS }, () => {
    const started = performance.now();
    const rows = database.prepare(query).all().length;
    return { rows, ms: performance.now() - started };
  });
  const [first = { rows: 0, ms: 0 }, ...rest] = times;
  return { rows: first.rows, firstMs: first.ms, thenMs: Math.min(...rest.map(({ ms }) => ms)) };
}

const database = open();
try {
  if (values['no-index']) database.exec('DROP INDEX IF EXISTS ledger_entries_by_instant');
  process.stdout.write(`${(statSync(file).size / 1e6).toFixed(0)} MB\n`);
  for (const [name, query] of Object.entries(VIEW_QUERIES)) {
    const { rows, firstMs, thenMs } = measure(database, query);
    if (firstMs > GOAL_MS) process.exitCode = 1;
    process.stdout.write(
      `${name}: ${rows} rows, first ${firstMs.toFixed(0)} ms, then ${thenMs.toFixed(0)} ms\n`,
    );
  }
} finally {
  database.close();
  rmSync(folder, { recursive: true, force: true });
}
