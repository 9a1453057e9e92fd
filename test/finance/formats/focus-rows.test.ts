import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { apportion } from '../../../worker/finance/focus-cost.ts';
import { FOCUS_COLUMNS, focusRows } from '../../../worker/finance/focus-rows.ts';
import { csvHeader, lineOf } from '../../../worker/finance/row-format.ts';
import type { ExportedEntry } from '../../../worker/store/ledger-export.ts';
import { exportedEntry, pricedEntry } from './exported-entry.ts';
import { FOCUS_1_2 } from './focus-columns.ts';
import { focusProblems, scaled } from './focus-rules.ts';

/** The rows of an entry as a reader of the CSV gets them. */
function rowsOf(entry: ExportedEntry): Record<string, string>[] {
  const lines = focusRows(entry, builtinCatalogue).map((row) => lineOf('csv', FOCUS_COLUMNS, row));
  return parse(csvHeader(FOCUS_COLUMNS) + lines.join(''), { columns: true, record_delimiter: '\r\n' });
}

function sumOf(rows: readonly Record<string, string>[], column: string, decimals = 9): bigint {
  return rows.reduce((sum, row) => sum + scaled(row[column], decimals), 0n);
}

const NO_TOKENS = {
  input_tokens: 0,
  cache_write_5m_tokens: 0,
  cache_write_1h_tokens: 0,
  cache_read_tokens: 0,
  output_tokens: 0,
  web_search_requests: 0,
} as const;

const CASES: [name: string, entry: ExportedEntry, rows: number, basis: string][] = [
  ['a turn of every kind of token', exportedEntry(), 6, 'catalogue'],
  ['a turn of one token', pricedEntry({ ...NO_TOKENS, cache_read_tokens: 1 }), 1, 'catalogue'],
  ['fast mode in the US', pricedEntry({ speed: 'fast', inference_geo: 'us' }), 6, 'catalogue'],
  [
    'a provider of a region',
    pricedEntry({ provider: 'bedrock', price_millionths: 1_100_000 }),
    6,
    'catalogue',
  ],
  [
    'Haiku over its tier',
    pricedEntry({ model_served: 'claude-haiku-5-5', cache_read_tokens: 100_001 }),
    6,
    'catalogue',
  ],
  [
    'a model that the catalogue does not know',
    pricedEntry({ model_served: 'claude-next-9' }),
    6,
    'catalogue',
  ],
  ['a negotiated price', { ...pricedEntry(), charged_nano_usd: 114_120_000 }, 6, 'catalogue'],
  ['iterations at other models', { ...pricedEntry(), list_nano_usd: 7, charged_nano_usd: 7 }, 6, 'derived'],
  ['a refusal that cost nothing', { ...pricedEntry(), list_nano_usd: 0, charged_nano_usd: 0 }, 6, 'derived'],
  ['money without tokens', exportedEntry(NO_TOKENS), 1, 'derived'],
  [
    'a provider nobody heard of',
    pricedEntry({ provider: 'demo', upstream_credential: null }),
    6,
    'catalogue',
  ],
];

describe('FOCUS 1.2', () => {
  test('has every mandatory and applicable column once, and own ones begin with x_', () => {
    const names = FOCUS_COLUMNS.map(({ name }) => name);
    expect(names.filter((name) => !name.startsWith('x_'))).toEqual(Object.keys(FOCUS_1_2));
    expect(new Set(names).size).toBe(names.length);
  });

  test.each(CASES)('of %s is right in every column and adds up', (_, entry, count, basis) => {
    const rows = rowsOf(entry);
    expect(focusProblems(rows)).toEqual([]);
    expect(rows).toHaveLength(count);
    expect(new Set(rows.map((row) => row.x_PriceBasis))).toEqual(new Set([basis]));
    expect(sumOf(rows, 'BilledCost')).toBe(BigInt(entry.charged_nano_usd));
    expect(sumOf(rows, 'EffectiveCost')).toBe(BigInt(entry.charged_nano_usd));
    // The exact cost: the ledger's is rounded up to a whole nano-USD, once. Derived prices have 12 decimals.
    const off = sumOf(rows, 'ListCost', 18) - BigInt(entry.list_nano_usd) * 1_000_000_000n;
    expect(off > -1_000_000_000n && off < 1_000_000_000n).toBe(true);
  });

  test('bills nothing of a turn that a developer paid for, and still says what it would have cost', () => {
    const entry = pricedEntry({ billed_to: 'developer', upstream_credential: 'own-3fa9c1d2' });
    const rows = rowsOf(entry);
    expect(focusProblems(rows)).toEqual([]);
    expect(sumOf(rows, 'BilledCost')).toBe(0n);
    expect(sumOf(rows, 'ListCost')).toBe(BigInt(entry.list_nano_usd));
    expect(new Set(rows.map((row) => row.BillingAccountId))).toEqual(new Set(['own-3fa9c1d2']));
  });

  test('has a row a token type with its SKU, its quantities and its price', () => {
    const read = rowsOf(exportedEntry()).find((row) => row.SkuMeter === 'Cache Read Input Tokens');
    expect(read).toMatchObject({
      BilledCost: '0.018',
      BillingPeriodStart: '2026-11-01T00:00:00Z',
      BillingPeriodEnd: '2026-12-01T00:00:00Z',
      ChargePeriodStart: '2026-11-30T00:00:00Z',
      ChargePeriodEnd: '2026-12-01T00:00:00Z',
      ChargeClass: '',
      ConsumedQuantity: '90000.0',
      ConsumedUnit: 'Tokens',
      PricingQuantity: '0.09',
      PricingUnit: '1000000 Tokens',
      ListUnitPrice: '0.2',
      ListCost: '0.018',
      SkuId: 'claude-opus-5-5/cache-read',
      SkuPriceId: 'claude-opus-5-5/cache-read',
      SubAccountId: 'squad',
      SubAccountName: 'The squad',
      ProviderName: 'Anthropic',
    });
    expect(JSON.parse(read?.SkuPriceDetails ?? '')).toEqual({
      ModelDeveloper: 'Anthropic',
      ModelFamily: 'opus',
      ModelId: 'claude-opus-5-5',
      ModelVersion: '5.5',
      TokenType: 'Cache Read',
    });
    expect(JSON.parse(read?.Tags ?? '')).toEqual({ team: 'web', 'bursar:cost_center': 'squad' });
  });

  test('has a negotiated price beside the list price', () => {
    const [input] = rowsOf({ ...pricedEntry(), charged_nano_usd: 114_120_000 });
    expect(input).toMatchObject({ ListUnitPrice: '4.0', ContractedUnitPrice: '3.6' });
  });

  test.each<[string, Partial<ExportedEntry>]>([
    ['the difference', { ...NO_TOKENS, output_tokens: -100, charged_nano_usd: -2_000_000 }],
    ['the difference of a price', { ...NO_TOKENS, charged_nano_usd: 5 }],
    [
      'more of one and less of another',
      { ...NO_TOKENS, input_tokens: 10, output_tokens: -7, charged_nano_usd: -3 },
    ],
  ])('has a correction as ChargeClass Correction: %s', (_, change) => {
    const entry = exportedEntry({ kind: 'correction', corrects: '01A', ...change });
    const rows = rowsOf({ ...entry, list_nano_usd: entry.charged_nano_usd });
    expect(focusProblems(rows)).toEqual([]);
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect(row).toMatchObject({ ChargeClass: 'Correction', x_Corrects: '01A' });
    expect(sumOf(rows, 'BilledCost')).toBe(BigInt(entry.charged_nano_usd));
  });

  test.each(['refusal', 'failure'] as const)('has no row of a %s', (kind) => {
    expect(rowsOf(exportedEntry({ ...NO_TOKENS, kind, charged_nano_usd: 0, list_nano_usd: 0 }))).toEqual([]);
  });

  test('divides money so that nothing is lost, whatever the weights', () => {
    const weight = fc.bigInt({ min: -(10n ** 21n), max: 10n ** 21n });
    const total = fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n });
    fc.assert(
      fc.property(total, fc.array(weight, { minLength: 1, maxLength: 6 }), (money, weights) => {
        expect(apportion(money, weights).reduce((sum, share) => sum + share, 0n)).toBe(money);
      }),
    );
  });
});
