import { parse } from 'csv-parse/sync';
import { describe, expect, test } from 'vitest';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { FOCUS_COLUMNS, focusRows } from '../../../worker/finance/focus-rows.ts';
import { csvHeader, lineOf } from '../../../worker/finance/row-format.ts';
import { exportedEntry } from './exported-entry.ts';
import { type FocusRow, focusProblems } from './focus-rules.ts';

const LINES = focusRows(exportedEntry(), builtinCatalogue).map((row) => lineOf('csv', FOCUS_COLUMNS, row));
const ROWS: FocusRow[] = parse(csvHeader(FOCUS_COLUMNS) + LINES.join(''), {
  columns: true,
  record_delimiter: '\r\n',
});
const [FIRST = {}, ...REST] = ROWS;

/** A file of rows of which the first was changed. */
function changed(change: FocusRow): FocusRow[] {
  return [{ ...FIRST, ...change }, ...REST];
}

describe('a FOCUS file', () => {
  test('of a turn has nothing wrong', () => {
    expect(ROWS).toHaveLength(6);
    expect(focusProblems(ROWS)).toEqual([]);
  });

  test.each<[what: string, change: FocusRow, problem: string]>([
    ['a mandatory cell is empty', { ProviderName: '' }, 'ProviderName is null'],
    ['a number has an exponent', { BilledCost: '4.8e-3' }, 'BilledCost is 4.8e-3'],
    [
      'an instant has an offset',
      { ChargePeriodEnd: '2026-12-01T00:00:00+00:00' },
      'ChargePeriodEnd is 2026-12-01T00:00:00+00:00',
    ],
    ['a value is not one of those allowed', { ChargeCategory: 'Fee' }, 'ChargeCategory is Fee'],
    ['a unit is no plural', { ConsumedUnit: 'Token' }, 'ConsumedUnit is Token'],
    ['a tag holds a list', { Tags: '{"team":["web"]}' }, 'Tags is {"team":["web"]}'],
    ['a quantity has no unit', { PricingUnit: '' }, 'only one of PricingUnit and PricingQuantity is null'],
    ['a region has no name', { RegionId: 'us' }, 'only one of RegionName and RegionId is null'],
    ['usage has no price', { ListUnitPrice: '' }, 'ListUnitPrice is null in usage'],
    ['details belong to no price', { SkuPriceId: '' }, 'SkuPriceDetails has no SkuPriceId'],
    [
      'price times quantity is not the cost',
      { ListCost: '0.0049' },
      'ListUnitPrice × PricingQuantity is not ListCost',
    ],
    ['a price is below 0', { ContractedUnitPrice: '-4.0' }, 'ContractedUnitPrice is below 0'],
    [
      'a charge lies outside its billing period',
      { BillingPeriodEnd: '2026-11-30T00:00:00Z' },
      'the periods do not lie in each other',
    ],
    [
      'a price has two SKUs',
      { SkuPriceId: 'claude-opus-5-5/output' },
      'a SkuPriceId has more than one SkuId',
    ],
    ['a column is of nobody', { Region: 'us' }, 'Region is no column'],
  ])('where %s is told so', (_what, change, problem) => {
    expect(focusProblems(changed(change))).toContain(problem);
  });

  test('that lacks a column, or has its own among the others, is told so', () => {
    const { BilledCost, ...rest } = FIRST;
    expect(focusProblems([rest])).toContain('BilledCost is missing');
    expect(focusProblems([{ x_First: '1', BilledCost: BilledCost ?? '', ...rest }])).toContain(
      'own columns stand among those of FOCUS',
    );
  });
});
