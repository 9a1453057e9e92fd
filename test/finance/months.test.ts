import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import type { Entry } from '../../durable-objects/ledger/entry.ts';
import { rollUpDays } from '../../worker/finance/roll-up.ts';
import { call, makeCostCenter, rows } from '../routes/admin/admin-calls.ts';
import { addEntries, entryOf } from '../routes/admin/ledger-rows.ts';
import { setClock, useFakeClock } from '../wallet/scenario.ts';

useFakeClock('2026-12-02T12:00:00.000Z');

const DOLLAR = 1_000_000_000;
let count = 0;

function entry(admittedAt: string, usd: number, change: Partial<Entry> = {}): Entry {
  count += 1;
  return entryOf({
    entry_id: String(count).padStart(6, '0'),
    admitted_at: admittedAt,
    recorded_at: admittedAt,
    charged_nano_usd: usd * DOLLAR,
    list_nano_usd: usd * DOLLAR,
    ...change,
  });
}

function correction(admittedAt: string, usd: number, recordedAt: string): Entry {
  return entry(admittedAt, usd, { kind: 'correction', corrects: '000001', recorded_at: recordedAt });
}

async function monthsByName(): Promise<Map<string, Record<string, unknown>>> {
  const list = rows(await call('GET', '/months')) as Record<string, unknown>[];
  return new Map(list.map((row) => [String(row.month), row]));
}

async function booked(entryId: string): Promise<Record<string, unknown> | null> {
  const query = env.DB.prepare(
    'SELECT corrects, admitted_at, booked_at, booked_month FROM booked_entries WHERE entry_id = ?',
  );
  return await query.bind(entryId).first();
}

// In order of time, as a year goes: each goes on where the one before ended.
describe('a month', () => {
  test('that is not over is open, and is not closed', async () => {
    await addEntries([
      entry('2026-10-31T23:59:59.999Z', 3),
      entry('2026-11-01T00:00:00.000Z', 10),
      entry('2026-11-30T23:00:00.000Z', 20),
      entry('2026-12-02T11:00:00.000Z', 40),
    ]);
    const answer = await call('POST', '/months/2026-12/close', {});
    expect(answer).toMatchObject({ status: 409, body: { error: { type: 'conflict_error' } } });
    expect((await call('POST', '/months/2030-01/close')).status).toBe(409);
    await rollUpDays(env.DB, Date.now());
    const list = await monthsByName();
    expect([...list.keys()]).toEqual(['2026-12', '2026-11', '2026-10']);
    expect(list.get('2026-12')).toMatchObject({
      state: 'open',
      entries: 0,
      charged_usd: '0.00',
      pending_days: 1,
    });
    expect(list.get('2026-11')).toMatchObject({
      state: 'open',
      entries: 2,
      charged_usd: '30.00',
      closed_at: null,
    });
  });

  test('that is over is closed with its sums, late entries rolled up first, and with an audit event', async () => {
    await addEntries([entry('2026-11-15T10:00:00.000Z', 5, { recorded_at: '2026-12-01T00:00:10.000Z' })]);
    const answer = await call('POST', '/months/2026-11/close', { reason: 'invoice 42' });
    expect(answer).toMatchObject({
      status: 200,
      body: {
        month: '2026-11',
        state: 'closed',
        closed_at: '2026-12-02T12:00:00.000Z',
        closed_by: 'admin_token',
        reason: 'invoice 42',
        entries: 3,
        charged_usd: '35.00',
        list_usd: '35.00',
        late_entries: 0,
        pending_days: 0,
      },
    });
    const audit = rows(await call('GET', '/audit')) as Record<string, unknown>[];
    expect(audit.filter(({ action }) => action === 'month.close')).toMatchObject([
      { target: '2026-11', cost_center: null, after: { state: 'closed', reason: 'invoice 42' } },
    ]);
  });

  test('that is closed already says so, and nothing changes', async () => {
    const before = await monthsByName();
    const answer = await call('POST', '/months/2026-11/close', { reason: 'again' });
    expect(answer.status).toBe(409);
    expect(JSON.stringify(answer.body)).toContain(
      '2026-11 is closed already, since 2026-12-02T12:00:00.000Z by admin_token',
    );
    expect(await monthsByName()).toEqual(before);
    const audit = rows(await call('GET', '/audit')) as Record<string, unknown>[];
    expect(audit.filter(({ action }) => action === 'month.close')).toHaveLength(1);
  });

  test('takes no more bookings: a later correction is booked when it was recorded, and points back', async () => {
    const late = correction('2026-11-15T10:00:00.000Z', -2, '2026-12-03T09:00:00.000Z');
    await addEntries([late]);
    expect(await booked(late.entry_id)).toEqual({
      corrects: '000001',
      admitted_at: '2026-11-15T10:00:00.000Z',
      booked_at: '2026-12-03T09:00:00.000Z',
      booked_month: '2026-12',
    });
    expect(await booked('000001')).toMatchObject({
      booked_at: '2026-10-31T23:59:59.999Z',
      booked_month: '2026-10',
    });
    setClock('2026-12-05T00:00:00.000Z');
    await rollUpDays(env.DB, Date.now());
    const list = await monthsByName();
    expect(list.get('2026-11')).toMatchObject({ entries: 3, charged_usd: '35.00' });
    expect(list.get('2026-12')).toMatchObject({
      entries: 2,
      charged_usd: '38.00',
      late_entries: 1,
      late_charged_usd: '-2.00',
    });
    const report =
      'SELECT month, closed, charged_nano_usd, late_nano_usd FROM report_booked_months ORDER BY month';
    expect((await env.DB.prepare(report).all()).results).toEqual([
      { month: '2026-10', closed: 0, charged_nano_usd: 3 * DOLLAR, late_nano_usd: 0 },
      { month: '2026-11', closed: 1, charged_nano_usd: 35 * DOLLAR, late_nano_usd: 0 },
      { month: '2026-12', closed: 0, charged_nano_usd: 38 * DOLLAR, late_nano_usd: -2 * DOLLAR },
    ]);
  });

  test('that was closed before an entry arrived takes none that was recorded in it either', async () => {
    const stuck = correction('2026-11-30T10:00:00.000Z', 7, '2026-11-30T23:59:59.000Z');
    await addEntries([stuck]);
    expect(await booked(stuck.entry_id)).toMatchObject({ booked_at: '2026-12-01T00:00:00.000Z' });
    setClock('2027-01-02T00:00:00.000Z');
    expect(await call('POST', '/months/2026-12/close')).toMatchObject({
      status: 200,
      body: { entries: 3, charged_usd: '45.00', late_charged_usd: '5.00', reason: null },
    });
    const again = correction('2026-11-30T10:00:00.000Z', 1, '2026-11-30T23:59:59.000Z');
    await addEntries([again, correction('2026-12-31T10:00:00.000Z', 1, '2027-01-01T00:00:00.000Z')]);
    expect(await booked(again.entry_id)).toMatchObject({ booked_month: '2027-01' });
    await rollUpDays(env.DB, Date.now());
    const list = await monthsByName();
    expect([...list.values()].map((month) => month.charged_usd)).toEqual(['2.00', '45.00', '35.00', '3.00']);
  });

  test.each(['2026-13', '2026-1', '1999-01', 'x'])('%s is none', async (month) => {
    expect((await call('POST', `/months/${month}/close`)).status).toBe(400);
  });

  test('is closed with no unknown field', async () => {
    expect((await call('POST', '/months/2026-10/close', { force: true })).status).toBe(400);
  });

  test('and another one are pages', async () => {
    setClock('2027-01-02T00:00:00.000Z');
    const first = await call('GET', '/months?limit=2');
    expect(first.body).toMatchObject({ data: [{ month: '2027-01' }, { month: '2026-12' }] });
    const { next_cursor: cursor } = first.body as { next_cursor: string };
    expect(rows(await call('GET', `/months?limit=2&cursor=${cursor}`))).toHaveLength(2);
    expect((await call('GET', '/months?cursor=x.y')).status).toBe(400);
  });
});

test('the names of a cost center keep their history', async () => {
  setClock('2027-02-01T00:00:00.000Z');
  await makeCostCenter('renamed');
  setClock('2027-03-01T00:00:00.000Z');
  await call('PATCH', '/cost_centers/renamed', { name: 'A new name' });
  await call('PATCH', '/cost_centers/renamed', { timezone: 'Europe/Berlin' });
  const query = "SELECT name, from_at, until_at FROM cost_center_name_spans WHERE cost_center = 'renamed'";
  expect((await env.DB.prepare(query).all()).results).toEqual([
    { name: 'The renamed', from_at: '2027-02-01T00:00:00.000Z', until_at: '2027-03-01T00:00:00.000Z' },
    { name: 'A new name', from_at: '2027-03-01T00:00:00.000Z', until_at: null },
  ]);
});
