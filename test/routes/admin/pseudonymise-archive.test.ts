import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import type { Entry } from '../../../durable-objects/ledger/entry.ts';
import type { Env } from '../../../worker/bindings.ts';
import { type Archived, archiveOldDays } from '../../../worker/finance/archive.ts';
import { exportParts } from '../../../worker/finance/export.ts';
import { rollUpDays } from '../../../worker/finance/roll-up.ts';
import { openDatabase } from '../../../worker/store/database.ts';
import { keepComparisons, listReconciliations } from '../../../worker/store/reconciliations.ts';
import { archiveAll, bucketWith, restoreDay, segmentsOf, textOf } from '../../finance/archived-days.ts';
import { useFakeClock } from '../../wallet/scenario.ts';
import { type Answer, call, rows } from './admin-calls.ts';
import { addEntries, addReconciliation, entryOf } from './ledger-rows.ts';
import { storedInBucket, storedInD1, traceOf } from './traces.ts';

useFakeClock('2026-11-25T00:23:00.000Z');

const DAY = '2026-08-20';
let count = 0;
let squad = '';
let leaver = '';

beforeEach(() => {
  count += 1;
  squad = `squad-${count}`;
  leaver = `leaver"a${count}"@example.com`;
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  onTestFinished(() => void vi.restoreAllMocks());
});

function entry(change: Partial<Entry> = {}): Entry {
  count += 1;
  const standing = [
    { scope: 'developer', subject: leaver },
    { scope: 'session', subject: leaver },
  ];
  return entryOf({
    entry_id: `a-${String(count).padStart(6, '0')}`,
    cost_center: squad,
    developer: leaver,
    admitted_at: `${DAY}T12:00:00.000Z`,
    key_tags: { '2': 'b', '1': leaver, note: `of ${leaver}, "1":"${leaver}"` },
    standing: standing as Entry['standing'],
    charged_nano_usd: count * 1_000_003,
    ...change,
  });
}

function theirs(): Entry {
  return entry({ developer: 'colleague@example.com', key_tags: { boss: 'someone' }, standing: [] });
}

async function pseudonymise(bindings: Partial<Env> = {}): Promise<Answer> {
  const path = `/developers/${encodeURIComponent(leaver)}/pseudonymise`;
  return await call('POST', path, { reason: 'left the company' }, bindings);
}

/** Says the same of every object that no running archiving can still be writing: a quarter of an hour has passed. */
async function letTimePass(): Promise<void> {
  await env.DB.prepare("UPDATE archive_leftovers SET not_before = '2000-01-01T00:00:00.000Z'").run();
}

async function mapping(): Promise<unknown> {
  const query = 'SELECT developer FROM pseudonym_mappings WHERE developer = ?';
  return await env.DB.prepare(query).bind(leaver).first('developer');
}

/** The name's own traces: tags and standings of others may have any text. */
async function expectNowhere(): Promise<void> {
  const named = new RegExp(`"developer":${JSON.stringify(leaver).replaceAll('\\', '\\\\')}`);
  expect(await storedInBucket()).not.toMatch(named);
  const listed = 'SELECT 1 FROM archive_segment_developers WHERE developer = ?';
  expect(await env.DB.prepare(listed).bind(leaver).first()).toBeNull();
  expect(await env.DB.prepare('SELECT * FROM archive_leftovers').first()).toBeNull();
  expect(await mapping()).toBeNull();
}

async function entriesOf(costCenter: string): Promise<Record<string, unknown>[]> {
  const query = env.DB.prepare('SELECT * FROM ledger_entries WHERE cost_center = ? ORDER BY entry_id');
  return (await query.bind(costCenter).all()).results;
}

/** Every call's answer until one is complete. */
async function untilComplete(): Promise<Answer> {
  for (let calls = 0; calls < 5; calls += 1) {
    const answer = await pseudonymise();
    if (Object(answer.body).complete !== false) return answer;
    await letTimePass();
  }
  throw new Error('it does not come to an end');
}

describe('a developer who left, with archived days', () => {
  test('is in no object any more; what comes back is what D1 would have', async () => {
    const [day, next] = [DAY, '2026-08-21'];
    const own = [entry(), theirs(), entry({ admitted_at: `${next}T01:00:00.000Z` })];
    await addEntries(own);
    await archiveAll();
    await restoreDay(next, squad);
    // The same entries of another cost center stay in D1.
    const kept = `${squad}-kept`;
    const plain = (each: Entry) => ({
      ...each,
      entry_id: `k${each.entry_id}`,
      turn_id: each.turn_id,
      cost_center: kept,
    });
    await addEntries(own.map(plain));
    const before = await segmentsOf(squad);
    expect(await storedInBucket()).toMatch(traceOf(leaver));

    const answer = await pseudonymise();
    expect(answer).toMatchObject({
      status: 200,
      body: { complete: true, pending: [], changed: { archived_objects: 2, ledger_entries: 3 } },
    });
    await expectNowhere();
    const after = await segmentsOf(squad);
    const digests = ({
      object_key: _,
      sha256: __,
      ...rest
    }: object & { object_key: string; sha256: string }) => {
      const { bytes: ___, compressed_bytes: ____, ...same } = rest as Record<string, unknown>;
      return same;
    };
    expect(after.map(digests)).toEqual(before.map(digests));
    for (const [index, { object_key: key }] of after.entries()) {
      expect(key).not.toBe(before[index]?.object_key);
      expect(await env.ARCHIVE.head(before[index]?.object_key ?? '')).toBeNull();
    }
    expect(await textOf(after[0]?.object_key ?? '')).toContain('"developer":"colleague@example.com"');
    await restoreDay(day, squad);
    const comparable = ({ entry_id: _, cost_center: __, ...rest }: Record<string, unknown>) => rest;
    expect((await entriesOf(squad)).map(comparable)).toEqual((await entriesOf(kept)).map(comparable));
    expect((await entriesOf(squad)).map((row) => row.charged_nano_usd)).toEqual(
      own.map((each) => each.charged_nano_usd),
    );
  });

  test('is in no record of reconciliation any more, and the next comparison knows it', async () => {
    const comparison = await addReconciliation(leaver, squad);
    await addEntries([entry()]);
    await archiveAll();
    const answer = await pseudonymise();
    expect(answer.body).toMatchObject({
      complete: true,
      changed: { reconciliations: 1, archived_objects: 1 },
    });
    const { pseudonym } = Object(answer.body);
    const all = { kind: null, costCenter: squad, from: null, to: null };
    const list = () => listReconciliations(openDatabase(env.DB), all, { after: null, limit: 9 });
    expect(await list()).toMatchObject([
      { developer: pseudonym, ledgerNanoUsd: '5', differenceNanoUsd: '2' },
    ]);
    await keepComparisons(openDatabase(env.DB), [{ ...comparison, developer: pseudonym }], Date.now());
    expect(await list()).toHaveLength(1);
    const audit = rows(await call('GET', '/audit'));
    expect(audit[0]).toMatchObject({
      action: 'developer.pseudonymise',
      after: { completed: true, archived_objects: 1, reconciliations: 1 },
    });
    const stored = await storedInD1();
    expect(stored).not.toContain(JSON.stringify(JSON.stringify(leaver)).slice(1, -1).concat(',null'));
  });

  test('of many days takes several calls', async () => {
    const days = Array.from({ length: 51 }, (_, index) =>
      new Date(Date.UTC(2026, 5, 1 + index)).toISOString(),
    );
    await addEntries(days.map((at) => entry({ admitted_at: at })));
    await archiveAll();
    expect((await pseudonymise()).body).toMatchObject({
      complete: false,
      pending: [],
      changed: { archived_objects: 50 },
    });
    expect((await pseudonymise()).body).toMatchObject({ complete: true, changed: { archived_objects: 1 } });
    await expectNowhere();
    const { after } = Object(rows(await call('GET', '/audit'))[0]);
    expect(after).toMatchObject({ archived_objects: 51 });
  }, 60_000);

  test('is found by name only in the archive, too', async () => {
    await addEntries([entry()]);
    await archiveAll();
    await env.DB.prepare('DELETE FROM daily_rollups WHERE cost_center = ?').bind(squad).run();
    expect((await pseudonymise()).body).toMatchObject({ complete: true });
    await expectNowhere();
  });

  test('is taken off a segment that turns out not to hold them', async () => {
    await addEntries([theirs()]);
    await archiveAll();
    const [segment] = await segmentsOf(squad);
    const list =
      'INSERT INTO archive_segment_developers (developer, day, cost_center, part) VALUES (?, ?, ?, 1)';
    await env.DB.prepare(list).bind(leaver, DAY, squad).run();
    expect((await pseudonymise()).body).toMatchObject({ complete: true, changed: { archived_objects: 0 } });
    expect(await segmentsOf(squad)).toEqual([segment]);
  });
});

describe('whatever breaks, the next call goes on, and no object with the name stays', () => {
  const away = () => Promise.reject(new Error('away'));

  test.each<[string, () => Partial<Env>]>([
    ['the new object is not taken', () => ({ ARCHIVE: bucketWith({ put: away }) })],
    [
      'the new object is not what was written',
      () => {
        const put = (key: string) => env.ARCHIVE.put(key, new Uint8Array([31, 139, 8, 0]));
        return { ARCHIVE: bucketWith({ put: put as unknown as R2Bucket['put'] }) };
      },
    ],
    ['the books are not reached', () => ({ DB: without(/UPDATE archive_segments SET object_key/) })],
    ['the old object is not deleted', () => ({ ARCHIVE: bucketWith({ delete: away }) })],
    ['the old object is not forgotten', () => ({ DB: without(/DELETE FROM archive_leftovers/) })],
  ])('%s', async (_, bindings) => {
    await addEntries([entry(), theirs()]);
    await archiveAll();
    const [before] = await segmentsOf(squad);
    const answer = await pseudonymise(bindings());
    expect(Object(answer.body).complete).not.toBe(true);
    expect(await mapping()).toBe(leaver);
    await untilComplete();
    await expectNowhere();
    expect(await env.ARCHIVE.head(before?.object_key ?? '')).toBeNull();
    await restoreDay(DAY, squad);
    expect(await entriesOf(squad)).toHaveLength(2);
  });

  /** D1, where statements like this one fail. */
  function without(statement: RegExp): D1Database {
    const prepare = (query: string) => env.DB.prepare(statement.test(query) ? `no ${query}` : query);
    const batch = env.DB.batch.bind(env.DB);
    return Object.assign(Object.create(env.DB), { prepare, batch });
  }

  test('an object is damaged: it is named, the others are rewritten, the mapping stays', async () => {
    await addEntries([entry(), entry({ admitted_at: '2026-08-21T00:00:00.000Z' })]);
    await archiveAll();
    const [first, second] = await segmentsOf(squad);
    const bytes = await (await env.ARCHIVE.get(first?.object_key ?? ''))?.arrayBuffer();
    await env.ARCHIVE.put(first?.object_key ?? '', 'x');
    const answer = await pseudonymise();
    expect(answer.body).toMatchObject({
      complete: false,
      changed: { archived_objects: 1 },
      pending: [expect.stringContaining(first?.object_key ?? '?')],
    });
    expect((await segmentsOf(squad))[1]?.object_key).not.toBe(second?.object_key);
    await env.ARCHIVE.put(first?.object_key ?? '', bytes ?? '');
    await untilComplete();
    await expectNowhere();
  });

  test('no bucket is bound any more: it says so', async () => {
    await addEntries([entry()]);
    await archiveAll();
    const answer = await pseudonymise({ ARCHIVE: undefined } as unknown as Partial<Env>);
    expect(answer.body).toMatchObject({ complete: false, pending: [expect.stringContaining('ARCHIVE')] });
    await untilComplete();
    await expectNowhere();
  });

  test('a restore was cut off: it has to be finished first', async () => {
    await addEntries([entry()]);
    await archiveAll();
    const query = "UPDATE archive_segments SET state = 'restoring' WHERE cost_center = ?";
    await env.DB.prepare(query).bind(squad).run();
    const answer = await pseudonymise();
    expect(answer.body).toMatchObject({ complete: false, pending: [expect.stringContaining('restore')] });
    await restoreDay(DAY, squad);
    await untilComplete();
    await expectNowhere();
    expect((await entriesOf(squad)).map(({ developer }) => developer)).not.toContain(leaver);
  });

  test('a restore that began before takes the object of now, or nothing', async () => {
    await addEntries([entry()]);
    await archiveAll();
    let calls = 0;
    const get = async (key: string) => {
      calls += 1;
      const object = await env.ARCHIVE.get(key);
      if (calls === 1) await pseudonymise();
      return object;
    };
    const bindings = { ARCHIVE: bucketWith({ get: get as R2Bucket['get'] }) };
    const body = { day: DAY, cost_center: squad };
    expect((await call('POST', '/archive/restore', body, bindings)).status).toBe(409);
    await expectNowhere();
    expect(await entriesOf(squad)).toEqual([]);
    await restoreDay(DAY, squad);
    expect((await entriesOf(squad))[0]?.developer).toMatch(/^left-/);
  });
});

describe('an archiving that runs meanwhile leaves no object with the name', () => {
  async function archive(change: { db?: D1Database; bucket?: R2Bucket }): Promise<Archived> {
    const { db = env.DB, bucket = env.ARCHIVE } = change;
    return await archiveOldDays(db, { bucket, hotDays: 90 }, Date.now());
  }

  /** D1, where something happens before batch `nth` is sent. */
  function atBatch(nth: number, happen: () => Promise<unknown>): D1Database {
    let batches = 0;
    const batch: D1Database['batch'] = async (statements) => {
      batches += 1;
      if (batches === nth) await happen();
      return await env.DB.batch(statements);
    };
    return Object.assign(Object.create(env.DB), { prepare: env.DB.prepare.bind(env.DB), batch });
  }

  const during = (): { db?: D1Database; bucket?: R2Bucket }[] => {
    const put: R2Bucket['put'] = (async (key: string, value: ArrayBuffer) => {
      await pseudonymise();
      return await env.ARCHIVE.put(key, value);
    }) as unknown as R2Bucket['put'];
    const get = (async (key: string) => {
      await pseudonymise();
      return await env.ARCHIVE.get(key);
    }) as unknown as R2Bucket['get'];
    return [
      { db: atBatch(1, () => pseudonymise()) },
      { bucket: bucketWith({ put }) },
      { bucket: bucketWith({ get }) },
      { db: atBatch(2, () => pseudonymise()) },
    ];
  };

  test.each([
    ['its rows were read', 0],
    ['its segment was noted', 1],
    ['its object was written', 2],
    ['its object was verified', 3],
  ])('where the name goes after %s', async (_, index) => {
    await addEntries([entry(), theirs()]);
    await rollUpDays(env.DB, Date.now());
    expect(await archive(during()[index] ?? {})).toMatchObject({ segments: 0, failed: 1 });
    await letTimePass();
    if ((await mapping()) !== null) await untilComplete();
    await expectNowhere();
    expect(await entriesOf(squad)).toHaveLength(2);
    await archiveAll();
    await expectNowhere();
    expect(await segmentsOf(squad)).toMatchObject([{ part: 1, state: 'archived', entries: 2 }]);
    await restoreDay(DAY, squad);
    expect((await entriesOf(squad)).map(({ developer }) => developer)).not.toContain(leaver);
  });

  test('where it was cut off before, at any step', async () => {
    for (const [part, bucket] of [
      bucketWith({ put: () => Promise.reject(new Error('away')) }),
      bucketWith({ get: () => Promise.reject(new Error('away')) }),
    ].entries()) {
      await addEntries([entry({ admitted_at: `2026-08-2${part}T12:00:00.000Z` })]);
      await rollUpDays(env.DB, Date.now());
      expect(await archive({ bucket })).toMatchObject({ failed: part + 1 });
    }
    expect(await pseudonymise()).toMatchObject({
      body: { complete: false, pending: [/quarter of an hour/] },
    });
    await letTimePass();
    await untilComplete();
    await expectNowhere();
  });
});

test('an export that runs meanwhile goes on with the objects of now', async () => {
  const own = ['20', '21', '22'].map((day) => entry({ admitted_at: `2026-08-${day}T12:00:00.000Z` }));
  await addEntries(own);
  await archiveAll();
  const span = { costCenter: squad, from: '2026-08-01T00:00:00.000Z', to: '2026-09-01T00:00:00.000Z' };
  const request = { name: 'ledger', format: 'ndjson', span, columns: ['entry_id'], after: null } as const;
  const access = { db: env.DB, bucket: env.ARCHIVE };
  const ids: string[] = [];
  for await (const { text } of exportParts(access, builtinCatalogue, request, 1)) {
    ids.push(text);
    if (ids.length === 1) expect((await pseudonymise()).body).toMatchObject({ complete: true });
  }
  expect(ids).toEqual(own.map((each) => `{"entry_id":"${each.entry_id}"}\n`));
});

describe('D1 keeps the books of the archive', () => {
  test.each([
    "object_key = 'other'",
    "sha256 = 'other'",
    'bytes = 1',
    'compressed_bytes = 1',
    'entries = 1',
    'charged_nano_usd = 1',
    'list_nano_usd = 1',
    "first_admitted_at = ''",
    "last_entry_id = ''",
    'part = 7',
  ])('and refuses %s of a segment that is archived', async (change) => {
    await addEntries([entry()]);
    await archiveAll();
    const update = env.DB.prepare(`UPDATE archive_segments SET ${change} WHERE cost_center = ?`).bind(squad);
    await expect(update.run()).rejects.toThrow('never changed');
  });
});
