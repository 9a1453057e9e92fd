/**
 * `npm run bench:views -- [entries]`: how long finance's views take over a ledger of a million entries, six months
 * of it, in SQLite on this machine's disk (what D1 runs; D1's own local emulation takes an hour to be filled).
 * Prints one line a query, and exits 1 where a month takes longer than the goal. `--keep FILE` keeps the ledger
 * there, and takes it up again.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import { fillLedger } from '../test/traffic/many-entries.ts';
import { VIEW_QUERIES } from './bench/view-queries.ts';
import { projectPath } from './project.ts';

const GOAL_MS = 2_000;
const RUNS = 3;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { keep: { type: 'string' } },
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

interface Times {
  rows: number;
  /** Of the first run, which reads from the disk what is not in its cache. */
  firstMs: number;
  /** Of the fastest run. */
  bestMs: number;
  /** Of the processor in the fastest run: what it takes where nothing else runs. */
  cpuMs: number;
}

function measure(database: DatabaseSync, query: string): Times {
  const runs = Array.from({ length: RUNS }, () => {
    const before = process.cpuUsage();
    const started = performance.now();
    const rows = database.prepare(query).all().length;
    const { user, system } = process.cpuUsage(before);
    return { rows, ms: performance.now() - started, cpuMs: (user + system) / 1_000 };
  });
  const least = (of: (run: (typeof runs)[number]) => number): number => Math.min(...runs.map(of));
  return {
    rows: runs[0]?.rows ?? 0,
    firstMs: runs[0]?.ms ?? 0,
    bestMs: least(({ ms }) => ms),
    cpuMs: least(({ cpuMs }) => cpuMs),
  };
}

const database = open();
try {
  process.stdout.write(`${(statSync(file).size / 1e6).toFixed(0)} MB\n`);
  for (const [name, query] of Object.entries(VIEW_QUERIES)) {
    const { rows, firstMs, bestMs, cpuMs } = measure(database, query);
    if (bestMs > GOAL_MS) process.exitCode = 1;
    process.stdout.write(
      `${name}: ${rows} rows, first ${firstMs.toFixed(0)} ms, best ${bestMs.toFixed(0)} ms, processor ${cpuMs.toFixed(0)} ms\n`,
    );
  }
} finally {
  database.close();
  rmSync(folder, { recursive: true, force: true });
}
