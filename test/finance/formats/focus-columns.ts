/**
 * The columns of FOCUS 1.2 that an export of token usage has, from the specification's column pages: data type,
 * whether null is allowed, and the values that are. `formats` hold for every value that is not null.
 */

export interface FocusColumn {
  type: 'Decimal' | 'String' | 'DateTime' | 'JSON';
  level: 'mandatory' | 'conditional' | 'recommended';
  nullable: boolean;
  allowed?: readonly string[];
}

const mandatory = (
  type: FocusColumn['type'],
  nullable = false,
  allowed?: readonly string[],
): FocusColumn => ({
  type,
  level: 'mandatory',
  nullable,
  ...(allowed ? { allowed } : {}),
});
const conditional = (type: FocusColumn['type'], allowed?: readonly string[]): FocusColumn => ({
  type,
  level: 'conditional',
  nullable: true,
  ...(allowed ? { allowed } : {}),
});

export const FOCUS_1_2: Readonly<Record<string, FocusColumn>> = {
  BilledCost: mandatory('Decimal'),
  BillingAccountId: mandatory('String'),
  BillingAccountName: mandatory('String', true),
  BillingCurrency: mandatory('String', false, ['USD']),
  BillingPeriodEnd: mandatory('DateTime'),
  BillingPeriodStart: mandatory('DateTime'),
  ChargeCategory: mandatory('String', false, ['Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment']),
  ChargeClass: mandatory('String', true, ['Correction']),
  ChargeDescription: mandatory('String', true),
  ChargeFrequency: {
    ...conditional('String', ['One-Time', 'Recurring', 'Usage-Based']),
    level: 'recommended',
    nullable: false,
  },
  ChargePeriodEnd: mandatory('DateTime'),
  ChargePeriodStart: mandatory('DateTime'),
  ConsumedQuantity: conditional('Decimal'),
  ConsumedUnit: conditional('String'),
  ContractedCost: mandatory('Decimal'),
  ContractedUnitPrice: conditional('Decimal'),
  EffectiveCost: mandatory('Decimal'),
  InvoiceId: conditional('String'),
  InvoiceIssuerName: mandatory('String'),
  ListCost: mandatory('Decimal'),
  ListUnitPrice: conditional('Decimal'),
  PricingCategory: conditional('String', ['Standard', 'Dynamic', 'Committed', 'Other']),
  PricingQuantity: mandatory('Decimal', true),
  PricingUnit: mandatory('String', true),
  ProviderName: mandatory('String'),
  PublisherName: mandatory('String'),
  RegionId: conditional('String'),
  RegionName: conditional('String'),
  ServiceCategory: mandatory('String', false, [
    'AI and Machine Learning',
    'Analytics',
    'Business Applications',
    'Compute',
    'Databases',
    'Developer Tools',
    'Multicloud',
    'Identity',
    'Integration',
    'Internet of Things',
    'Management and Governance',
    'Media',
    'Migration',
    'Mobile',
    'Networking',
    'Security',
    'Storage',
    'Web',
    'Other',
  ]),
  ServiceName: mandatory('String'),
  ServiceSubcategory: {
    ...conditional('String', ['AI Platforms', 'Bots', 'Generative AI', 'Machine Learning']),
    level: 'recommended',
    nullable: false,
  },
  SkuId: conditional('String'),
  SkuMeter: conditional('String', [
    'Input Tokens',
    'Output Tokens',
    'Cache Write Input Tokens',
    'Cache Read Input Tokens',
    'Web Search Requests',
    'Turns',
  ]),
  SkuPriceDetails: conditional('JSON'),
  SkuPriceId: conditional('String'),
  SubAccountId: conditional('String'),
  SubAccountName: conditional('String'),
  Tags: conditional('JSON'),
};

const DECIMAL = /^-?\d+\.\d+$/;
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/** What is wrong with one row of a FOCUS file in CSV, one sentence each. */
export function focusProblems(row: Readonly<Record<string, string>>): string[] {
  const problems = Object.entries(FOCUS_1_2).flatMap(([name, column]) => {
    const value = row[name];
    if (value === undefined) return [`${name} is missing`];
    if (value === '') return column.nullable ? [] : [`${name} is null`];
    return isOfType(column, value) ? [] : [`${name} is ${value}`];
  });
  const own = Object.keys(row).filter((name) => !(name in FOCUS_1_2));
  problems.push(...own.filter((name) => !name.startsWith('x_')).map((name) => `${name} is no column`));
  return [...problems, ...usageProblems(row)];
}

function isOfType({ type, allowed }: FocusColumn, value: string): boolean {
  if (allowed && !allowed.includes(value)) return false;
  if (type === 'Decimal') return DECIMAL.test(value);
  if (type === 'DateTime') return DATE_TIME.test(value);
  return type === 'JSON' ? JSON.parse(value) instanceof Object : true;
}

const NOT_NULL_IN_USAGE = [
  'ConsumedQuantity',
  'ConsumedUnit',
  'ContractedUnitPrice',
  'ListUnitPrice',
  'PricingCategory',
  'PricingQuantity',
  'PricingUnit',
  'SkuId',
  'SkuPriceId',
];

/** Rules between columns: of usage that is no correction, price × quantity is the cost. */
function usageProblems(row: Readonly<Record<string, string>>): string[] {
  const periods =
    (row.ChargePeriodStart ?? '') < (row.ChargePeriodEnd ?? '') &&
    (row.BillingPeriodStart ?? '') <= (row.ChargePeriodStart ?? '') &&
    (row.ChargePeriodEnd ?? '') <= (row.BillingPeriodEnd ?? '')
      ? []
      : ['the periods do not lie in each other'];
  if (row.ChargeClass === 'Correction') return periods;
  return [
    ...periods,
    ...NOT_NULL_IN_USAGE.filter((name) => row[name] === '').map((name) => `${name} is null in usage`),
    ...(['List', 'Contracted'] as const)
      .filter((which) => {
        const price = scaled(row[`${which}UnitPrice`], 18);
        const product = price * scaled(row.PricingQuantity, 18);
        return price < 0n || product !== scaled(row[`${which}Cost`], 36);
      })
      .map((which) => `${which}UnitPrice × PricingQuantity is not ${which}Cost`),
  ];
}

/** A decimal as a whole number of 10^-`decimals`. */
export function scaled(text = '', decimals = 9): bigint {
  const [whole = '0', fraction = ''] = text.replace('-', '').split('.');
  const kept = fraction.padEnd(decimals, '0');
  if (kept.length > decimals) throw new RangeError(`${text} has more than ${decimals} decimals`);
  const magnitude = BigInt(whole + kept);
  return text.startsWith('-') ? -magnitude : magnitude;
}
