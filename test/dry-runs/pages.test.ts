import { env } from 'cloudflare:workers';
import { expect, test } from 'vitest';
import { pageQuery, positionBefore, seedQuery } from '../../durable-objects/dry-runs/pages.ts';

/** How SQLite would go about a query. */
async function planOf(queryOn: (db: D1Database) => D1PreparedStatement): Promise<string[]> {
  const explaining = { prepare: (text: string) => env.DB.prepare(`EXPLAIN QUERY PLAN ${text}`) };
  const { results } = await queryOn(explaining as D1Database).all<{ detail: string }>();
  return results.map(({ detail }) => detail);
}

const SPAN = {
  costCenter: 'squad',
  fromMs: Date.UTC(2035, 5, 13),
  toMs: Date.UTC(2035, 5, 14),
};
const BY_ADMISSION =
  'SEARCH ledger_entries USING INDEX ledger_entries_by_admission (cost_center=? AND admitted_at>? AND admitted_at<?)';

test('a page begins at its place in the index, and sorts no more than entries of one instant', async () => {
  expect(await planOf((db) => pageQuery(db, SPAN, positionBefore(SPAN.fromMs), 1_000))).toEqual([
    BY_ADMISSION,
    'USE TEMP B-TREE FOR LAST 3 TERMS OF ORDER BY',
  ]);
});

test('spend before the span is summed from its part of the index alone', async () => {
  const part = { startMs: SPAN.fromMs - 86_400_000, endMs: SPAN.fromMs };
  expect((await planOf((db) => seedQuery(db, SPAN, part)))[0]).toBe(BY_ADMISSION);
});
