import { env } from 'cloudflare:workers';
import { sql } from 'drizzle-orm';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Entry } from '../../durable-objects/ledger/entry.ts';
import { dailyQuery } from '../../worker/store/daily-spend.ts';
import { openDatabase } from '../../worker/store/database.ts';
import { exportQuery } from '../../worker/store/ledger-export.ts';
import { makeCostCenter } from '../routes/admin/admin-calls.ts';
import { addEntries, entryOf } from '../routes/admin/ledger-rows.ts';

const database = openDatabase(env.DB);

let count = 0;

function entry(change: Partial<Entry>): Entry {
  count += 1;
  const charged = change.charged_nano_usd ?? 1_000_000_000;
  return entryOf({
    entry_id: String(count).padStart(4, '0'),
    admitted_at: '2026-11-10T12:00:00.000Z',
    estimated: false,
    estimated_why: null,
    ...change,
    charged_nano_usd: charged,
    list_nano_usd: change.list_nano_usd ?? charged,
  });
}

const other = { cost_center: 'other', developer: 'bob@example.com', session: 'session-2' } as const;
const guess = { turn_id: 'turn-guess', estimated: true, estimated_why: 'client_gone' } as const;

beforeAll(async () => {
  await makeCostCenter('squad');
  await addEntries([
    entry({ input_tokens: 100, cache_write_1h_tokens: 100, cache_read_tokens: 800 }),
    entry({ admitted_at: '2026-11-10T23:59:59.999Z', decision: 'downgrade', stage: 'team-day@0.95' }),
    // Admitted in November, corrected in December: it counts in November.
    entry({ ...guess, charged_nano_usd: 5 }),
    entry({ ...guess, kind: 'correction', corrects: '0003', charged_nano_usd: -2, estimated: false }),
    entry({ kind: 'refusal', model_served: null, provider: null, charged_nano_usd: 0, input_tokens: 0 }),
    entry({ ...other, decision: 'route', route: 'easy-turns', list_nano_usd: 2_000_000_000 }),
    entry({ ...other, admitted_at: '2026-11-11T00:00:00.000Z' }),
    entry({ ...other, admitted_at: '2026-12-01T00:00:00.000Z' }),
  ]);
  // The wallet writes it beside the charge.
  await env.DB.exec('DROP TRIGGER ledger_entries_are_never_changed');
  await env.DB.exec(
    "UPDATE ledger_entries SET asked_nano_usd = 1500000000 WHERE entry_id = '0002' OR route IS NOT NULL",
  );
});

async function read(view: string, where: string): Promise<Record<string, unknown>[]> {
  const { results } = await env.DB.prepare(`SELECT * FROM ${view} WHERE ${where}`).all();
  return results;
}

const NOVEMBER = "month = '2026-11'";

describe('the reports', () => {
  test.each<[view: string, where: string, rows: object[]]>([
    [
      'report_daily_spend',
      "day = '2026-11-10' AND cost_center = 'squad'",
      [
        {
          model: 'claude-opus-5-5',
          charges: 3,
          corrections: 1,
          estimated_charges: 1,
          charged_nano_usd: 2_000_000_003,
        },
        { model: 'none', provider: 'unknown', refusals: 1, charged_nano_usd: 0 },
      ],
    ],
    [
      'report_monthly_spend',
      `${NOVEMBER} AND cost_center = 'other'`,
      [
        {
          developer: 'bob@example.com',
          turn_kind: 'main',
          charges: 2,
          charged_usd: 2,
          list_nano_usd: 3_000_000_000,
        },
      ],
    ],
    [
      'report_chargeback',
      NOVEMBER,
      [
        {
          cost_center: 'other',
          cost_center_name: null,
          developers: 1,
          charged_usd: 2,
          discount_nano_usd: 1_000_000_000,
        },
        {
          cost_center: 'squad',
          cost_center_name: 'The squad',
          estimated_nano_usd: 5,
          corrections_nano_usd: -2,
        },
      ],
    ],
    ['report_chargeback', "month = '2026-12'", [{ cost_center: 'other', charged_nano_usd: 1_000_000_000 }]],
    [
      'report_savings',
      "day >= '2026-11-01' AND day < '2026-12-01' ORDER BY cost_center",
      [
        { decision: 'route', route: 'easy-turns', stage: null, saved_nano_usd: 500_000_000, not_compared: 0 },
        { decision: 'downgrade', stage: 'team-day@0.95', route: null, saved_usd: 0.5 },
      ],
    ],
    ['report_refusals', "day = '2026-11-10'", [{ cost_center: 'squad', refusals: 1, sessions: 1 }]],
    [
      'report_estimated_charges',
      "day = '2026-11-10'",
      [
        {
          estimated_why: 'client_gone',
          charges: 1,
          corrected: 1,
          estimated_nano_usd: 5,
          charged_nano_usd: 3,
        },
      ],
    ],
    [
      'report_session_costs',
      `${NOVEMBER} AND cost_center = 'other'`,
      [{ session: 'session-2', first_day: '2026-11-10', last_day: '2026-11-11', charges: 2, charged_usd: 2 }],
    ],
    [
      'report_developer_days',
      "day = '2026-11-11'",
      [{ developer: 'bob@example.com', sessions: 1, charges: 1 }],
    ],
    [
      'report_unit_costs',
      `${NOVEMBER} AND cost_center = 'other'`,
      [{ developers: 1, developer_days: 2, sessions: 1, usd_per_developer_day: 1, usd_per_session: 2 }],
    ],
    [
      'report_cache',
      "day = '2026-11-10' AND cost_center = 'squad' AND model <> 'none'",
      [{ prompt_tokens: 1_030, uncached_tokens: 130, cache_read_tokens: 800, reads_per_write: 8 }],
    ],
  ])('%s where %s', async (view, where, rows) => {
    const found = await read(view, where);
    expect(found).toHaveLength(rows.length);
    rows.forEach((row, index) => {
      expect(found[index]).toMatchObject(row);
    });
  });

  test('by day and by month add up to the ledger', async () => {
    const sumOf = async (from: string): Promise<unknown> =>
      await env.DB.prepare(`SELECT CAST(sum(charged_nano_usd) AS TEXT) AS sum FROM ${from}`).first('sum');
    const ledger = await sumOf('ledger_entries');
    expect(ledger).toBe('5000000003');
    for (const view of ['report_daily_spend', 'report_monthly_spend', 'report_chargeback']) {
      expect(await sumOf(view)).toBe(ledger);
    }
    for (const view of ['report_session_costs', 'report_developer_days', 'report_unit_costs']) {
      expect(await sumOf(view)).toBe(ledger);
    }
  });
});

describe('an index serves', () => {
  const DAYS = "day >= '2026-11-01' AND day < '2026-12-01'";
  const BY_INSTANT = 'INDEX ledger_entries_by_instant (admitted_at>? AND admitted_at<?)';
  /** Roll-ups of the days asked for, and entries of those. */
  const ROLLED_UP = 'SEARCH r USING INDEX daily_rollups_by_day (day=?)';
  const OF_DAYS = 'SEARCH d USING PRIMARY KEY (day>? AND day<?)';
  const OF_MONTH = 'SEARCH d USING INDEX report_days_by_month (month=?)';

  async function planOf(query: ReturnType<typeof sql>): Promise<string> {
    const plan = await database.all<{ detail: string }>(sql`EXPLAIN QUERY PLAN ${query}`);
    return plan.map(({ detail }) => detail).join('\n');
  }

  test.each([
    ['report_daily_spend', DAYS, [OF_DAYS, ROLLED_UP, BY_INSTANT]],
    ['report_cache', DAYS, [OF_DAYS, ROLLED_UP, BY_INSTANT]],
    ['report_monthly_spend', NOVEMBER, [OF_MONTH, ROLLED_UP, BY_INSTANT]],
    ['report_chargeback', NOVEMBER, [OF_MONTH, ROLLED_UP, BY_INSTANT]],
    [
      'report_savings',
      DAYS,
      [OF_DAYS, ROLLED_UP, 'INDEX ledger_entries_redirected (admitted_at>? AND admitted_at<?)'],
    ],
    ['report_developer_days', DAYS, [`COVERING ${BY_INSTANT}`]],
    ['report_session_costs', NOVEMBER, [`COVERING ${BY_INSTANT}`]],
    ['report_unit_costs', NOVEMBER, [`COVERING ${BY_INSTANT}`]],
    ['report_refusals', DAYS, ['INDEX ledger_entries_refused (admitted_at>? AND admitted_at<?)']],
    ['report_estimated_charges', DAYS, ['INDEX ledger_entries_estimated (admitted_at>? AND admitted_at<?)']],
  ])('%s where %s', async (view, where, searches) => {
    const plan = await planOf(sql.raw(`SELECT * FROM ${view} WHERE ${where}`));
    for (const search of searches) expect(plan).toContain(search);
  });

  test('the pages of the exports', async () => {
    const after = { cost_center: 'squad', admitted_at: '2026-11-01T00:00:00.000Z', entry_id: '' };
    expect(await planOf(exportQuery(after, '2026-12-01T00:00:00.000Z', 10).inlineParams())).toContain(
      'INDEX ledger_entries_by_admission (cost_center=? AND admitted_at>? AND admitted_at<?)',
    );
    const day = { day: '2026-11-01', cost_center: '', developer: '', model: '', turn_kind: '', provider: '' };
    const plan = await planOf(dailyQuery(day, null, 10).inlineParams());
    for (const search of ['SEARCH d USING PRIMARY KEY (day=?)', ROLLED_UP, BY_INSTANT]) {
      expect(plan).toContain(search);
    }
  });
});
