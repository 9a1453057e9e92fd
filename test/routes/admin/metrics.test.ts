import { env } from 'cloudflare:workers';
import { sql } from 'drizzle-orm';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Entry } from '../../../durable-objects/ledger/entry.ts';
import { openDatabase } from '../../../worker/store/database.ts';
import { estimateQuery } from '../../../worker/store/estimate-metric.ts';
import { setClock, useFakeClock } from '../../wallet/scenario.ts';
import { call, makeCostCenter } from './admin-calls.ts';
import { addEntries, entryOf } from './ledger-rows.ts';

useFakeClock('2026-11-24T00:00:00.000Z');

let count = 0;

/** An exact charge of a dollar that was expected to cost this many. */
function charge(expectedUsd: number, change: Partial<Entry> = {}): Entry {
  count += 1;
  return entryOf({
    entry_id: String(count).padStart(3, '0'),
    admitted_at: '2026-11-23T12:00:00.000Z',
    estimated: false,
    estimated_why: null,
    held_nano_usd: 3_000_000_000,
    expected_nano_usd: Math.round(expectedUsd * 1e9),
    charged_nano_usd: 1_000_000_000,
    ...change,
  });
}

const haiku = { turn_kind: 'auxiliary', model_served: 'claude-haiku-5-5' } as const;

beforeAll(async () => {
  for (const id of ['squad', 'other', 'many', 'rich']) await makeCostCenter(id);
  await addEntries([
    charge(1.1),
    charge(0.8),
    charge(1.4, haiku),
    charge(2, haiku),
    // Nothing of these can be compared.
    charge(9, { estimated: true }),
    charge(9, { kind: 'correction', charged_nano_usd: -1 }),
    charge(9, { kind: 'refusal', charged_nano_usd: 0 }),
    charge(9, { expected_nano_usd: null }),
    // Beside the span of the default, and beside the cost center.
    charge(5, { admitted_at: '2026-11-16T23:59:59.999Z' }),
    charge(3, { cost_center: 'other' }),
    ...Array.from({ length: 40 }, (_, index) => charge(1 + (index + 1) / 100, { cost_center: 'many' })),
    ...Array.from({ length: 3 }, () =>
      charge(1, {
        cost_center: 'rich',
        admitted_at: '2026-10-01T00:00:00.000Z',
        charged_nano_usd: Number.MAX_SAFE_INTEGER,
        expected_nano_usd: Number.MAX_SAFE_INTEGER,
        held_nano_usd: Number.MAX_SAFE_INTEGER,
      }),
    ),
  ]);
});

const metric = async (query: string) => await call('GET', `/metrics/estimate${query}`);

const near = (value: number) => expect.closeTo(value, 9);

describe('held against charged', () => {
  test('is measured over the last 7 days, in all, by kind and by model, those of most turns first', async () => {
    setClock('2026-11-24T00:00:00.000Z');
    const answer = await metric('?cost_center=squad');
    const main = {
      turns: 2,
      held_usd: '6.00',
      expected_usd: '1.90',
      charged_usd: '2.00',
      median_absolute_error: near(0.15),
      p95_absolute_error: near(0.2),
      mean_error: near(-0.05),
    };
    const auxiliary = {
      turns: 2,
      held_usd: '6.00',
      expected_usd: '3.40',
      charged_usd: '2.00',
      median_absolute_error: near(0.7),
      p95_absolute_error: near(1),
      mean_error: near(0.7),
    };
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      from: '2026-11-17T00:00:00.000Z',
      to: '2026-11-24T00:00:00.000Z',
      turns: 4,
      held_usd: '12.00',
      expected_usd: '5.30',
      charged_usd: '4.00',
      median_absolute_error: near(0.3),
      p95_absolute_error: near(1),
      mean_error: near(0.325),
      by_kind: [
        { kind: 'auxiliary', ...auxiliary },
        { kind: 'main', ...main },
      ],
      by_model: [
        { model: 'claude-haiku-5-5', ...auxiliary },
        { model: 'claude-opus-5-5', ...main },
      ],
    });
  });

  test('has the 38th of 40 errors as its 95th percentile', async () => {
    expect((await metric('?cost_center=many')).body).toMatchObject({
      turns: 40,
      median_absolute_error: near(0.205),
      p95_absolute_error: near(0.38),
    });
  });

  test.each([
    ['?from=2026-11-16&to=2026-11-17', 1],
    ['?cost_center=squad&from=2026-11-01', 5],
    ['?to=2026-11-23T12:00:00Z', 1],
    ['?from=2026-11-23T12:00:00Z&to=2026-11-23T12:00:00.001Z', 45],
    ['', 45],
  ])('of %j counts %d turns', async (query, turns) => {
    expect((await metric(query)).body).toMatchObject({ turns });
  });

  test('adds up exactly beyond what a number can hold', async () => {
    expect((await metric('?from=2026-10-01&to=2026-10-02')).body).toMatchObject({
      turns: 3,
      charged_usd: '27021597.764222973',
      mean_error: 0,
    });
  });

  test('of nothing is nothing', async () => {
    expect((await metric('?cost_center=nobody')).body).toMatchObject({
      turns: 0,
      held_usd: '0.00',
      expected_usd: '0.00',
      charged_usd: '0.00',
      median_absolute_error: null,
      p95_absolute_error: null,
      mean_error: null,
      by_kind: [],
      by_model: [],
    });
  });

  test.each([
    ['from=2026-11-24T00:00:00.001Z', 'from'],
    ['from=2026-10-23', 'from'],
    ['from=2026-10-01&to=2026-11-02', 'from'],
    ['from=yesterday', 'from'],
    ['to=2026-02-30', 'to'],
    ['days=7', 'days'],
  ])('refuses ?%s and names %s', async (query, path) => {
    expect(await metric(`?${query}`)).toMatchObject({
      status: 400,
      body: { error: { type: 'invalid_request_error', problems: [{ path }] } },
    });
  });

  test.each([
    'squad',
    null,
  ])('of cost center %s reads its span through the index of admission', async (costCenter) => {
    const span = { from: '2026-11-17T00:00:00.000Z', to: '2026-11-24T00:00:00.000Z' };
    const query = estimateQuery({ costCenter, ...span }).inlineParams();
    const database = openDatabase(env.DB);
    const plan = await database.all<{ detail: string }>(sql`EXPLAIN QUERY PLAN ${query}`);
    const details = plan.map(({ detail }) => detail).filter((detail) => detail.includes('ledger_entries'));
    expect(details).toEqual([
      'SEARCH ledger_entries USING INDEX ledger_entries_by_admission (cost_center=? AND admitted_at>? AND admitted_at<?)',
    ]);
  });
});
