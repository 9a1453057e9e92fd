/**
 * Reads a FOCUS 1.2 file in CSV as its specification would have it: each cell by its column, the columns of a row by
 * each other, the rows of a file by each other. The numbers are rules of the requirements model 1.2.0.1.
 */
import { FOCUS_1_2, type FocusColumn } from './focus-columns.ts';

export type FocusRow = Readonly<Record<string, string>>;

/** NumericFormat, and a decimal point always. */
const DECIMAL = /^-?\d+\.\d+$/;
/** DateTimeFormat: UTC, to the second. */
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
/** UnitFormat: a quantity where there is one, and a plural. */
const UNIT = /^([1-9]\d* )?[A-Z][A-Za-z]*s$/;

/** What is wrong with a file, one sentence each. */
export function focusProblems(rows: readonly FocusRow[]): string[] {
  const names = Object.keys(rows[0] ?? {});
  const isOwn = (name: string): boolean => !(name in FOCUS_1_2);
  const own = names.filter(isOwn);
  return [
    ...own.filter((name) => !name.startsWith('x_')).map((name) => `${name} is no column`),
    // ColumnHandling: the specification's come first.
    ...(names.slice(0, names.length - own.length).some(isOwn)
      ? ['own columns stand among those of FOCUS']
      : []),
    ...rows.flatMap((row) => {
      const cells = cellProblems(row);
      // Cells that cannot be read are not held against each other.
      return cells.length > 0 ? cells : rowProblems(row);
    }),
    ...parentProblems(rows),
  ];
}

function cellProblems(row: FocusRow): string[] {
  return Object.entries(FOCUS_1_2).flatMap(([name, column]) => {
    const value = row[name];
    if (value === undefined) return [`${name} is missing`];
    if (value === '') return column.nullable ? [] : [`${name} is null`];
    return isOfType(column, value) ? [] : [`${name} is ${value}`];
  });
}

function isOfType({ type, allowed }: FocusColumn, value: string): boolean {
  if (allowed && !allowed.includes(value)) return false;
  switch (type) {
    case 'Decimal':
      return DECIMAL.test(value);
    case 'DateTime':
      return DATE_TIME.test(value) && !Number.isNaN(Date.parse(value));
    case 'Unit':
      return UNIT.test(value);
    case 'KeyValue':
      return isKeyValue(value);
    case 'String':
      return true;
  }
}

/** KeyValueFormat: a JSON object of plain values. */
function isKeyValue(text: string): boolean {
  const value: unknown = JSON.parse(text);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject && Object.values(value).every((each) => each === null || typeof each !== 'object');
}

/** Null exactly where the other is: ConsumedUnit-C-005, PricingUnit-C-005, SubAccountName-C-004, RegionName-C-004, each with the next one. */
const TOGETHER = [
  ['ConsumedUnit', 'ConsumedQuantity'],
  ['PricingUnit', 'PricingQuantity'],
  ['SubAccountName', 'SubAccountId'],
  ['RegionName', 'RegionId'],
  // One should not be null where the other is not (SkuMeter-C-005).
  ['SkuMeter', 'SkuId'],
] as const;

/** ListUnitPrice-C-005 and its like: of usage and purchases that are no correction. */
const NOT_NULL_IN_USAGE = [
  'ContractedUnitPrice',
  'ListUnitPrice',
  'PricingCategory',
  'PricingQuantity',
  'SkuId',
  'SkuPriceId',
] as const;

function rowProblems(row: FocusRow): string[] {
  const isNull = (name: string): boolean => row[name] === '';
  const isUsage = row.ChargeCategory === 'Usage';
  const isCorrection = row.ChargeClass === 'Correction';
  const isPriced = (isUsage || row.ChargeCategory === 'Purchase') && !isCorrection;
  const wrong: [string, boolean][] = [
    ...TOGETHER.map(([a, b]): [string, boolean] => [
      `only one of ${a} and ${b} is null`,
      isNull(a) !== isNull(b),
    ]),
    ...NOT_NULL_IN_USAGE.map((name): [string, boolean] => [
      `${name} is null in usage`,
      isPriced && isNull(name),
    ]),
    // ConsumedQuantity-C-004, C-006.
    ['ConsumedQuantity is null in usage', isUsage && !isCorrection && isNull('ConsumedQuantity')],
    ['ConsumedQuantity is of no usage', !isUsage && !isNull('ConsumedQuantity')],
    // SkuPriceDetails-C-004.
    ['SkuPriceDetails has no SkuPriceId', isNull('SkuPriceId') && !isNull('SkuPriceDetails')],
    // ChargeFrequency-C-004.
    ['a purchase is usage-based', row.ChargeCategory === 'Purchase' && row.ChargeFrequency === 'Usage-Based'],
    // ServiceSubcategory-C-004.
    ['ServiceSubcategory has another parent', row.ServiceCategory !== 'AI and Machine Learning'],
    // InvoiceId-C-004: no invoice is known here.
    ['InvoiceId names an invoice', !isNull('InvoiceId')],
    ['the periods do not lie in each other', !isNested(row)],
    // ContractedCost-C-006 to C-008: a cost without a price of its own is what was billed.
    [
      'ContractedCost is not what was billed',
      isNull('ContractedUnitPrice') && !isSame(row, 'ContractedCost', 'BilledCost'),
    ],
    // Nothing here was paid ahead.
    ['EffectiveCost is not what was billed', !isSame(row, 'EffectiveCost', 'BilledCost')],
    ...(['List', 'Contracted'] as const).flatMap((which) => priceProblems(row, which, isCorrection)),
  ];
  return wrong.filter(([, isWrong]) => isWrong).map(([what]) => what);
}

/** Periods are half-open (BillingPeriodEnd-C-004, ChargePeriodEnd-C-004). */
function isNested(row: FocusRow): boolean {
  const names = ['BillingPeriodStart', 'ChargePeriodStart', 'ChargePeriodEnd', 'BillingPeriodEnd'];
  const [billed = '', from = '', to = '', until = ''] = names.map((name) => row[name]);
  return billed <= from && from < to && to <= until;
}

function isSame(row: FocusRow, a: string, b: string): boolean {
  return scaled(row[a], 36) === scaled(row[b], 36);
}

/** ListUnitPrice-C-008, C-010 and ContractedUnitPrice-C-009, C-011: not negative, and price × quantity is the cost. */
function priceProblems(
  row: FocusRow,
  which: 'List' | 'Contracted',
  isCorrection: boolean,
): [string, boolean][] {
  const price = row[`${which}UnitPrice`];
  if (price === '' || price === undefined) return [];
  const product = scaled(price, 18) * scaled(row.PricingQuantity, 18);
  return [
    [`${which}UnitPrice is below 0`, scaled(price, 18) < 0n],
    [
      `${which}UnitPrice × PricingQuantity is not ${which}Cost`,
      !isCorrection && row.PricingQuantity !== '' && product !== scaled(row[`${which}Cost`], 36),
    ],
  ];
}

/** SkuPriceId-C-008, SkuMeter-C-006, ServiceName-C-005 and C-008: each of the first has one of the second. */
const PARENTS = [
  ['SkuPriceId', 'SkuId'],
  ['SkuId', 'SkuMeter'],
  ['SkuPriceId', 'SkuPriceDetails'],
  ['ServiceName', 'ServiceCategory'],
  ['ServiceName', 'ServiceSubcategory'],
] as const;

function parentProblems(rows: readonly FocusRow[]): string[] {
  return PARENTS.flatMap(([child, parent]) => {
    const pairs = new Set(rows.map((row) => JSON.stringify([row[child], row[parent]])));
    const children = new Set(rows.map((row) => row[child]));
    return pairs.size === children.size ? [] : [`a ${child} has more than one ${parent}`];
  });
}

/** A decimal as a whole number of 10^-`decimals`. */
export function scaled(text = '', decimals = 9): bigint {
  const [whole = '0', fraction = ''] = text.replace('-', '').split('.');
  const kept = fraction.padEnd(decimals, '0');
  if (kept.length > decimals) throw new RangeError(`${text} has more than ${decimals} decimals`);
  const magnitude = BigInt(whole + kept);
  return text.startsWith('-') ? -magnitude : magnitude;
}
