import { describe, expect, test } from 'vitest';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import type { Budget } from '../../../durable-objects/core/policy/types.ts';
import { budgetUse, fitOf } from '../../../worker/policy/review/budget-use.ts';
import { dollars, durationBetween } from '../../../worker/policy/review/phrases.ts';
import { reviewMonth } from '../../../worker/policy/review/review-month.ts';
import { type WindowSpend, windowsOf } from '../../../worker/policy/review/window-spend.ts';
import type { DaySpend } from '../../../worker/store/review-windows.ts';
import { policyOf } from '../../core/judging.ts';

const NOVEMBER = { from: '2026-11-01', to: '2026-12-01' };

function budgetOf(change: object): Budget {
  const document = { id: 'b', scope: 'cost_center', window: 'day', limit_usd: '100', ...change };
  const [budget] = policyOf({ budgets: [document] }).budgets;
  if (!budget) throw new Error('no budget');
  return budget;
}

function nano(usd: number): bigint {
  return BigInt(usd) * 1_000_000_000n;
}

function spent(day: string, usd: number, change: Partial<DaySpend> = {}): DaySpend {
  return { day, developer: null, keyId: null, model: null, nanoUsd: String(nano(usd)), ...change };
}

function usdOf(budget: Budget, days: DaySpend[] | null): [string, number][] | null {
  const rows = { costCenter: 'squad', days, sessions: [], catalogue: builtinCatalogue };
  const found = windowsOf(budget, rows, NOVEMBER);
  return found?.map(({ subject, nanoUsd }) => [subject, Number(nanoUsd / 1_000_000_000n)]) ?? null;
}

describe('windows', () => {
  test('of a week begin on Monday, and only those that began in the month count, to their end', () => {
    const days = [
      spent('2026-11-01', 1),
      spent('2026-11-02', 2),
      spent('2026-11-08', 3),
      spent('2026-11-30', 4),
    ];
    const next = [spent('2026-12-06', 5), spent('2026-12-07', 6)];
    expect(usdOf(budgetOf({ window: 'week' }), [...days, ...next])).toEqual([
      ['squad', 5],
      ['squad', 9],
    ]);
  });

  test('of developers, keys and lines are told apart', () => {
    const ann = { developer: 'ann', keyId: 'k1' };
    const days = [
      spent('2026-11-03', 1, { ...ann, model: 'claude-opus-5-5' }),
      spent('2026-11-03', 2, { ...ann, model: 'claude-haiku-5-5' }),
      spent('2026-11-03', 4, { developer: 'bob', keyId: 'k2', model: 'claude-opus-5-5-20260101' }),
      spent('2026-11-04', 8, { developer: 'bob', keyId: 'k3', model: null }),
    ];
    expect(usdOf(budgetOf({ scope: 'developer' }), days)).toEqual([
      ['ann', 3],
      ['bob', 4],
      ['bob', 8],
    ]);
    expect(usdOf(budgetOf({ scope: 'key', window: 'month' }), days)).toEqual([
      ['k1', 3],
      ['k2', 4],
      ['k3', 8],
    ]);
    expect(usdOf(budgetOf({ line: 'opus' }), days)).toEqual([['squad', 5]]);
  });

  test('that were not added up are not known; what corrections took back is none', () => {
    expect(usdOf(budgetOf({}), null)).toBeNull();
    expect(usdOf(budgetOf({}), [spent('2026-11-03', 0, { nanoUsd: '-5' })])).toEqual([]);
  });
});

function windows(...usd: number[]): WindowSpend[] {
  return usd.map((amount, index) => ({ subject: index % 2 === 0 ? 'ann' : 'bob', nanoUsd: nano(amount) }));
}

describe('a limit', () => {
  test('is suggested where more than one window in ten came over it, to two digits upward', () => {
    const fit = fitOf(budgetOf({}), windows(90, 90, 90, 90, 90, 90, 90, 90, 612, 900), null);
    expect(fit).toMatchObject({ windows: 10, windowsOverLimit: 2, suggestedNanoUsd: nano(620) });
  });

  test('is kept where nine of ten windows fit, or none is known', () => {
    expect(fitOf(budgetOf({}), windows(90, 90, 90, 90, 90, 90, 90, 90, 90, 900), null)).toMatchObject({
      windowsOverLimit: 1,
      suggestedNanoUsd: null,
    });
    expect(fitOf(budgetOf({}), [], null)).toMatchObject({
      windows: 0,
      p90NanoUsd: 0n,
      suggestedNanoUsd: null,
    });
  });

  test('of one developer is their own, overrides included', () => {
    const budget = budgetOf({ scope: 'developer', overrides: { bob: '1000' } });
    expect(fitOf(budget, windows(120, 900), 'bob')).toMatchObject({
      limitNanoUsd: nano(1_000),
      windows: 1,
      suggestedNanoUsd: null,
    });
    expect(fitOf(budget, windows(120, 900), 'ann').suggestedNanoUsd).toBe(nano(120));
    expect(budgetUse(budget, windows(50, 900)).highestUtilization).toBe(0.9);
  });

  test('of nothing is full with the first cent, and none passes the largest limit', () => {
    expect(budgetUse(budgetOf({ limit_usd: '0' }), windows(1)).highestUtilization).toBe(1);
    expect(fitOf(budgetOf({}), windows(4_999_999), null).suggestedNanoUsd).toBe(nano(5_000_000));
  });
});

describe('the month', () => {
  const at = Date.parse('2026-03-31T10:00:00.000Z');

  test('is held against the whole one before it, or as many days of it as have begun', () => {
    expect(reviewMonth(undefined, at)).toMatchObject({
      month: '2026-02',
      from: '2026-02-01T00:00:00.000Z',
      to: '2026-03-01T00:00:00.000Z',
      isFinished: true,
      previousTo: '2026-02-01T00:00:00.000Z',
    });
    expect(reviewMonth('2026-03', at)).toMatchObject({
      isFinished: false,
      previousTo: '2026-03-01T00:00:00.000Z',
    });
    expect(reviewMonth('2026-03', Date.parse('2026-03-02T00:00:00.000Z'))).toMatchObject({
      previous: '2026-02',
      previousTo: '2026-02-03T00:00:00.000Z',
    });
    expect(reviewMonth(undefined, Date.parse('2026-01-01T00:00:00.000Z'))).toMatchObject({
      month: '2025-12',
    });
  });
});

test('amounts are written to the cent, whatever their size, and spans in what people count', () => {
  expect(['0', '4999999', '5000000', '99999999999999999999'].map((each) => dollars(each))).toEqual([
    '$0.00',
    '$0.00',
    '$0.01',
    '$100,000,000,000.00',
  ]);
  const from = '2026-11-01T00:00:00.000Z';
  expect(
    ['2026-11-01T00:01:00.000Z', '2026-11-01T03:00:00.000Z', '2026-11-04T00:00:00.000Z'].map((to) =>
      durationBetween(from, to),
    ),
  ).toEqual(['1 minute', '3 hours', '3 days']);
});
