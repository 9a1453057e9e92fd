/**
 * `npm run bench:exports -- [entries]`: what exports of a large ledger (300,000 entries) take, in time and in the
 * Worker's memory: the built Worker on plain workerd with a limited heap, D1 in a process of its own. Prints the
 * Worker's resident memory before, after a tenth of the time, at its highest since, and a while after the end. Exits
 * 1 where it grew by more than the goal between the tenth and the end. Linux only (memory is read from /proc).
 */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { type Reading, readExport } from './bench/export-reader.ts';
import { openD1, startBursar, startD1 } from './bench/gateway.ts';
import { fillLedgerFile } from './bench/ledger-file.ts';
import type { WorkerdProcess } from './bench/workerd.ts';
import { makeSecret } from './local/secrets.ts';
import { readWranglerConfig } from './wrangler-config.ts';

const GOAL_BYTES = 50_000_000;
/** Half of what an isolate has on Cloudflare: garbage counts as resident, and V8 lets it lie up to its limit. */
const HEAP_MIB = 64;
const SPAN = 'from=2026-06-01&to=2026-12-01';
const FILES = ['ledger.csv', 'ledger.ndjson', 'focus.csv', 'daily.csv'];
/** Memory that is free to be given back is, by then. */
const SETTLE_MS = 3_000;
const SLOW = { bytesPerSecond: 1_000_000, untilMs: 30_000 };
const FAST = { bytesPerSecond: null, untilMs: null };

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const entries = Number(process.argv[2] ?? 300_000);
const folder = await mkdtemp(join(tmpdir(), 'bursar-exports-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const adminToken = makeSecret();

async function start(): Promise<WorkerdProcess> {
  const config = readWranglerConfig();
  const compatibility = { date: config.compatibility_date, flags: config.compatibility_flags };
  await (await startD1(join(folder, 'd1'), compatibility)).stop();
  fillLedgerFile(join(folder, 'd1/storage'), entries);
  const d1 = await openD1(join(folder, 'd1'), compatibility);
  // No turn is sent, and nothing listens there.
  const upstream = 'http://127.0.0.1:9';
  return await startBursar(join(folder, 'bursar'), {
    config,
    compatibility,
    upstream,
    d1,
    adminToken,
    heapMiB: HEAP_MIB,
  });
}

async function report(worker: WorkerdProcess, name: string, reading: Reading): Promise<void> {
  await pause(SETTLE_MS);
  const later = reading.samples.filter(({ ms }) => ms >= reading.seconds * 100);
  const atEarly = later[0]?.resident ?? Number.NaN;
  const highest = Math.max(...later.map(({ resident }) => resident));
  const growth = highest - atEarly;
  if (!(growth <= GOAL_BYTES)) process.exitCode = 1;
  const figures = {
    before: reading.before,
    'a tenth in': atEarly,
    highest,
    after: worker.residentBytes(),
    growth,
  };
  const memory = Object.entries(figures).map(([when, bytes]) => `${when} ${megabytes(bytes)}`);
  const rate = `${megabytes(reading.bytes)} in ${reading.seconds.toFixed(1)} s`;
  process.stdout.write(`${name}: ${rate}; resident ${memory.join(', ')}\n`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

const worker = await start();
process.stdout.write(`${entries} entries; the Worker has ${megabytes(worker.residentBytes())} resident\n`);
for (const file of FILES) {
  const manifest = await readExport(worker, `/exports/${file}/manifest?${SPAN}`, { adminToken, ...FAST });
  const { rows, bytes } = z.object({ rows: z.number(), bytes: z.number() }).parse(JSON.parse(manifest.text));
  await report(worker, `manifest of ${file}, ${rows} rows`, manifest);
  const reading = await readExport(worker, `/exports/${file}?${SPAN}`, { adminToken, ...FAST });
  if (reading.bytes !== bytes)
    throw new Error(`${file} has ${reading.bytes} bytes, its manifest says ${bytes}`);
  await report(worker, file, reading);
}
const slow = await readExport(worker, `/exports/ledger.ndjson?${SPAN}`, { adminToken, ...SLOW });
await report(worker, 'ledger.ndjson, read at 1 MB/s for 30 s', slow);
process.exit();
