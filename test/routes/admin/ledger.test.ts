import { beforeAll, describe, expect, test } from 'vitest';
import { type Answer, call, rows } from './admin-calls.ts';
import { addAlerts, addEntries, entryOf } from './ledger-rows.ts';

function idsOf(answer: Answer, name: string): unknown[] {
  return rows(answer).map((row) => new Map(Object.entries(Object(row))).get(name));
}

function cursorOf(answer: Answer): unknown {
  return new Map(Object.entries(Object(answer.body))).get('next_cursor');
}

const day = (date: string) => ({ admitted_at: `${date}T00:00:00.000Z` });

const ENTRIES = [
  entryOf({ entry_id: '01', ...day('2026-11-20') }),
  entryOf({ entry_id: '02', ...day('2026-11-21'), developer: 'ada@example.com' }),
  entryOf({ entry_id: '03', ...day('2026-11-22'), session: 'session-2', kind: 'refusal' }),
  entryOf({
    entry_id: '04',
    ...day('2026-11-23'),
    cost_center: 'other',
    kind: 'correction',
    charged_nano_usd: -5,
  }),
  entryOf({ entry_id: '05', ...day('2026-11-24') }),
];

beforeAll(async () => {
  await addEntries(ENTRIES);
});

describe('the ledger', () => {
  test('answers an entry with every field as it was written, and its price in dollars', async () => {
    const answer = await call('GET', '/ledger?cost_center=other');
    expect(answer.status).toBe(200);
    expect(rows(answer)).toEqual([{ ...ENTRIES[3], charged_usd: '-0.000000005' }]);
  });

  test.each([
    ['', ['05', '04', '03', '02', '01']],
    ['?cost_center=squad', ['05', '03', '02', '01']],
    ['?cost_center=nobody', []],
    ['?developer=Ada@Example.com', ['02']],
    ['?session=session-2', ['03']],
    ['?kind=charge', ['05', '02', '01']],
    ['?from=2026-11-22', ['05', '04', '03']],
    ['?to=2026-11-22', ['02', '01']],
    ['?from=2026-11-21&to=2026-11-23', ['03', '02']],
    ['?from=2026-11-22&to=2026-11-22', []],
    ['?from=2026-11-22T01:00:00%2B01:00&to=2026-11-22T00:00:00.001Z', ['03']],
    ['?cost_center=squad&kind=charge&from=2026-11-21', ['05', '02']],
    ['?limit=2', ['05', '04']],
    ['?limit=1000', ['05', '04', '03', '02', '01']],
  ])('of %j is newest first %j', async (query, ids) => {
    expect(idsOf(await call('GET', `/ledger${query}`), 'entry_id')).toEqual(ids);
  });

  test('is walked by cursor, every entry once, whatever the size of the pages', async () => {
    const seen: unknown[] = [];
    let cursor: unknown = null;
    for (const limit of [1, 2, 3]) {
      const page = await call('GET', `/ledger?limit=${limit}${cursor === null ? '' : `&cursor=${cursor}`}`);
      seen.push(...idsOf(page, 'entry_id'));
      cursor = cursorOf(page);
    }
    expect(seen).toEqual(['05', '04', '03', '02', '01']);
    expect(cursor).toBeNull();
  });

  test('refuses a cursor from another query, a changed one and a made-up one', async () => {
    const cursor = String(cursorOf(await call('GET', '/ledger?limit=1&cost_center=squad')));
    expect((await call('GET', `/ledger?cost_center=squad&cursor=${cursor}`)).status).toBe(200);
    const changed = `${cursor.startsWith('A') ? 'B' : 'A'}${cursor.slice(1)}`;
    for (const path of [
      `/ledger?cursor=${cursor}`,
      `/ledger?cost_center=other&cursor=${cursor}`,
      `/ledger?cost_center=squad&kind=charge&cursor=${cursor}`,
      `/ledger?cost_center=squad&cursor=${changed}`,
      `/ledger?cost_center=squad&cursor=${cursor}x`,
      `/ledger?cost_center=squad&cursor=05`,
      '/ledger?cursor=',
      '/ledger?cursor=%F0%9F%92%B8.x',
      `/alerts?cost_center=squad&cursor=${cursor}`,
      `/audit?cost_center=squad&cursor=${cursor}`,
    ]) {
      expect(await call('GET', path)).toMatchObject({
        status: 400,
        body: { error: { type: 'invalid_request_error', problems: [{ path: 'cursor' }] } },
      });
    }
  });

  test.each([
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=', 'limit'],
    ['kind=refund', 'kind'],
    ['from=yesterday', 'from'],
    ['from=2026-02-30', 'from'],
    ['to=2026-11-24T25:00:00Z', 'to'],
    ['from=2026-11-24&to=2026-11-23', 'from'],
    ['costcenter=squad', 'costcenter'],
    ['limit=1&limit=2', 'limit'],
  ])('refuses ?%s and names %s', async (query, path) => {
    expect(await call('GET', `/ledger?${query}`)).toMatchObject({
      status: 400,
      body: { error: { type: 'invalid_request_error', problems: [{ path }] } },
    });
  });
});

describe('the alerts', () => {
  const event = {
    on: 'stage:downgrade',
    occurred_at: '2026-11-23T12:00:00.000Z',
    turn_id: 'turn-1',
    session: 'session-1',
    developer: 'dev@example.com',
    policy_version: 1,
    budget: 'team-day',
    subject: 'squad',
    stage: 'team-day@0.95',
    window_start: '2026-11-23T00:00:00.000Z',
    resets_at: '2026-11-24T00:00:00.000Z',
    standing: { settled_usd: '480.00' },
    context: null,
  };

  test('are newest first, by cost center, in pages', async () => {
    const events = ['1', '2', '3'].map((id) => ({
      ...event,
      event_id: id,
      cost_center: id === '2' ? 'other' : 'squad',
    }));
    await addAlerts(events);
    const shown = events.toReversed().map((event) => ({ ...event, deliveries: [] }));
    expect(rows(await call('GET', '/alerts'))).toEqual(shown);
    const page = await call('GET', '/alerts?cost_center=squad&limit=1');
    expect(idsOf(page, 'event_id')).toEqual(['3']);
    const next = await call('GET', `/alerts?cost_center=squad&cursor=${cursorOf(page)}`);
    expect(idsOf(next, 'event_id')).toEqual(['1']);
  });
});
