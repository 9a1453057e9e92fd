/**
 * The columns of FOCUS 1.2's Cost and Usage dataset that token usage of a provider with list and contracted prices,
 * sub accounts, regions and tags has: data type, feature level, whether null is allowed, and the values that are.
 * From the specification's requirements model 1.2.0.1 and its column pages (`specification/columns`); a rule's number
 * stands beside what is not plain from a page's table. Not here, because what they are conditional on is not there:
 * availability zones, capacity reservations, commitment discounts, resources, several types of accounts, a pricing
 * currency of its own.
 */

export interface FocusColumn {
  /** `KeyValue`: a String in KeyValueFormat. `Unit`: a String in UnitFormat. */
  type: 'Decimal' | 'String' | 'DateTime' | 'KeyValue' | 'Unit';
  /** Conditional columns are mandatory here, as their conditions hold. */
  level: 'mandatory' | 'conditional' | 'recommended';
  nullable: boolean;
  allowed?: readonly string[];
}

type Details = Partial<Pick<FocusColumn, 'nullable' | 'allowed'>>;

const columnOf =
  (level: FocusColumn['level'], nullable: boolean) =>
  (type: FocusColumn['type'], details: Details = {}): FocusColumn => ({ type, level, nullable, ...details });

const mandatory = columnOf('mandatory', false);
const conditional = columnOf('conditional', true);
const recommended = columnOf('recommended', false);

const NULLABLE = { nullable: true } as const;

export const FOCUS_1_2: Readonly<Record<string, FocusColumn>> = {
  BilledCost: mandatory('Decimal'),
  BillingAccountId: mandatory('String'),
  // Not null where accounts can be named (BillingAccountName-C-003).
  BillingAccountName: mandatory('String'),
  // ISO 4217, a national currency (BillingCurrency-C-003, C-006).
  BillingCurrency: mandatory('String', { allowed: ['USD'] }),
  BillingPeriodEnd: mandatory('DateTime'),
  BillingPeriodStart: mandatory('DateTime'),
  ChargeCategory: mandatory('String', { allowed: ['Usage', 'Purchase', 'Tax', 'Credit', 'Adjustment'] }),
  ChargeClass: mandatory('String', { ...NULLABLE, allowed: ['Correction'] }),
  // May be null, should not (ChargeDescription-C-003).
  ChargeDescription: mandatory('String'),
  ChargeFrequency: recommended('String', { allowed: ['One-Time', 'Recurring', 'Usage-Based'] }),
  ChargePeriodEnd: mandatory('DateTime'),
  ChargePeriodStart: mandatory('DateTime'),
  ConsumedQuantity: conditional('Decimal'),
  ConsumedUnit: conditional('Unit'),
  ContractedCost: mandatory('Decimal'),
  ContractedUnitPrice: conditional('Decimal'),
  EffectiveCost: mandatory('Decimal'),
  InvoiceId: recommended('String', NULLABLE),
  InvoiceIssuerName: mandatory('String'),
  ListCost: mandatory('Decimal'),
  ListUnitPrice: conditional('Decimal'),
  PricingCategory: conditional('String', { allowed: ['Standard', 'Committed', 'Dynamic', 'Other'] }),
  PricingQuantity: mandatory('Decimal', NULLABLE),
  PricingUnit: mandatory('Unit', NULLABLE),
  ProviderName: mandatory('String'),
  PublisherName: mandatory('String'),
  RegionId: conditional('String'),
  RegionName: conditional('String'),
  ServiceCategory: mandatory('String', {
    allowed: [
      'AI and Machine Learning',
      'Analytics',
      'Business Applications',
      'Compute',
      'Databases',
      'Developer Tools',
      'Identity',
      'Integration',
      'Internet of Things',
      'Management and Governance',
      'Media',
      'Migration',
      'Mobile',
      'Multicloud',
      'Networking',
      'Other',
      'Security',
      'Storage',
      'Web',
    ],
  }),
  ServiceName: mandatory('String'),
  // Those whose parent is "AI and Machine Learning" (ServiceSubcategory-C-004).
  ServiceSubcategory: recommended('String', {
    allowed: [
      'AI Platforms',
      'Bots',
      'Generative AI',
      'Machine Learning',
      'Natural Language Processing',
      'Other (AI and Machine Learning)',
    ],
  }),
  SkuId: conditional('String'),
  SkuMeter: conditional('String'),
  SkuPriceDetails: conditional('KeyValue'),
  SkuPriceId: conditional('String'),
  SubAccountId: conditional('String'),
  SubAccountName: conditional('String'),
  Tags: conditional('KeyValue'),
};
