import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import { judge } from '../../worker/finance/filling.ts';
import { call } from '../routes/admin/admin-calls.ts';
import { addEntries, entryOf } from '../routes/admin/ledger-rows.ts';
import { useFakeClock } from '../wallet/scenario.ts';

useFakeClock('2026-11-25T00:23:00.000Z');

describe('the filling of D1', () => {
  test('is told with its pace', async () => {
    await addEntries(
      [1, 2, 3].map((day) =>
        entryOf({ entry_id: `filling-${day}`, admitted_at: `2026-11-2${day}T12:00:00.000Z` }),
      ),
    );
    const answer = await call('GET', '/storage');
    expect(answer).toMatchObject({
      status: 200,
      body: {
        database: { bytes: expect.any(Number), max_bytes: 10_000_000_000 },
        pace: { bytes_per_entry: 3_300 },
        days_until_full: null,
        archive: { enabled: true, hot_days: 90 },
        advice: 'There is nothing to do.',
      },
    });
    const { database, rows: counts } = answer.body as Record<string, Record<string, number>>;
    expect(database?.bytes).toBeGreaterThan(100_000);
    const all = await env.DB.prepare('SELECT count(*) AS n FROM ledger_entries').first<number>('n');
    expect(counts?.ledger_entries).toBe(all);
  });

  const FACTS = {
    ledgerEntries: 2_000_000,
    oldestDay: null,
    rollupRows: 0,
    alertEvents: 0,
    auditEvents: 0,
    archivedEntries: 0,
    archivedBytes: 0,
    paceDays: 7,
  };

  test.each<[perDay: number, hotDays: number | null, days: number | null, advice: RegExp]>([
    [10_000, null, 200, /bind an R2 bucket as ARCHIVE \(/],
    [100_000, null, 20, /as ARCHIVE and set HOT_DAYS to 32/],
    [100_000, 90, 20, /set HOT_DAYS to 32/],
    [100_000, 30, null, /nothing to do/],
    [4_000_000, 2, 0, /for each part of the company/],
    [0, null, null, /nothing to do/],
  ])('at %i entries a day and %s hot days', (entriesADay, hotDays, daysUntilFull, advice) => {
    const judged = judge({ ...FACTS, bytes: 5_000_000_000, entriesADay }, hotDays);
    expect(judged).toMatchObject({ bytesAnEntry: 2_500, daysUntilFull, full: 0.5 });
    expect(judged.advice).toMatch(advice);
  });
});
