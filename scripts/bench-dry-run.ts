/**
 * `npm run bench:dry-run`: a million recorded turns through the dry run's core, one draft, with its state in SQLite as
 * a Durable Object has it and a checkpoint every 1,000 entries; by default in a heap of 128 MB. Says how long that took
 * (CPU of the process), where the time went, and how much memory it had at most.
 *
 * `--turns N` changes the number, `--drafts N` tries up to three drafts at once, `--routes` gives them routes,
 * `--guaranteed` a budget that holds ceilings, `--json` prints the figures as JSON. The turns are some days of made-up traffic of
 * sixty developers, taken for one cost center, written once to a file and read again for later weeks with sessions of
 * their own. Goals, with one draft: at most 2 minutes of CPU, 128 MB.
 */
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import { builtinCatalogue } from '../durable-objects/core/catalogue/models.ts';
import { parsePolicy } from '../durable-objects/core/policy/parse.ts';
import type { Policy } from '../durable-objects/core/policy/types.ts';
import { REPLAY_COLUMNS, type ReplayRow, toReplayEntry } from '../durable-objects/core/replay/entry.ts';
import { Replay } from '../durable-objects/core/replay/replay.ts';
import type { ReplayEvent, ReplaySetup, ReplayStore } from '../durable-objects/core/replay/types.ts';
import { ENTRY_COLUMNS } from '../durable-objects/ledger/append.ts';
import type { Entry } from '../durable-objects/ledger/entry.ts';
import { generateTraffic } from '../test/traffic/generate.ts';
import { DemoLedger } from './demo/entries.ts';

const START_MS = Date.UTC(2026, 5, 1);
const DAY_MS = 86_400_000;
const PATTERN_DAYS = 7;
/** As many as a slice of the job has. */
const ENTRIES_A_CHECKPOINT = 1_000;
const GOAL = { cpuSeconds: 120, megabytes: 128 };

const BUDGETS = (teamDay: string, devDay: string) => ({
  budgets: [
    { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: teamDay },
    { id: 'team-month', scope: 'cost_center', window: 'month', limit_usd: '20000.00' },
    { id: 'dev-day', scope: 'developer', window: 'day', limit_usd: devDay },
  ],
});

interface Drafts {
  /** 1 to 3, each tighter than the one before. */
  count: number;
  routes: boolean;
  guaranteed: boolean;
}

const ROUTES = [
  {
    id: 'easy',
    when: { new_input_tokens_below: 2_000, budget: 'team-day', remaining_usd_below: '200.00' },
    use: 'claude-haiku-5-5',
  },
  { id: 'helpers', when: { kinds: ['auxiliary'] }, use: 'claude-haiku-5-5' },
];

const SURE = {
  id: 'dev-week',
  scope: 'developer',
  window: 'week',
  limit_usd: '400.00',
  admission: 'guaranteed',
  clamp_max_tokens: true,
};

function draftsOf({ count, routes, guaranteed }: Drafts): ReplaySetup['drafts'] {
  return Array.from({ length: count }, (_, place) => {
    const { budgets } = BUDGETS(`${420 - 40 * place}.00`, `${40 - 5 * place}.00`);
    const document = {
      budgets: guaranteed ? [...budgets, SURE] : budgets,
      ...(routes ? { routes: ROUTES } : {}),
    };
    return { name: `draft ${place + 1}`, policy: policyOf(document) };
  });
}

function policyOf(document: object): Policy {
  const parsed = parsePolicy(document, {
    timezone: 'Europe/Berlin',
    catalogue: builtinCatalogue,
    nowMs: START_MS,
    enforce: 'new',
  });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value.policy;
}

/** State in a file, within the transaction of each slice. */
class FileStore implements ReplayStore {
  readonly #database: DatabaseSync;
  readonly #read;
  readonly #write;
  readonly #delete;
  events = 0;

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000');
    this.#database.exec('CREATE TABLE state (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID');
    this.#read = this.#database.prepare('SELECT value FROM state WHERE key = ?');
    this.#write = this.#database.prepare('INSERT OR REPLACE INTO state VALUES (?, ?)');
    this.#delete = this.#database.prepare('DELETE FROM state WHERE key = ?');
  }

  read(key: string): string | null {
    return (this.#read.get(key) as { value: string } | undefined)?.value ?? null;
  }

  write(key: string, value: string | null): void {
    if (value === null) this.#delete.run(key);
    else this.#write.run(key, value);
  }

  event(_draft: number, _event: ReplayEvent): void {
    this.events += 1;
  }

  transaction(act: () => void): void {
    this.#database.exec('BEGIN');
    act();
    this.#database.exec('COMMIT');
  }

  close(): void {
    this.#database.close();
  }
}

function rowOf(entry: Entry): ReplayRow {
  const cells = REPLAY_COLUMNS.map((column) => {
    const value = entry[column];
    return [column, ENTRY_COLUMNS[column] === 'json' ? JSON.stringify(value) : value];
  });
  return { ...Object.fromEntries(cells), policy_version: 1 } as ReplayRow;
}

async function writePattern(path: string, most: number): Promise<void> {
  const file = createWriteStream(path);
  const ledger = new DemoLedger(1);
  let written = 0;
  for (const turn of generateTraffic({ seed: 1, startMs: START_MS, days: PATTERN_DAYS })) {
    if (written === most) break;
    const line = `${JSON.stringify(rowOf(ledger.entryOf(turn)))}\n`;
    if (!file.write(line)) await new Promise<void>((resolve) => file.once('drain', () => resolve()));
    written += 1;
  }
  await new Promise<void>((resolve) => file.end(() => resolve()));
}

/** The pattern again and again, a week later each time. */
async function* rows(path: string, count: number): AsyncGenerator<ReplayRow> {
  for (let week = 0, given = 0; given < count; week += 1) {
    const later = (instant: string): string =>
      new Date(Date.parse(instant) + week * PATTERN_DAYS * DAY_MS).toISOString();
    for await (const line of createInterface({ input: createReadStream(path) })) {
      if (given === count) return;
      const row = JSON.parse(line) as ReplayRow;
      given += 1;
      yield {
        ...row,
        turn_id: `${row.turn_id}-${week}`,
        admitted_at: later(row.admitted_at),
        recorded_at: later(row.recorded_at),
        open_seq: given,
        decision_inputs: week === 0 ? row.decision_inputs : moved(row.decision_inputs, week),
      };
    }
  }
}

const SESSION = /"session":"([^"]+)"/;
const INSTANT = /"(atMs|expiresAtMs)":(\d+)/g;

function moved(inputs: string, week: number): string {
  return inputs
    .replace(SESSION, (_, session: string) => `"session":"${session}-${week}"`)
    .replace(
      INSTANT,
      (_, field: string, ms: string) => `"${field}":${Number(ms) + week * PATTERN_DAYS * DAY_MS}`,
    );
}

/** Entries of a checkpoint at once. */
async function* slices(given: AsyncGenerator<ReplayRow>): AsyncGenerator<ReplayRow[]> {
  let slice: ReplayRow[] = [];
  for await (const row of given) {
    slice.push(row);
    if (slice.length < ENTRIES_A_CHECKPOINT) continue;
    yield slice;
    slice = [];
  }
  if (slice.length > 0) yield slice;
}

interface Figures {
  turns: number;
  cpuSeconds: number;
  /** Of the CPU, in seconds; reading rows is the benchmark's own, and not of the sum. */
  parts: Record<'rows' | 'decode' | 'replay' | 'checkpoint', number>;
  heapMegabytes: number;
  rssMegabytes: number;
  events: number;
}

async function measure(directory: string, turns: number, drafts: Drafts): Promise<Figures> {
  const pattern = join(directory, 'pattern.jsonl');
  await writePattern(pattern, turns);
  const store = new FileStore(join(directory, 'state.sqlite'));
  const setup: ReplaySetup = {
    costCenter: 'bench',
    timezone: 'Europe/Berlin',
    fromMs: START_MS,
    toMs: Number.MAX_SAFE_INTEGER,
    catalogue: builtinCatalogue,
    recorded: new Map([[1, policyOf(BUDGETS('900.00', '200.00'))]]),
    drafts: draftsOf(drafts),
    raises: [],
    seedStanding: true,
  };
  const replay = new Replay(setup, store);
  const parts = { rows: 0, decode: 0, replay: 0, checkpoint: 0 };
  let [taken, heap] = [0, 0];
  let mark = process.cpuUsage();
  const lap = (part: keyof typeof parts): void => {
    const { user, system } = process.cpuUsage(mark);
    parts[part] += (user + system) / 1e6;
    mark = process.cpuUsage();
  };
  for await (const slice of slices(rows(pattern, turns))) {
    lap('rows');
    const entries = slice.map(toReplayEntry);
    lap('decode');
    for (const entry of entries) replay.take(entry);
    lap('replay');
    taken += slice.length;
    store.transaction(() => replay.checkpoint());
    heap = Math.max(heap, process.memoryUsage().heapUsed);
    lap('checkpoint');
  }
  const { calibration } = replay.finish();
  lap('replay');
  store.close();
  if (calibration.decisions_equal !== taken) throw new Error('the replay differs from what was recorded');
  return {
    turns: taken,
    cpuSeconds: parts.decode + parts.replay + parts.checkpoint,
    parts,
    heapMegabytes: heap / 1e6,
    rssMegabytes: process.resourceUsage().maxRSS / 1e3,
    events: store.events,
  };
}

const { values } = parseArgs({
  options: {
    turns: { type: 'string', default: '1000000' },
    drafts: { type: 'string', default: '1' },
    routes: { type: 'boolean', default: false },
    guaranteed: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const directory = mkdtempSync(join(tmpdir(), 'bursar-dry-run-'));
try {
  const figures = await measure(directory, Number(values.turns), {
    count: Number(values.drafts),
    routes: values.routes,
    guaranteed: values.guaranteed,
  });
  const { turns, cpuSeconds, parts, heapMegabytes, rssMegabytes, events } = figures;
  if (values.json) process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
  else {
    const each = (seconds: number): string => `${((seconds * 1e6) / turns).toFixed(1)} µs`;
    process.stdout.write(
      `${turns} turns, ${events} events: ${cpuSeconds.toFixed(1)} s of CPU (goal ${GOAL.cpuSeconds}), heap at most ${heapMegabytes.toFixed(0)} MB (goal ${GOAL.megabytes}), ${rssMegabytes.toFixed(0)} MB resident\n` +
        `a turn: decoding its row ${each(parts.decode)}, replaying it ${each(parts.replay)}, checkpoints ${each(parts.checkpoint)}; beside that, making the row ${each(parts.rows)}\n`,
    );
  }
  const isOver = cpuSeconds * (1_000_000 / turns) > GOAL.cpuSeconds || heapMegabytes > GOAL.megabytes;
  if (isOver) process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true });
}
