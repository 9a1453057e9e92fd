import { createScheduledController } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { ENTRY_COLUMNS } from '../../durable-objects/ledger/append.ts';
import type { Entry } from '../../durable-objects/ledger/entry.ts';
import { type Env, readBindings } from '../../worker/bindings.ts';
import { type Archived, archiveOldDays } from '../../worker/finance/archive.ts';
import { rollUpDays } from '../../worker/finance/roll-up.ts';
import worker from '../../worker/index.ts';
import { call, makeCostCenter, rows } from '../routes/admin/admin-calls.ts';
import { addEntries, entryOf } from '../routes/admin/ledger-rows.ts';
import { setClock, useFakeClock } from '../wallet/scenario.ts';

declare global {
  namespace Cloudflare {
    interface Env {
      ARCHIVE: R2Bucket;
    }
  }
}

const NOW = '2026-11-25T00:23:00.000Z';
useFakeClock(NOW);

const OLD_DAY = '2026-08-20';
let count = 0;
let squad = '';

beforeEach(() => {
  count += 1;
  squad = `squad-${count}`;
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  onTestFinished(() => void vi.restoreAllMocks());
});

function entry(change: Partial<Entry> = {}): Entry {
  count += 1;
  return entryOf({
    entry_id: String(count).padStart(6, '0'),
    cost_center: squad,
    admitted_at: `${OLD_DAY}T12:00:00.000Z`,
    recorded_at: `${OLD_DAY}T12:00:02.000Z`,
    ...change,
  });
}

/** Old entries that are hard on a format, rolled up. */
async function oldEntries(): Promise<void> {
  await addEntries([
    entry({ key_tags: { '2': 'b', '1': 'a', quote: '"\n,\u2028' }, session: 'Zoë\t🦊', estimated: false }),
    entry({ charged_nano_usd: Number.MAX_SAFE_INTEGER - 1_000_000_000, decision_inputs: null }),
    entry({ kind: 'correction', corrects: '1', charged_nano_usd: -7, model_served: null, key_tags: {} }),
  ]);
  await rollUpDays(env.DB, Date.now());
}

async function archive({ db = env.DB, bucket = env.ARCHIVE } = {}): Promise<Archived> {
  return await archiveOldDays(db, { bucket, hotDays: 90 }, Date.now());
}

async function entries(): Promise<unknown[]> {
  const query = env.DB.prepare('SELECT * FROM ledger_entries WHERE cost_center = ? ORDER BY entry_id');
  return (await query.bind(squad).all()).results;
}

/** What finance reads of the day, whatever is in D1 of it. */
async function daySums(): Promise<unknown> {
  const sums = 'sum(charges) AS charges, sum(corrections) AS corrections, sum(charged_nano_usd) AS usd';
  return await env.DB.prepare(`SELECT ${sums} FROM daily_rollups WHERE day = ? AND cost_center = ?`)
    .bind(OLD_DAY, squad)
    .first();
}

async function segments(): Promise<Record<string, unknown>[]> {
  return rows(await call('GET', `/archive?cost_center=${squad}`)) as Record<string, unknown>[];
}

/** The bucket, but for one method. */
function bucketWith(change: Partial<R2Bucket>): R2Bucket {
  return {
    put: env.ARCHIVE.put.bind(env.ARCHIVE),
    get: env.ARCHIVE.get.bind(env.ARCHIVE),
    ...change,
  } as R2Bucket;
}

function restore(): ReturnType<typeof call> {
  return call('POST', '/archive/restore', { day: OLD_DAY, cost_center: squad });
}

describe('entries older than the hot days', () => {
  test('leave D1 as compressed NDJSON with its checksum; their roll-up stays', async () => {
    await oldEntries();
    const [before, rows] = [await daySums(), await entries()];
    expect(await archive()).toEqual({ segments: 1, entries: 3, failed: 0 });
    expect(await entries()).toEqual([]);
    expect(await daySums()).toEqual(before);
    const [segment] = await segments();
    expect(segment).toMatchObject({
      day: OLD_DAY,
      cost_center: squad,
      part: 1,
      state: 'archived',
      object_key: expect.stringMatching(
        new RegExp(`^ledger/${OLD_DAY}/${squad}/part-1-[0-9a-f]{8}\\.ndjson\\.gz$`),
      ),
      entries: 3,
      charged_usd: '9007198.381540984',
      archived_at: NOW,
    });
    const object = await env.ARCHIVE.get(String(segment?.object_key));
    const stream = object?.body.pipeThrough(new DecompressionStream('gzip'));
    const bytes = await new Response(stream).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    expect(Array.from(digest, (each) => each.toString(16).padStart(2, '0')).join('')).toBe(segment?.sha256);
    const lines = new TextDecoder().decode(bytes).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).entry_id)).toEqual(
      rows.map((row) => (row as { entry_id: string }).entry_id),
    );
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      session: 'Zoë\t🦊',
      key_tags: { quote: '"\n,\u2028' },
    });
  });

  test('come back as they were, to the byte, and stay a while', async () => {
    await oldEntries();
    const before = [await entries(), await daySums()];
    await archive();
    expect(await restore()).toMatchObject({
      status: 200,
      body: { data: [{ state: 'restored', restored_at: NOW }] },
    });
    expect([await entries(), await daySums()]).toEqual(before);
    expect((await restore()).status).toBe(200);
    expect([await entries(), await daySums()]).toEqual(before);
    expect(await archive()).toEqual({ segments: 0, entries: 0, failed: 0 });
    setClock('2026-12-26T00:23:00.000Z');
    expect(await archive()).toEqual({ segments: 1, entries: 3, failed: 0 });
    expect(await segments()).toMatchObject([
      { part: 1, state: 'restored' },
      { part: 2, state: 'archived' },
    ]);
    expect(await daySums()).toEqual(before[1]);
  });

  test('are all the columns there are', async () => {
    const query = "SELECT name FROM pragma_table_info('ledger_entries')";
    const names = (await env.DB.prepare(query).all<{ name: string }>()).results.map(({ name }) => name);
    expect(Object.keys(ENTRY_COLUMNS).toSorted()).toEqual(names.toSorted());
  });

  test('are of days before the hot ones, by the cron, and only where there is a bucket', async () => {
    const dayOf = (day: string) => entry({ admitted_at: `${day}T23:59:59.999Z` });
    await addEntries([dayOf('2026-11-21'), dayOf('2026-11-22'), dayOf('2026-11-25')]);
    const bindings = { ...(env as unknown as Env), PROVIDER: 'simulator', HOT_DAYS: '3' };
    const { ARCHIVE: _, ...without } = bindings;
    await worker.scheduled(createScheduledController(), without);
    expect(await entries()).toHaveLength(3);
    await worker.scheduled(createScheduledController(), bindings);
    expect(await segments()).toMatchObject([{ day: '2026-11-21' }, { day: '2026-11-22' }]);
    expect(await entries()).toMatchObject([{ admitted_at: '2026-11-25T23:59:59.999Z' }]);
  });

  test('that come late to an archived day are summed, archived and restored with it', async () => {
    await oldEntries();
    await archive();
    await addEntries([entry({ kind: 'correction', corrects: '1', charged_nano_usd: 9 })]);
    await rollUpDays(env.DB, Date.now());
    const sums = await daySums();
    expect(sums).toMatchObject({ charges: 2, corrections: 2 });
    expect(await archive()).toMatchObject({ segments: 1, entries: 1 });
    expect(await daySums()).toEqual(sums);
    await restore();
    expect(await entries()).toHaveLength(4);
    expect(await daySums()).toEqual(sums);
  });
});

describe('archived is never lost', () => {
  test('when the bucket does not take the object', async () => {
    await oldEntries();
    const before = [await entries(), await daySums()];
    const put = () => Promise.reject(new Error('away'));
    expect(await archive({ bucket: bucketWith({ put }) })).toEqual({ segments: 0, entries: 0, failed: 1 });
    expect([await entries(), await daySums()]).toEqual(before);
    expect(await segments()).toMatchObject([{ state: 'writing' }]);
    expect(await archive()).toMatchObject({ segments: 1 });
    expect(await segments()).toMatchObject([{ part: 1, state: 'archived' }]);
  });

  test.each<[string, () => Promise<R2ObjectBody | null>]>([
    ['is not there', async () => null],
    [
      'is cut',
      async () => ({ body: new Response(new Uint8Array([31, 139, 8, 0])).body }) as unknown as R2ObjectBody,
    ],
    [
      'has other content',
      async () => {
        const body = new Response('{"charged_nano_usd":1}\n').body?.pipeThrough(
          new CompressionStream('gzip'),
        );
        return { body } as unknown as R2ObjectBody;
      },
    ],
  ])('when what is read back %s', async (_, get) => {
    await oldEntries();
    const before = [await entries(), await daySums()];
    expect(await archive({ bucket: bucketWith({ get: get as R2Bucket['get'] }) })).toMatchObject({
      failed: 1,
    });
    expect([await entries(), await daySums()]).toEqual(before);
    expect(await segments()).toMatchObject([{ state: 'writing' }]);
    const remove = env.DB.prepare('DELETE FROM ledger_entries WHERE cost_center = ?').bind(squad);
    await expect(remove.run()).rejects.toThrow('never deleted');
    expect(await archive()).toMatchObject({ segments: 1 });
  });

  test('when D1 goes away after the object was verified', async () => {
    await oldEntries();
    const before = [await entries(), await daySums()];
    const batch = vi.fn(env.DB.batch.bind(env.DB));
    // The first one notes the segment, the second one drops the rows.
    batch.mockImplementationOnce(env.DB.batch.bind(env.DB));
    batch.mockImplementationOnce(() => Promise.reject(new Error('D1_ERROR: away')));
    const db = { prepare: env.DB.prepare.bind(env.DB), batch };
    expect(await archive({ db: db as unknown as D1Database })).toMatchObject({ failed: 1 });
    expect([await entries(), await daySums()]).toEqual(before);
    expect(await segments()).toMatchObject([{ state: 'verified' }]);
    expect(await archive()).toMatchObject({ segments: 1, entries: 3 });
    expect([await entries(), await daySums()]).toEqual([[], before[1]]);
    expect(await segments()).toMatchObject([{ part: 1, state: 'archived' }]);
  });

  test('when an entry comes between the reading and the deleting', async () => {
    await oldEntries();
    const late = entry({ kind: 'correction', charged_nano_usd: 0 });
    const get = async (key: string) => {
      await addEntries([late]);
      return await env.ARCHIVE.get(key);
    };
    expect(await archive({ bucket: bucketWith({ get: get as R2Bucket['get'] }) })).toMatchObject({
      failed: 1,
    });
    expect(await entries()).toHaveLength(4);
    await rollUpDays(env.DB, Date.now());
    expect(await archive()).toMatchObject({ segments: 1, entries: 4 });
    expect(await segments()).toMatchObject([{ part: 1, state: 'archived', entries: 4 }]);
  });

  test('when a restore is cut off: the call again finishes it, and sums count nothing twice', async () => {
    await oldEntries();
    const before = [await entries(), await daySums()];
    await archive();
    const sums = await daySums();
    await env.DB.prepare("UPDATE archive_segments SET state = 'restoring' WHERE cost_center = ?")
      .bind(squad)
      .run();
    await addEntries([
      entryOf({ ...(before[0] as { entry_id: string }[])[0], ...PARSED } as unknown as Entry),
    ]);
    await rollUpDays(env.DB, Date.now());
    expect(await daySums()).toEqual(sums);
    expect(await restore()).toMatchObject({ status: 200, body: { data: [{ state: 'restored' }] } });
    expect(await entries()).toHaveLength(3);
    expect(await daySums()).toEqual(before[1]);
  });

  test('when the object was damaged since: nothing is restored, and it says so', async () => {
    await oldEntries();
    await archive();
    const [segment] = await segments();
    await env.ARCHIVE.put(String(segment?.object_key), 'x');
    const answer = await restore();
    expect(answer).toMatchObject({ status: 409 });
    expect(JSON.stringify(answer.body)).toContain('nothing was restored');
    expect(await entries()).toEqual([]);
    expect(await segments()).toMatchObject([{ state: 'archived' }]);
  });

  test('by anyone else’s hand', async () => {
    await oldEntries();
    await archive();
    const remove = env.DB.prepare('DELETE FROM archive_segments WHERE cost_center = ?').bind(squad);
    await expect(remove.run()).rejects.toThrow('never deleted');
  });
});

/** A row's JSON columns, which an entry has parsed. */
const PARSED = {
  key_tags: {},
  reasons: [],
  decision_inputs: null,
  standing: [],
  tools_offered: [],
  tools_used: [],
};

test('an entry that is restored keeps the month it was booked in', async () => {
  await oldEntries();
  await archive();
  expect((await call('POST', '/months/2026-08/close')).status).toBe(200);
  const closed = await daySums();
  await restore();
  const query = env.DB.prepare('SELECT DISTINCT booked_month FROM booked_entries WHERE cost_center = ?');
  expect((await query.bind(squad).all()).results).toEqual([{ booked_month: '2026-08' }]);
  expect(await daySums()).toEqual(closed);
});

describe('the archive’s calls', () => {
  test('list by pages, restore by name, and tell the audit log', async () => {
    await makeCostCenter(squad);
    await addEntries([entry(), entry({ admitted_at: '2026-08-21T00:00:00.000Z' })]);
    await rollUpDays(env.DB, Date.now());
    await archive();
    const first = await call('GET', `/archive?cost_center=${squad}&limit=1`);
    expect(first.body).toMatchObject({ data: [{ day: OLD_DAY }] });
    const { next_cursor: cursor } = first.body as { next_cursor: string };
    const second = await call('GET', `/archive?cost_center=${squad}&limit=1&cursor=${cursor}`);
    expect(second.body).toMatchObject({ data: [{ day: '2026-08-21' }], next_cursor: null });
    expect(rows(await call('GET', `/archive?cost_center=${squad}&to=${OLD_DAY}`))).toEqual([]);
    await restore();
    const audit = rows(await call('GET', `/audit?cost_center=${squad}`));
    expect(audit[0]).toMatchObject({ action: 'archive.restore', target: OLD_DAY });
  });

  test.each<[string, unknown, number]>([
    ['a day that is none', { day: '2026-02-30', cost_center: 'squad' }, 400],
    ['no cost center', { day: OLD_DAY }, 400],
    ['an unknown field', { day: OLD_DAY, cost_center: 'squad', part: 1 }, 400],
    ['a day without an archive', { day: '2020-01-01', cost_center: 'squad' }, 404],
  ])('refuse %s', async (_, body, status) => {
    expect((await call('POST', '/archive/restore', body)).status).toBe(status);
  });

  test('refuse a restore without a bucket', async () => {
    const without = { ARCHIVE: undefined } as unknown as Partial<Env>;
    const answer = await call('POST', '/archive/restore', { day: OLD_DAY, cost_center: 'a' }, without);
    expect(answer.status).toBe(409);
  });

  test.each(['1', '0', 'x', '3651', '-3'])('need a number of hot days that can be, not %s', (days) => {
    const bindings = readBindings({ ...(env as unknown as Env), HOT_DAYS: days });
    expect(bindings).toMatchObject({ ok: false, error: expect.stringContaining('HOT_DAYS') });
  });
});
