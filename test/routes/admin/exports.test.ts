import { env } from 'cloudflare:workers';
import { parse } from 'csv-parse/sync';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import type { Entry } from '../../../durable-objects/ledger/entry.ts';
import { EXPORTS, exportParts, type Part } from '../../../worker/finance/export.ts';
import { manifestOf } from '../../../worker/finance/manifest.ts';
import { streamOf } from '../../../worker/finance/part-stream.ts';
import { FORMATS } from '../../../worker/finance/row-format.ts';
import { focusProblems, scaled } from '../../finance/formats/focus-rules.ts';
import { call, makeCostCenter } from './admin-calls.ts';
import { download } from './download.ts';
import { addEntries, entryOf } from './ledger-rows.ts';

const SPAN = 'from=2026-10-08&to=2026-11-20';
const FILES = EXPORTS.flatMap((name) => FORMATS.map((format) => `${name}.${format}`));

/** Three cost centers, many of the same instant, and every kind; ids run against the order of admission. */
const ENTRIES: Entry[] = Array.from({ length: 60 }, (_, index) => {
  const kind = (['charge', 'charge', 'correction', 'refusal'] as const)[index % 4] ?? 'charge';
  const nano = kind === 'refusal' ? 0 : (index % 7) * 1_000_003 - (kind === 'correction' ? 9_000_007 : 0);
  const tokens = kind === 'refusal' ? 0 : kind === 'correction' ? -1 : 10 + index;
  return entryOf({
    entry_id: `01JD${String(99 - index).padStart(22, '0')}`,
    kind,
    corrects: kind === 'correction' ? 'earlier' : null,
    cost_center: ['alpha', 'beta', 'gamma'][index % 3] ?? 'alpha',
    developer: index % 5 === 0 ? '=HYPERLINK("x")' : `dev${index % 4}@example.com`,
    admitted_at: `2026-1${index < 30 ? 0 : 1}-1${index % 10}T12:00:00.000Z`,
    model_served: kind === 'refusal' ? null : 'claude-opus-5-5',
    input_tokens: tokens,
    output_tokens: tokens,
    charged_nano_usd: nano,
    list_nano_usd: nano,
  });
});
const CHARGED = ENTRIES.reduce((sum, entry) => sum + BigInt(entry.charged_nano_usd), 0n);

// Hundreds of queries a test; a busy machine needs longer than the usual time.
vi.setConfig({ testTimeout: 30_000 });

beforeAll(async () => {
  await makeCostCenter('alpha');
  await addEntries([
    ...ENTRIES,
    entryOf({ entry_id: 'outside', admitted_at: '2026-11-20T00:00:00.000Z' }),
    entryOf({ entry_id: 'before', admitted_at: '2026-10-07T23:59:59.999Z' }),
  ]);
});

async function manifest(file: string, query = SPAN) {
  const answer = await call('GET', `/exports/${file}/manifest?${query}`);
  expect(answer.status).toBe(200);
  return z
    .object({
      rows: z.number(),
      bytes: z.number(),
      sha256: z.string(),
      chunks: z.array(z.object({ cursor: z.string().nullable(), rows: z.number(), sha256: z.string() })),
    })
    .parse(answer.body);
}

async function allOf(parts: AsyncIterable<Part>): Promise<Part[]> {
  const all: Part[] = [];
  for await (const part of parts) all.push(part);
  return all;
}

const records = (csv: string): Record<string, string>[] =>
  parse(csv, { columns: true, record_delimiter: '\r\n' });

describe('an export', () => {
  test.each(FILES)('of %s is what its manifest says', async (file) => {
    const { text, bytes, sha256, headers } = await download(`/exports/${file}?${SPAN}`);
    const rows = file.endsWith('csv') ? records(text).length : text.trimEnd().split('\n').length;
    expect(await manifest(file)).toMatchObject({ rows, bytes, sha256 });
    expect(rows).toBeGreaterThan(20);
    expect(headers.get('content-type')).toContain(file.endsWith('csv') ? 'text/csv' : 'ndjson');
    expect(headers.get('content-disposition')).toBe(`attachment; filename="${file}"`);
    expect(headers.get('request-id')).not.toBeNull();
  });

  test('of the ledger, of its days and as FOCUS adds up to the ledger, to the nano-USD', async () => {
    const sum = async (file: string, column: string) => {
      const rows = records((await download(`/exports/${file}?${SPAN}`)).text);
      return rows.reduce((total, row) => total + scaled(row[column]), 0n);
    };
    expect(await sum('ledger.csv', 'charged_usd')).toBe(CHARGED);
    expect(await sum('daily.csv', 'charged_usd')).toBe(CHARGED);
    expect(await sum('focus.csv', 'BilledCost')).toBe(CHARGED);
  });

  test('of the ledger has every entry of the span once, by cost center and admission', async () => {
    const { text } = await download(`/exports/ledger.csv?${SPAN}`);
    const rows = records(text);
    const key = (row: { cost_center?: string; admitted_at?: string; entry_id?: string }) =>
      `${row.cost_center} ${row.admitted_at} ${row.entry_id}`;
    expect(rows.map(key)).toEqual(ENTRIES.map(key).toSorted());
    expect(text).not.toContain(',=HYPERLINK');
    expect(rows.map(({ developer }) => developer)).toContain('\'=HYPERLINK("x")');
    expect(rows[0]).toMatchObject({ cost_center_name: 'The alpha', key_tags: '{"team":"web"}' });
  });

  test('as FOCUS is right in every column of every row', async () => {
    const rows = records((await download(`/exports/focus.csv?${SPAN}`)).text);
    expect(focusProblems(rows)).toEqual([]);
    expect(new Set(rows.map(({ ChargeClass }) => ChargeClass))).toEqual(new Set(['', 'Correction']));
  });

  test('has each cost center by the name it had at the admission', async () => {
    await makeCostCenter('gamma');
    const insert = 'INSERT INTO cost_center_names (cost_center, from_at, name) VALUES (?, ?, ?)';
    await env.DB.batch([
      env.DB.prepare(insert).bind('gamma', '2026-10-12T00:00:00.000Z', 'Gamma'),
      env.DB.prepare(insert).bind('gamma', '2026-11-01T00:00:00.000Z', 'Delta'),
    ]);
    const rows = records((await download(`/exports/focus.csv?${SPAN}&cost_center=gamma`)).text);
    const names = rows.map(({ BillingPeriodStart, SubAccountName }) => [BillingPeriodStart, SubAccountName]);
    expect(new Set(names.map((each) => each.join(' ')))).toEqual(
      new Set(['2026-10-01T00:00:00Z Gamma', '2026-11-01T00:00:00Z Delta']),
    );
  });

  test('has one cost center and the columns that are asked for', async () => {
    const { text } = await download(
      `/exports/ledger.ndjson?${SPAN}&cost_center=beta&columns=entry_id,charged_nano_usd,estimated`,
    );
    const expected = ENTRIES.filter((entry) => entry.cost_center === 'beta');
    const rows = text
      .trimEnd()
      .split('\n')
      .map((line) => Object(JSON.parse(line)));
    expect(rows).toHaveLength(expected.length);
    expect(Object.keys(rows[0])).toEqual(['entry_id', 'charged_nano_usd', 'estimated']);
    expect(rows[0].estimated).toBe(true);
  });

  test('of nothing is a header, or nothing at all', async () => {
    const query = 'from=2020-01-01&to=2020-01-01';
    expect((await download(`/exports/daily.csv?${query}`)).text).toMatch(/^day,[a-z0-9_,]+\r\n$/);
    expect((await download(`/exports/focus.ndjson?${query}`)).text).toBe('');
    expect(await manifest('focus.ndjson', query)).toMatchObject({ rows: 0, bytes: 0, chunks: [] });
  });
});

describe('in pages of any size', () => {
  const access = { db: env.DB, bucket: env.ARCHIVE };
  const span = { costCenter: null, from: '2026-10-08T00:00:00.000Z', to: '2026-11-20T00:00:00.000Z' };

  async function partsOf(file: string, pageSize: number): Promise<Part[]> {
    const name = EXPORTS.find((each) => file.startsWith(each)) ?? 'ledger';
    const format = file.endsWith('csv') ? 'csv' : 'ndjson';
    const request = { name, format, span, columns: null, after: null } as const;
    return await allOf(exportParts(access, builtinCatalogue, request, pageSize));
  }

  test.each(FILES)('%s has the same bytes', async (file) => {
    const whole = (await download(`/exports/${file}?${SPAN}`)).text;
    for (const pageSize of [1, 7]) {
      const parts = await partsOf(file, pageSize);
      expect(parts.length).toBeGreaterThan(8);
      expect(parts.map(({ text }) => text).join('')).toBe(whole);
    }
  });

  test.each(FILES)('%s goes on after every chunk with the bytes that are missing', async (file) => {
    const parts = await partsOf(file, 3);
    const { chunks, sha256, rows } = await manifestOf(
      (async function* () {
        yield* parts;
      })(),
      10,
    );
    expect(chunks.length).toBeGreaterThan(2);
    expect(rows).toBe(chunks.reduce((sum, chunk) => sum + chunk.rows, 0));
    expect(sha256).toBe((await download(`/exports/${file}?${SPAN}`)).sha256);
    const name = EXPORTS.find((each) => file.startsWith(each)) ?? 'ledger';
    const format = file.endsWith('csv') ? 'csv' : 'ndjson';
    const whole = parts.map(({ text }) => text).join('');
    for (const { after } of chunks.slice(1)) {
      const request = { name, format, span, columns: null, after } as const;
      const rest = await allOf(exportParts(access, builtinCatalogue, request));
      const text = rest.map((part) => part.text).join('');
      expect(text).not.toBe('');
      expect(whole.endsWith(text)).toBe(true);
    }
  });

  test('is read no further than it is taken', async () => {
    let made = 0;
    let ended = false;
    async function* parts(): AsyncGenerator<Part> {
      try {
        for (; ; made += 1) yield { text: `${made}\n`, rows: 1, position: null };
      } finally {
        ended = true;
      }
    }
    const reader = (await streamOf(parts())).getReader();
    await reader.read();
    await reader.cancel();
    expect(made).toBeLessThan(5);
    expect(ended).toBe(true);
  });

  test('breaks off where the database does', async () => {
    async function* parts(): AsyncGenerator<Part> {
      yield { text: 'a\n', rows: 1, position: null };
      throw new Error('D1_ERROR: gone');
    }
    const body = await streamOf(parts());
    await expect(new Response(body).text()).rejects.toThrow('gone');
  });
});

describe('bad input', () => {
  test.each([
    ['/exports/ledger.xlsx', SPAN, 'file'],
    ['/exports/turns.csv', SPAN, 'file'],
    ['/exports/ledger.csv', 'to=2026-12-01', 'from'],
    ['/exports/ledger.csv', 'from=2026-12-01', 'to'],
    ['/exports/ledger.csv', 'from=2026-12-02&to=2026-12-01', 'from'],
    ['/exports/ledger.csv', 'from=2016-12-01&to=2026-12-01', 'from'],
    ['/exports/ledger.csv', `${SPAN}&columns=entry_id,secret`, 'columns'],
    ['/exports/ledger.csv', `${SPAN}&columns=entry_id,entry_id`, 'columns'],
    ['/exports/ledger.csv', `${SPAN}&column=entry_id`, 'column'],
    ['/exports/ledger.csv', `${SPAN}&cost_center=A%20B`, 'cost_center'],
    ['/exports/daily.csv', 'from=2026-10-01T12:00:00Z&to=2026-12-01', 'from'],
    ['/exports/daily.csv', 'from=2026-10-01&to=2026-11-01T00:00:01Z', 'to'],
    ['/exports/ledger.csv', `${SPAN}&cursor=nonsense`, 'cursor'],
    ['/exports/ledger.csv/manifest', `${SPAN}&cursor=nonsense`, 'cursor'],
    ['/exports/focus.csv/manifest', 'from=2016-12-01&to=2026-12-01', 'from'],
  ])('%s?%s is refused, and %s named', async (path, query, problem) => {
    expect(await call('GET', `${path}?${query}`)).toMatchObject({
      status: 400,
      body: { error: { type: 'invalid_request_error', problems: [{ path: problem }] } },
    });
  });

  test('a cursor that was tampered with or is of another export is refused', async () => {
    const usage = { cache_write_5m_tokens: 1, cache_write_1h_tokens: 1, cache_read_tokens: 1 };
    for (let first = 0; first < 1_800; first += 600) {
      await addEntries(
        Array.from({ length: 600 }, (_, index) =>
          entryOf({
            entry_id: `many-${String(first + index).padStart(6, '0')}`,
            cost_center: 'many',
            admitted_at: '2025-06-01T00:00:00.000Z',
            web_search_requests: 1,
            ...usage,
          }),
        ),
      );
    }
    const query = 'from=2025-06-01&to=2025-06-02&cost_center=many';
    const { chunks } = await manifest('focus.ndjson', query);
    expect(chunks.map(({ rows }) => rows)).toEqual([10_050, 750]);
    const cursor = chunks[1]?.cursor ?? '';
    const rest = await download(`/exports/focus.ndjson?${query}&cursor=${cursor}`);
    expect(rest.sha256).toBe(chunks[1]?.sha256);
    for (const wrong of [
      `/exports/focus.csv?${query}&cursor=${cursor}x`,
      `/exports/focus.csv?${query}&cursor=B${cursor.slice(1)}`,
      `/exports/ledger.csv?${query}&cursor=${cursor}`,
      `/exports/focus.csv?from=2025-06-01&to=2025-06-03&cost_center=many&cursor=${cursor}`,
    ]) {
      expect(await call('GET', wrong)).toMatchObject({
        status: 400,
        body: { error: { problems: [{ path: 'cursor' }] } },
      });
    }
  });

  test('a database that is away is 503 and no short file', async () => {
    const away = { prepare: () => ({ bind: () => ({ all: () => Promise.reject(new Error('D1_ERROR')) }) }) };
    const db = Object.assign(Object.create(env.DB), away);
    expect(await call('GET', `/exports/ledger.ndjson?${SPAN}`, undefined, { DB: db })).toMatchObject({
      status: 503,
    });
  });
});
