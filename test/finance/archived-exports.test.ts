import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import type { Entry } from '../../durable-objects/ledger/entry.ts';
import type { Env } from '../../worker/bindings.ts';
import { exportParts, type Part, type Position } from '../../worker/finance/export.ts';
import { manifestOf } from '../../worker/finance/manifest.ts';
import { streamOf } from '../../worker/finance/part-stream.ts';
import { call, makeCostCenter } from '../routes/admin/admin-calls.ts';
import { download } from '../routes/admin/download.ts';
import { addEntries, entryOf } from '../routes/admin/ledger-rows.ts';
import { useFakeClock } from '../wallet/scenario.ts';
import { archiveAll, bucketWith, restoreDay, segmentsOf } from './archived-days.ts';

useFakeClock('2026-11-25T00:23:00.000Z');

const [FIRST, SECOND] = ['2026-08-20', '2026-08-21'];
const SPAN = 'from=2026-08-19&to=2026-11-25';
const FILES = ['ledger.csv', 'ledger.ndjson', 'focus.csv', 'focus.ndjson'];

let count = 0;
/** Two cost centers of this test alone: the first in the order of ids, and one that begins with its name. */
let squads: [string, string] = ['', ''];

beforeEach(() => {
  count += 1;
  const squad = `squad-${String(count).padStart(3, '0')}`;
  squads = [squad, `${squad}-b`];
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
  onTestFinished(() => void vi.restoreAllMocks());
});

/** Ids run against the order of writing, so that those of one instant have to be put in order. */
function entry(change: Partial<Entry> = {}): Entry {
  count += 1;
  return entryOf({
    entry_id: `e-${String(99_999 - count)}`,
    cost_center: squads[0],
    charged_nano_usd: count * 1_000_003,
    list_nano_usd: count * 1_000_003,
    ...change,
  });
}

/** Entries of two archived days and of one that stays, three of each instant. */
function entries(): Entry[] {
  return squads.flatMap((costCenter) =>
    [FIRST, SECOND, '2026-11-20'].flatMap((day) =>
      Array.from({ length: 12 }, (_, index) =>
        entry({
          cost_center: costCenter,
          admitted_at: `${day}T1${Math.floor(index / 3)}:00:00.000Z`,
          key_tags: { '2': 'b', '1': 'a', quote: '"\n,\u2028}]' },
          session: `Zoë\t🦊 "${index}"`,
          reasons: ['stage:team-day@0.95', 'a\\b'],
          model_served: index === 5 ? null : 'claude-opus-5-5',
        }),
      ),
    ),
  );
}

/** A correction and a charge that come after their day was archived, at an instant it has and before it. */
function lateEntries(): Entry[] {
  return [
    entry({ admitted_at: `${FIRST}T12:00:00.000Z`, kind: 'correction', corrects: 'e', charged_nano_usd: -9 }),
    entry({ admitted_at: `${FIRST}T00:00:00.000Z` }),
  ];
}

type Filter = { costCenter: string | null; columns?: string };

function queryOf({ costCenter }: Filter): string {
  return costCenter === null ? SPAN : `${SPAN}&cost_center=${costCenter}`;
}

async function manifests(): Promise<unknown[]> {
  const all: unknown[] = [];
  for (const file of FILES) {
    for (const costCenter of [squads[0], squads[1], null]) {
      const answer = await call('GET', `/exports/${file}/manifest?${queryOf({ costCenter })}`);
      expect(answer.status).toBe(200);
      all.push(answer.body);
    }
  }
  return all;
}

const access = { db: env.DB, bucket: env.ARCHIVE };

function partsOf(
  after: Position | null,
  pageSize: number,
  using: { db: D1Database; bucket: R2Bucket | null } = access,
) {
  const span = { costCenter: squads[0], from: '2026-08-19T00:00:00.000Z', to: '2026-11-25T00:00:00.000Z' };
  const request = { name: 'ledger', format: 'ndjson', span, columns: null, after } as const;
  return exportParts(using, builtinCatalogue, request, pageSize);
}

async function textOfParts(parts: AsyncIterable<Part>): Promise<string> {
  let text = '';
  for await (const part of parts) text += part.text;
  return text;
}

describe('an export over archived days', () => {
  test('has the bytes it had before they were archived, and has when they are back', async () => {
    const late = lateEntries();
    await makeCostCenter(squads[1]);
    await addEntries([...entries(), ...late]);
    const before = await manifests();
    await archiveAll();
    expect(await manifests()).toEqual(before);
    await restoreDay(FIRST, squads[0]);
    expect(await manifests()).toEqual(before);
    await restoreDay(SECOND, squads[0]);
    await restoreDay(FIRST, squads[1]);
    await restoreDay(SECOND, squads[1]);
    expect(await manifests()).toEqual(before);
    const { sha256 } = await download(`/exports/ledger.csv?${SPAN}`);
    expect(Object(before[2])).toMatchObject({ sha256, rows: expect.any(Number) });
    expect(Object(before[0]).rows).toBe(38);
  }, 60_000);

  test('puts late entries where they belong, in D1 and in parts of their own', async () => {
    const [now, late] = [entries(), lateEntries()];
    await addEntries([...now, ...late]);
    const before = await textOfParts(partsOf(null, 2_000));
    // The same rows, the late ones in another segment than the others.
    squads = [`${squads[0]}x`, `${squads[1]}x`];
    const moved = (each: Entry) => ({
      ...each,
      entry_id: `x${each.entry_id}`,
      cost_center: `${each.cost_center}x`,
    });
    await addEntries(now.map(moved));
    await archiveAll();
    await addEntries(late.map(moved));
    const text = async () =>
      (await textOfParts(partsOf(null, 2_000)))
        .replaceAll(`${squads[0]}`, squads[0].slice(0, -1))
        .replaceAll('"xe-', '"e-')
        .replaceAll('turn-xe', 'turn-e');
    expect(await text()).toBe(before);
    await archiveAll();
    expect(await segmentsOf(squads[0])).toMatchObject([
      { day: FIRST, part: 1, entries: 12 },
      { day: FIRST, part: 2, entries: 2 },
      { day: SECOND, part: 1 },
    ]);
    expect(await text()).toBe(before);
  });

  test('goes on after any entry, in pages of any size', async () => {
    await addEntries([...entries(), ...lateEntries()]);
    const whole = await textOfParts(partsOf(null, 2_000));
    await archiveAll();
    for (const pageSize of [1, 5]) {
      let text = '';
      for await (const part of partsOf(null, pageSize)) {
        text += part.text;
        const rest = await textOfParts(partsOf(part.position, 7));
        expect(text + rest).toBe(whole);
      }
      expect(text).toBe(whole);
    }
  });

  test('reads as many days as there are', async () => {
    const days = Array.from({ length: 110 }, (_, index) =>
      new Date(Date.UTC(2026, 3, 30 + index, 12)).toISOString(),
    );
    await addEntries(days.map((admittedAt) => entry({ admitted_at: admittedAt })));
    const query = `from=2026-04-01&to=2026-08-17T12:00:00.000Z&cost_center=${squads[0]}`;
    const before = await download(`/exports/ledger.ndjson?${query}`);
    await archiveAll();
    expect(await segmentsOf(squads[0])).toHaveLength(110);
    expect((await download(`/exports/ledger.ndjson?${query}`)).text).toBe(before.text);
    expect(before.text.trimEnd().split('\n')).toHaveLength(109);
  }, 60_000);

  test('has an entry once that is in D1 and in a segment, as in a restore that was cut off', async () => {
    const all = entries();
    await addEntries(all);
    const before = await textOfParts(partsOf(null, 2_000));
    await archiveAll();
    const query = "UPDATE archive_segments SET state = 'restoring' WHERE cost_center = ? AND day = ?";
    await env.DB.prepare(query).bind(squads[0], FIRST).run();
    const [back] = all;
    await addEntries(back ? [back] : []);
    expect(await textOfParts(partsOf(null, 2_000))).toBe(before);
  });

  test.each([
    1, 4, 11,
  ])('loses and doubles nothing where days move while it runs, after %i parts', async (after) => {
    await addEntries([...entries(), ...lateEntries()]);
    const before = await textOfParts(partsOf(null, 3));
    const moving = async (move: () => Promise<unknown>) => {
      let text = '';
      let parts = 0;
      for await (const part of partsOf(null, 3)) {
        text += part.text;
        parts += 1;
        if (parts === after) await move();
      }
      return text;
    };
    expect(await moving(() => archiveAll())).toBe(before);
    expect(await moving(() => restoreDay(FIRST, squads[0]))).toBe(before);
    expect(await moving(() => restoreDay(SECOND, squads[0]))).toBe(before);
  });
});

describe('an archived day that cannot be read', () => {
  async function archived(): Promise<string> {
    await addEntries(entries());
    await archiveAll();
    const [, second] = await segmentsOf(squads[0]);
    return second?.object_key ?? '';
  }

  function ask(file: string, bindings: object = {}): ReturnType<typeof call> {
    return call('GET', `/exports/${file}?${queryOf({ costCenter: squads[0] })}`, undefined, bindings);
  }

  test.each([
    'ledger.csv',
    'focus.ndjson',
    'ledger.ndjson/manifest',
  ])('is a 409 that names the object for %s: missing, cut, or without a bucket', async (file) => {
    const key = await archived();
    const object = await env.ARCHIVE.get(key);
    const bytes = (await object?.arrayBuffer()) ?? new ArrayBuffer();
    for (const spoil of [() => env.ARCHIVE.delete(key), () => env.ARCHIVE.put(key, bytes.slice(1))]) {
      await spoil();
      const answer = await ask(file);
      expect(answer).toMatchObject({ status: 409, body: { error: { type: 'conflict_error' } } });
      expect(JSON.stringify(answer.body)).toContain(key);
    }
    await env.ARCHIVE.put(key, bytes);
    expect(await ask(file, { ARCHIVE: undefined } as unknown as Partial<Env>)).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringMatching(/no R2 bucket is bound as ARCHIVE, and ledger\//) } },
    });
    const list = () => Promise.reject(new Error('10001'));
    expect(await ask(file, { ARCHIVE: bucketWith({ list }) })).toMatchObject({ status: 503 });
  });

  test('does not stand in the way of days beside it, or behind a cursor', async () => {
    const key = await archived();
    const { position } = (await partsOf(null, 24).next()).value as Part;
    await env.ARCHIVE.delete(key);
    const query = `from=2026-08-19&to=${SECOND}&cost_center=${squads[0]}`;
    expect((await download(`/exports/ledger.ndjson?${query}`)).text.split('\n')).toHaveLength(13);
    expect((await textOfParts(partsOf(['zz', position?.[1] ?? '', ''], 5))).length).toBe(0);
    await expect(textOfParts(partsOf(null, 5))).rejects.toThrow(key);
  });

  test.each<[string, (bytes: ArrayBuffer) => BodyInit]>([
    ['cut', () => new Uint8Array([31, 139, 8, 0])],
    ['no gzip', () => 'x'],
  ])('breaks the transfer off where an object turns out to be %s', async (_, spoil) => {
    const key = await archived();
    const get = async (asked: string) =>
      asked === key
        ? ({ body: new Response(spoil(new ArrayBuffer())).body } as unknown as R2ObjectBody)
        : await env.ARCHIVE.get(asked);
    const bucket = bucketWith({ get: get as R2Bucket['get'] });
    const body = await streamOf(partsOf(null, 5, { db: env.DB, bucket }));
    await expect(new Response(body).text()).rejects.toThrow(key);
    await expect(manifestOf(partsOf(null, 5, { db: env.DB, bucket }))).rejects.toThrow(key);
  });

  test('breaks the transfer off where its digest is another one', async () => {
    const key = await archived();
    const [first] = await segmentsOf(squads[0]);
    const get = (asked: string) => env.ARCHIVE.get(asked === key ? (first?.object_key ?? '') : asked);
    const bucket = bucketWith({ get: get as R2Bucket['get'] });
    await expect(textOfParts(partsOf(null, 5, { db: env.DB, bucket }))).rejects.toThrow(
      `${key} does not hold what was written`,
    );
  });
});

describe('the list of the ledger', () => {
  test('says what of its span is archived, and by whom it is not narrowed', async () => {
    await addEntries(entries());
    const ask = async (query: string) => Object((await call('GET', `/ledger?${query}`)).body).archived;
    const own = `cost_center=${squads[0]}`;
    expect(await ask(own)).toBeNull();
    await archiveAll();
    const both = { entries: 24, first_day: FIRST, last_day: SECOND };
    expect(await ask(own)).toEqual(both);
    expect(await ask(`${own}&developer=nobody@example.com&limit=1`)).toEqual(both);
    expect(await ask(`${own}&from=${SECOND}`)).toEqual({ entries: 12, first_day: SECOND, last_day: SECOND });
    expect(await ask(`${own}&to=${SECOND}`)).toEqual({ entries: 12, first_day: FIRST, last_day: FIRST });
    expect(await ask(`${own}&from=2026-08-22`)).toBeNull();
    await restoreDay(FIRST, squads[0]);
    expect(await ask(own)).toMatchObject({ entries: 12, first_day: SECOND });
  });
});
