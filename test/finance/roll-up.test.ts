import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Entry } from '../../durable-objects/ledger/entry.ts';
import { rollUpDays } from '../../worker/finance/roll-up.ts';
import { addEntries, entryOf } from '../routes/admin/ledger-rows.ts';

const NOW = Date.parse('2026-11-25T00:23:00.000Z');

let count = 0;
let squad = '';

beforeEach(() => {
  count += 1;
  squad = `squad-${count}`;
});

function entry(change: Partial<Entry> = {}): Entry {
  count += 1;
  return entryOf({ entry_id: String(count).padStart(6, '0'), cost_center: squad, ...change });
}

async function rollups(day = '2026-11-23'): Promise<Record<string, unknown>[]> {
  const query = env.DB.prepare(
    'SELECT * FROM daily_rollups WHERE day = ? AND cost_center = ? ORDER BY rowid',
  );
  return (await query.bind(day, squad).all<Record<string, unknown>>()).results;
}

async function unit(day = '2026-11-23'): Promise<Record<string, unknown> | null> {
  const query = env.DB.prepare('SELECT * FROM rollup_days WHERE day = ? AND cost_center = ?');
  return await query.bind(day, squad).first();
}

/** Sums of everything in the ledger and in the roll-ups of the cost center. */
async function bothSums(): Promise<unknown[]> {
  const sums = 'sum(charged_nano_usd) AS usd, sum(output_tokens) AS output, sum(cache_read_tokens) AS cached';
  const of = (table: string) => env.DB.prepare(`SELECT ${sums} FROM ${table} WHERE cost_center = ?`);
  const [entries, days] = await env.DB.batch([
    of('ledger_entries').bind(squad),
    of('daily_rollups').bind(squad),
  ]);
  return [entries?.results[0], days?.results[0]];
}

describe('the roll-up of a day', () => {
  test('sums what is alike and tells apart what finance tells apart', async () => {
    await addEntries([
      entry({ estimated: false }),
      entry({ estimated: true, cache_read_tokens: 7 }),
      entry({ kind: 'correction', corrects: '1', charged_nano_usd: -800_000, list_nano_usd: -900_000 }),
      entry({
        kind: 'refusal',
        model_served: null,
        decision: 'refuse',
        charged_nano_usd: 0,
        estimated: false,
      }),
      entry({ developer: 'other@example.com', stage: 'team-day@0.95' }),
    ]);
    await rollUpDays(env.DB, NOW);
    expect(await rollups()).toHaveLength(3);
    expect((await rollups()).find((row) => row.decision === 'proceed' && row.stage === null)).toMatchObject({
      developer: 'dev@example.com',
      booked_month: '2026-11',
      part: 0,
      model_served: 'claude-opus-5-5',
      turn_kind: 'main',
      charges: 2,
      corrections: 1,
      refusals: 0,
      failures: 0,
      estimated: 2,
      estimated_nano_usd: 126_000_000,
      input_tokens: 30,
      cache_read_tokens: 7,
      charged_nano_usd: 252_800_000,
      list_nano_usd: 252_700_000,
    });
    expect((await rollups()).find((row) => row.decision === 'refuse')).toMatchObject({
      model_served: null,
      refusals: 1,
      charged_nano_usd: 0,
    });
    const [ledger, days] = await bothSums();
    expect(days).toEqual(ledger);
    expect(await unit()).toMatchObject({
      dirty: 0,
      entries: 5,
      last_entry_id: String(count).padStart(6, '0'),
    });
  });

  test('is made once the day is over, in UTC of admission', async () => {
    await addEntries([
      entry({ admitted_at: '2026-11-23T23:59:59.999Z', recorded_at: '2026-11-24T00:00:09.000Z' }),
      entry({ admitted_at: '2026-11-24T00:00:00.000Z' }),
    ]);
    await rollUpDays(env.DB, Date.parse('2026-11-24T23:59:59.999Z'));
    expect(await rollups()).toMatchObject([{ charges: 1 }]);
    expect(await rollups('2026-11-24')).toEqual([]);
    await rollUpDays(env.DB, NOW);
    expect(await rollups('2026-11-24')).toMatchObject([{ charges: 1 }]);
  });

  test('changes nothing where nothing came, and is made anew where something did', async () => {
    await addEntries([entry(), entry()]);
    await rollUpDays(env.DB, NOW);
    const before = [await rollups(), await unit()];
    expect(await rollUpDays(env.DB, NOW + 3_600_000)).toEqual({ units: 0, isComplete: true });
    expect([await rollups(), await unit()]).toEqual(before);
    await addEntries([
      entry({
        kind: 'correction',
        corrects: '1',
        charged_nano_usd: 5,
        recorded_at: '2026-12-24T00:00:00.000Z',
      }),
    ]);
    expect(await unit()).toMatchObject({ dirty: 1, entries: 2 });
    expect(await rollUpDays(env.DB, NOW + 7_200_000)).toEqual({ units: 1, isComplete: true });
    expect(await rollups()).toMatchObject([{ charges: 2, corrections: 1, charged_nano_usd: 253_600_005 }]);
  });

  test('is the same when two runs make it at once, and when an entry is given twice', async () => {
    const twice = entry();
    await addEntries([twice, entry()]);
    await Promise.all([rollUpDays(env.DB, NOW), rollUpDays(env.DB, NOW)]);
    await addEntries([twice]);
    expect(await unit()).toMatchObject({ dirty: 0 });
    const [ledger, days] = await bothSums();
    expect(days).toEqual(ledger);
  });

  test('of 30 cost centers and three days goes day by day', async () => {
    const days = ['2026-11-20', '2026-11-21', '2026-11-22'];
    const centers = Array.from({ length: 30 }, (_, index) => `center-${index}`);
    await addEntries(
      days.flatMap((day) =>
        centers.map((costCenter) => entry({ cost_center: costCenter, admitted_at: `${day}T12:00:00.000Z` })),
      ),
    );
    expect(await rollUpDays(env.DB, NOW)).toEqual({ units: 90, isComplete: true });
    const query =
      "SELECT day, count(*) AS units FROM daily_rollups WHERE cost_center LIKE 'center-%' GROUP BY day";
    expect((await env.DB.prepare(query).all()).results).toEqual(days.map((day) => ({ day, units: 30 })));
  });

  test('of 50,000 entries takes less than 5 s', async () => {
    await addEntries([entry()]);
    const names = await env.DB.prepare("SELECT name FROM pragma_table_info('ledger_entries')").all<{
      name: string;
    }>();
    const columns = names.results.map(({ name }) => name);
    const changed: Record<string, string> = {
      entry_id: "'many-' || n",
      developer: "'dev-' || (n % 1000) || '@example.com'",
      admitted_at: "strftime('%Y-%m-%dT%H:%M:%fZ', '2026-11-23', '+' || (n % 86400) || ' seconds')",
      turn_kind: "CASE n % 3 WHEN 0 THEN 'main' WHEN 1 THEN 'subagent' ELSE 'auxiliary' END",
      standing: "'\"' || hex(zeroblob(500)) || '\"'",
    };
    await env.DB.prepare(
      `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 50000)
       INSERT INTO ledger_entries (${columns.join(', ')})
       SELECT ${columns.map((column) => changed[column] ?? column).join(', ')}
       FROM numbers, ledger_entries WHERE cost_center = ?`,
    )
      .bind(squad)
      .run();
    const began = performance.now();
    expect(await rollUpDays(env.DB, NOW)).toEqual({ units: 1, isComplete: true });
    const tookMs = performance.now() - began;
    console.info(`50,000 entries of a day rolled up in ${Math.round(tookMs)} ms`);
    expect(tookMs).toBeLessThan(5_000);
    expect(await unit()).toMatchObject({ entries: 50_001, dirty: 0 });
    const [ledger, days] = await bothSums();
    expect(days).toEqual(ledger);
  }, 60_000);
});
