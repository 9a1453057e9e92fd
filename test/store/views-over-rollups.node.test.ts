import { readdirSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import { INSERT_ENTRIES } from '../../durable-objects/ledger/append.ts';
import type { Entry } from '../../durable-objects/ledger/entry.ts';
import { DemoLedger } from '../../scripts/demo/entries.ts';
import { generateTraffic } from '../traffic/generate.ts';

const DAY = '2026-08-20';

/** A database migrated to before views read roll-ups, and what brings it there. */
function databaseOfBefore(): { database: DatabaseSync; migrate: () => void } {
  const database = new DatabaseSync(':memory:');
  const run = (names: string[]) => {
    for (const name of names) database.exec(readFileSync(`migrations/${name}`, 'utf8'));
  };
  const names = readdirSync('migrations').toSorted();
  // Entries are written as today, and so with today's columns.
  const isBefore = (name: string): boolean => name < '0010' || name.startsWith('0020');
  run(names.filter(isBefore));
  return { database, migrate: () => run(names.filter((name) => !isBefore(name))) };
}

function entry(change: Partial<Entry>): Entry {
  const [turn] = generateTraffic({ seed: 1, startMs: Date.parse(`${DAY}T00:00:00.000Z`), days: 1 });
  if (!turn) throw new Error('there is no traffic');
  return {
    ...new DemoLedger(1).entryOf(turn),
    cost_center: 'squad',
    developer: 'dev@example.com',
    ...change,
  };
}

/** A roll-up as the Worker of before wrote it: of so many charges and corrections, estimated and in all. */
function rollUp(
  database: DatabaseSync,
  {
    part,
    ...sums
  }: { part: number; charges: number; corrections: number; estimated: number; charged: number },
): void {
  const values = [part, sums.charges, sums.corrections, sums.estimated, sums.charged];
  database
    .prepare(
      `INSERT INTO daily_rollups (day, cost_center, part, booked_month, developer, key_id, turn_kind, model_asked,
         decision, charges, corrections, refusals, failures, estimated, estimated_nano_usd, input_tokens,
         cache_write_5m_tokens, cache_write_1h_tokens, cache_read_tokens, output_tokens, web_search_requests,
         charged_nano_usd, list_nano_usd)
       VALUES ('${DAY}', 'squad', ?, '2026-08', 'dev@example.com', 'key', 'main', 'claude-opus-5-5', 'downgrade',
         ?, ?, 0, 0, ?, 3, 0, 0, 0, 0, 0, 0, ?, 0)`,
    )
    .run(...values);
}

test('roll-ups from before are made anew, and those of archived days tell what they know', () => {
  const { database, migrate } = databaseOfBefore();
  const charged = { charged_nano_usd: 100, list_nano_usd: 100, asked_nano_usd: 900 } as const;
  database.prepare(INSERT_ENTRIES).run(`[${JSON.stringify(entry({ ...charged, decision: 'downgrade' }))}]`);
  rollUp(database, { part: 0, charges: 1, corrections: 0, estimated: 0, charged: 100 });
  database.exec("UPDATE rollup_days SET dirty = 0, entries = 1, rolled_up_at = '2026-08-21T00:23:00.000Z'");
  rollUp(database, { part: 1, charges: 2, corrections: 0, estimated: 1, charged: 50 });
  rollUp(database, { part: 1, charges: 0, corrections: 1, estimated: 0, charged: -7 });
  rollUp(database, { part: 1, charges: 1, corrections: 3, estimated: 4, charged: 20 });
  migrate();
  expect(database.prepare('SELECT day, dirty FROM rollup_days').all()).toEqual([{ day: DAY, dirty: 1 }]);
  expect(database.prepare("SELECT * FROM report_chargeback WHERE month = '2026-08'").all()).toMatchObject([
    { charges: 4, charged_nano_usd: 163, corrections_nano_usd: -7 },
  ]);
  const estimated = 'SELECT sum(estimated_charges) AS n FROM report_daily_spend';
  expect(database.prepare(estimated).get()).toEqual({ n: 2 });
  const saved = 'SELECT sum(asked_nano_usd) AS asked, sum(saved_nano_usd) AS saved, sum(not_compared) AS n';
  expect(database.prepare(`${saved} FROM report_savings`).get()).toEqual({ asked: 900, saved: 800, n: 7 });
  database.close();
});
