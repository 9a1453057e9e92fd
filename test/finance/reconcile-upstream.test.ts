import { createScheduledController } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Entry } from '../../durable-objects/ledger/entry.ts';
import { type Env, readBindings } from '../../worker/bindings.ts';
import worker from '../../worker/index.ts';
import { fingerprintKey } from '../../worker/providers/anthropic.ts';
import { fineToNanoUsd, parseCents } from '../../worker/providers/cents.ts';
import { call, makeCostCenter, rows } from '../routes/admin/admin-calls.ts';
import { addEntries, entryOf } from '../routes/admin/ledger-rows.ts';
import { passTime, setClock, useFakeClock } from '../wallet/scenario.ts';

useFakeClock('2026-11-24T03:23:00.000Z');

const DAY = '2026-11-23';
const OPUS = 'claude-opus-5-5';
const SETTINGS: Partial<Env> = {
  PROVIDER: 'anthropic',
  ANTHROPIC_ADMIN_KEY: 'test-admin-key-at-anthropic',
  ANTHROPIC_API_KEY_ID: 'apikey_bursar,apikey_former=anthropic-00000001',
};

/** A row of cost; cents as the API writes them. */
function cost(
  cents: string,
  change: { key?: string | null; model?: string | null; day?: string; list?: string } = {},
) {
  const { key = 'apikey_bursar', model = OPUS, day = DAY, list = cents } = change;
  return {
    starting_at: `${day}T00:00:00Z`,
    ending_at: `${day}T23:59:59Z`,
    group: { api_key_id: key, model, product: null },
    cost: { amount: cents, list_amount: list, currency: 'USD', requests: 3 },
  };
}

function page(data: object[], change: object = {}): object {
  return { data, has_more: false, next_page: null, data_refreshed_at: '2026-11-24T03:18:00Z', ...change };
}

type Answer = object | number;
let asked: URL[] = [];

/** A fake Admin API: `costs` are the pages of /cost by their cursor ('' the first), numbers are statuses. */
function adminApi(costs: (cursor: string, count: number) => Answer, usage: Answer = page([])): void {
  asked = [];
  const spy = vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const request = new Request(input as RequestInfo, init as RequestInit);
    const url = new URL(request.url);
    if (!url.pathname.includes('/analytics/')) return Response.json({ data: [], has_more: false });
    expect(request.headers.get('x-api-key')).toBe('test-admin-key-at-anthropic');
    expect(request.headers.get('anthropic-beta')).toBe('analytics-usage-cost-2026-08-24');
    asked.push(url);
    const answer = url.pathname.endsWith('/cost')
      ? costs(url.searchParams.get('page') ?? '', asked.length)
      : usage;
    return typeof answer === 'number' ? new Response('', { status: answer }) : Response.json(answer);
  });
  onTestFinished(() => spy.mockRestore());
}

let count = 0;

/** An exact charge on Bursar's present key. */
async function charge(change: Partial<Entry> = {}): Promise<string> {
  count += 1;
  const id = `entry-${String(count).padStart(4, '0')}`;
  const fingerprint = await fingerprintKey('test-upstream-key');
  const exact = { estimated: false, estimated_why: null, charged_nano_usd: 1_000_000_000 };
  await addEntries([
    entryOf({ entry_id: id, provider: 'anthropic', upstream_credential: fingerprint, ...exact, ...change }),
  ]);
  return id;
}

interface Shown {
  id: string;
  level: string;
  result: string;
  api_key_id: string | null;
  evidence: Record<string, unknown>;
}

async function run(day: string | undefined = DAY, settings: Partial<Env> = SETTINGS) {
  const answer = await call('POST', '/reconciliations/run', { kind: 'upstream', day }, settings);
  const { pending } = Object(answer.body);
  return {
    status: answer.status,
    body: answer.body,
    pending,
    records: answer.status === 200 ? (rows(answer) as Shown[]) : [],
  };
}

async function runSchedule(settings: Partial<Env> = SETTINGS): Promise<void> {
  await worker.scheduled(createScheduledController(), { ...(env as unknown as Env), ...settings });
}

async function kept(): Promise<Shown[]> {
  return rows(await call('GET', '/reconciliations?kind=upstream')) as Shown[];
}

async function alerts(): Promise<Record<string, unknown>[]> {
  const query = 'SELECT * FROM alert_events WHERE "on" = \'reconciliation\' ORDER BY event_id';
  return (await env.DB.prepare(query).all()).results;
}

/** Empties what must never be changed: each test begins with nothing. */
beforeEach(async () => {
  const { results } = await env.DB.prepare(
    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE '%_are_never_deleted'",
  ).all<{ name: string; sql: string }>();
  const tables = ['ledger_entries', 'alert_events', 'reconciliations', 'reconciliation_progress'];
  await env.DB.batch([
    ...results.map(({ name }) => env.DB.prepare(`DROP TRIGGER ${name}`)),
    ...tables.map((table) => env.DB.prepare(`DELETE FROM ${table}`)),
    ...results.map(({ sql }) => env.DB.prepare(sql)),
  ]);
  await makeCostCenter('squad').catch(() => undefined);
});

describe('fractional cents', () => {
  test.each([
    ['100', 1_000_000_000n],
    ['0.00001', 100n],
    ['12.3456789', 123_456_789n],
    ['0.00000005', 1n],
    ['0.00000004', 0n],
    ['-1.5', -15_000_000n],
    ['1E-5', 100n],
    ['99999999999.9999999', 999_999_999_999_999_999n],
  ])('%s are %d nano-USD', (text, nanoUsd) => {
    expect(fineToNanoUsd(parseCents(text) ?? -1n)).toBe(nanoUsd);
  });

  test.each(['', '1.', '.5', 'NaN', '1,5', '0.0000000000000000001', '1e999'])('%j are none', (text) => {
    expect(parseCents(text)).toBeNull();
  });
});

describe('a day that agrees', () => {
  test('is read page by page, repeated rows counted once, and kept quietly with what was compared', async () => {
    await charge();
    await charge({ model_served: 'claude-haiku-5-5', charged_nano_usd: 20_000_000 });
    // Midnight ends the day, demo traffic went nowhere, and another provider is not Anthropic.
    await charge({ admitted_at: '2026-11-24T00:00:00.000Z' });
    await charge({ provider: 'demo', upstream_credential: null });
    await charge({ provider: 'simulator', upstream_credential: null });
    const opus = cost('100.00');
    adminApi((cursor) =>
      cursor === ''
        ? page([opus, opus], { has_more: true, next_page: 'p2' })
        : page([opus, cost('2.0000000001', { model: 'claude-haiku-5-5-20260101' })]),
    );
    const { records, pending } = await run();
    expect(records.map(({ level, result }) => [level, result])).toEqual([
      ['detail', 'agrees'],
      ['detail', 'agrees'],
      ['summary', 'agrees'],
    ]);
    expect(records[2]).toMatchObject({
      ledger_usd: '1.02',
      counterpart_usd: '1.02',
      difference_usd: '0.00',
      window_start: '2026-11-23T00:00:00.000Z',
      evidence: { compared: 2, differing: 0, own_keys: ['apikey_bursar', 'apikey_former'] },
    });
    expect(pending).toEqual([]);
    expect(await alerts()).toEqual([]);
    expect(
      asked.map(({ pathname, searchParams }) => [pathname.split('/').at(-1), searchParams.get('page')]),
    ).toEqual([
      ['cost', null],
      ['cost', 'p2'],
      ['usage', null],
    ]);
    expect(asked[0]?.searchParams.getAll('group_by[]')).toEqual(['api_key_id', 'model']);
  });

  test.each([
    ['100.5', 'agrees'],
    ['99.5', 'agrees'],
    ['101.01', 'differs'],
    ['98.99', 'differs'],
  ])('of $1.00 with %s cents %s', async (cents, result) => {
    await charge();
    adminApi(() => page([cost(cents)]));
    expect((await run()).records[0]).toMatchObject({ result });
  });

  test('half a percent counts beside the cent, as configured', async () => {
    await charge({ charged_nano_usd: 100_000_000_000 });
    adminApi(() => page([cost('10049')]));
    expect((await run()).records[0]).toMatchObject({ result: 'agrees' });
    passTime(60_000);
    const strict = { ...SETTINGS, RECONCILIATION_TOLERANCE: '0', RECONCILIATION_TOLERANCE_USD: '0.00' };
    expect((await run(DAY, strict)).records[0]).toMatchObject({ result: 'differs', difference_usd: '0.49' });
  });
});

describe('a day that differs', () => {
  test('is a record with what could explain it and one alert, however often it is run', async () => {
    await charge();
    const gone = await charge({
      estimated: true,
      estimated_why: 'client_gone',
      charged_nano_usd: 500_000_000,
    });
    const unheard = await charge({
      provider: null,
      upstream_credential: null,
      estimated: true,
      estimated_why: 'lease_expired',
    });
    const late = await charge({ last_byte_at: '2026-11-24T00:00:03.000Z' });
    const failed = await charge({ kind: 'failure', charged_nano_usd: 0, http_status: 200 });
    await charge({ kind: 'failure', charged_nano_usd: 0, http_status: 529 });
    adminApi(() => page([cost('400')]));
    const first = await run();
    expect(first.records[0]).toMatchObject({
      result: 'differs',
      api_key_id: 'apikey_bursar',
      model: OPUS,
      ledger_usd: '3.50',
      counterpart_usd: '4.00',
      difference_usd: '0.50',
    });
    const explained = (why: string, charged: string, id: string) => ({
      why,
      entries: 1,
      charged_usd: charged,
      entry_ids: [id],
    });
    expect(first.records[0]?.evidence).toMatchObject({
      cost_centers: [{ cost_center: 'squad', charged_usd: '3.50' }],
      explanations: [
        explained('across_midnight', '1.00', late),
        explained('estimated:client_gone', '0.50', gone),
        explained('estimated:lease_expired', '1.00', unheard),
        explained('no_usage', '0.00', failed),
      ],
    });
    passTime(60_000);
    const again = await run();
    expect(again.records.map(({ id }) => id)).toEqual(first.records.map(({ id }) => id));
    expect(await kept()).toHaveLength(2);
    const told = await alerts();
    expect(told).toMatchObject([
      { event_id: first.records[0]?.id, cost_center: '*', subject: `apikey_bursar ${OPUS}` },
    ]);
    expect(JSON.parse(String(told[0]?.standing))).toMatchObject({ kind: 'upstream', difference_usd: '0.50' });
  });

  test('lists at most 50 entries of a reason, and says how many there are', async () => {
    for (let each = 0; each < 53; each += 1) await charge({ estimated: true, estimated_why: 'client_gone' });
    adminApi(() => page([]));
    const [explanation] = Object((await run()).records[0]?.evidence).explanations;
    expect(explanation).toMatchObject({ entries: 53, charged_usd: '53.00' });
    expect(explanation.entry_ids).toHaveLength(50);
  });

  test('and later agrees has both records, the newer one first', async () => {
    await charge();
    adminApi(() => page([cost('200')]));
    await run();
    await charge({ kind: 'correction' });
    passTime(60_000);
    await run();
    expect((await kept()).map(({ level, result }) => `${level} ${result}`)).toEqual([
      'summary agrees',
      'detail agrees',
      'summary differs',
      'detail differs',
    ]);
    expect(await alerts()).toHaveLength(1);
  });
});

describe('keys', () => {
  test('that are not Bursar’s are listed as outside, without an alert; former ones are its own', async () => {
    await charge();
    await charge({ upstream_credential: 'anthropic-00000001' });
    const other = cost('1234.5', { key: 'apikey_other' });
    const none = cost('7', { key: null, model: null });
    adminApi(() => page([cost('100'), cost('100', { key: 'apikey_former' }), other, none]));
    const { records } = await run();
    expect(records.map((each) => [each.api_key_id, each.result])).toEqual([
      ['apikey_bursar', 'agrees'],
      ['apikey_former', 'agrees'],
      ['apikey_other', 'outside'],
      ['none', 'outside'],
      [null, 'agrees'],
    ]);
    expect(records[4]?.evidence).toMatchObject({ outside_lines: 2, outside_usd: '12.415' });
    expect(await alerts()).toEqual([]);
  });

  test('that nobody named are compared together', async () => {
    await charge();
    adminApi(() => page([cost('60'), cost('40', { key: 'apikey_x' })]));
    const { ANTHROPIC_API_KEY_ID: _, ...unnamed } = SETTINGS;
    expect((await run(DAY, unnamed)).records[0]).toMatchObject({ api_key_id: 'all', result: 'agrees' });
  });

  test('an unmapped credential shows as money that Anthropic does not know of', async () => {
    await charge({ upstream_credential: 'anthropic-ffffffff' });
    adminApi(() => page([]));
    expect((await run()).records[0]).toMatchObject({ api_key_id: 'anthropic-ffffffff', result: 'differs' });
  });
});

describe('a report that cannot be used yet', () => {
  const lagging = page([cost('100')], { data_refreshed_at: '2026-11-23T23:55:00Z' });
  const contradictory = page([cost('100'), cost('101')]);
  test.each<[string, (cursor: string) => Answer, string]>([
    ['lags', () => lagging, 'complete only up to 2026-11-23T23:55'],
    ['does not say how far it is', () => page([], { data_refreshed_at: null }), 'an unknown instant'],
    ['contradicts itself', () => contradictory, 'contradicted itself'],
    ['repeats its pages forever', () => page([], { has_more: true, next_page: 'p' }), 'read whole'],
    ['has no cursor', () => page([], { has_more: true }), 'read whole'],
    [
      'is in another currency',
      () => page([{ ...cost('1'), cost: { amount: '1', currency: 'EUR' } }]),
      'read whole',
    ],
    ['is refused', () => 403, 'status 403'],
    ['stays away', () => 503, 'status 503'],
  ])('because it %s leaves the day to the next run', async (_what, answer, why) => {
    vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    await charge();
    adminApi(answer);
    expect(await run()).toMatchObject({
      status: 200,
      records: [],
      pending: [{ kind: 'upstream', day: DAY, why: expect.stringContaining(why) }],
    });
    expect(await kept()).toEqual([]);
    adminApi(() => page([cost('100')]));
    passTime(60_000);
    await runSchedule();
    expect((await kept()).filter(({ level }) => level === 'summary')).toHaveLength(7);
  });

  test('a page that fails twice is asked for again', async () => {
    await charge();
    adminApi((_cursor, calls) => (calls < 3 ? 529 : page([cost('100')])));
    expect((await run()).records).toHaveLength(2);
  });
});

describe('by the clock', () => {
  test('each finished day is compared once, in one listing, two hours after its end', async () => {
    setClock('2026-11-24T01:23:00.000Z');
    adminApi(() => page([]));
    await runSchedule();
    expect(asked[0]?.searchParams.get('starting_at')).toBe('2026-11-17T00:00:00.000Z');
    expect(asked[0]?.searchParams.get('ending_at')).toBe('2026-11-23T00:00:00.000Z');
    setClock('2026-11-24T02:23:00.000Z');
    await runSchedule();
    expect(asked).toHaveLength(4);
    expect(asked[2]?.searchParams.get('starting_at')).toBe('2026-11-23T00:00:00.000Z');
    setClock('2026-11-24T03:23:00.000Z');
    await runSchedule();
    expect(asked).toHaveLength(4);
    expect(await kept()).toHaveLength(7);
  });

  test('nothing is asked without an admin key, and what fails is logged, not thrown', async () => {
    adminApi(() => page([]));
    const { ANTHROPIC_ADMIN_KEY: _, ...keyless } = SETTINGS;
    await runSchedule(keyless);
    expect(asked).toEqual([]);
    const errors = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    onTestFinished(() => errors.mockRestore());
    await env.DB.prepare('ALTER TABLE reconciliations RENAME TO away').run();
    onTestFinished(
      async () => void (await env.DB.prepare('ALTER TABLE away RENAME TO reconciliations').run()),
    );
    await runSchedule();
    expect(errors).toHaveBeenCalledWith(expect.objectContaining({ job: 'reconciliation with Anthropic' }));
  });
});

describe('on demand', () => {
  test('the report is asked once a minute', async () => {
    adminApi(() => page([]));
    await run();
    passTime(20_000);
    expect(await run()).toMatchObject({
      status: 409,
      body: { error: { type: 'conflict_error', message: expect.stringContaining('try again in 40 s') } },
    });
    expect(asked).toHaveLength(2);
  });

  test('without an admin key a 409 says which secret is missing', async () => {
    expect(await run(DAY, {})).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('ANTHROPIC_ADMIN_KEY') } },
    });
  });

  test.each<[object, string]>([
    [{ kind: 'invoice' }, 'kind'],
    [{ day: 'yesterday' }, 'day'],
    [{ day: '2026-02-30' }, 'day'],
    [{ day: '2026-11-24' }, 'day'],
    [{ day: '2025-12-31' }, 'day'],
    [{ kind: 'wallets', day: '2026-10-01' }, 'day'],
    [{ days: 3 }, 'days'],
  ])('%j is refused and names %s', async (body, path) => {
    expect(await call('POST', '/reconciliations/run', body, SETTINGS)).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path }] } },
    });
  });

  test.each([
    ['kind=all', 'kind'],
    ['from=2026-11-24&to=2026-11-23', 'from'],
    ['limit=0', 'limit'],
    ['cursor=eA.eA', 'cursor'],
    ['month=11', 'month'],
  ])('a list with ?%s is refused and names %s', async (query, path) => {
    expect(await call('GET', `/reconciliations?${query}`)).toMatchObject({
      status: 400,
      body: { error: { problems: [{ path }] } },
    });
  });

  test('the list is paged and filtered', async () => {
    await charge();
    adminApi(() => page([cost('100')]));
    await run();
    const first = await call('GET', '/reconciliations?limit=1&from=2026-11-23&to=2026-11-24');
    expect(rows(first)).toMatchObject([{ level: 'summary' }]);
    const cursor = Object(first.body).next_cursor;
    const next = await call('GET', `/reconciliations?limit=1&from=2026-11-23&to=2026-11-24&cursor=${cursor}`);
    expect(rows(next)).toMatchObject([{ level: 'detail' }]);
    expect(Object(next.body).next_cursor).toBeNull();
    for (const query of [
      'kind=wallets',
      'cost_center=squad',
      'to=2026-11-23',
      'from=2026-11-23T00:00:00.001Z',
    ]) {
      expect(rows(await call('GET', `/reconciliations?${query}`))).toEqual([]);
    }
  });
});

test.each<[Partial<Env>, string]>([
  [{ ANTHROPIC_ADMIN_KEY: 'short' }, 'ANTHROPIC_ADMIN_KEY'],
  [{ ANTHROPIC_API_KEY_ID: 'sk-ant-1' }, 'ANTHROPIC_API_KEY_ID'],
  [{ ANTHROPIC_API_KEY_ID: 'apikey_a,apikey_b' }, 'ANTHROPIC_API_KEY_ID'],
  [{ RECONCILIATION_TOLERANCE: '5%' }, 'RECONCILIATION_TOLERANCE'],
  [{ RECONCILIATION_TOLERANCE_USD: '-1' }, 'RECONCILIATION_TOLERANCE_USD'],
])('the binding %j is named at the edge', (change, name) => {
  const bindings = readBindings({ ...(env as unknown as Env), ...change });
  expect(bindings).toMatchObject({ ok: false, error: expect.stringContaining(`${name}: expected`) });
});
