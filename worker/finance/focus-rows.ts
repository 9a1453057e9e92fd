/**
 * The ledger as FOCUS 1.2 (FinOps Open Cost and Usage Specification) has costs: one row an entry and kind of
 * token. Refusals and failures, which cost nothing, have none. The sum of BilledCost is the ledger's, exactly, less what
 * developers paid themselves.
 *
 * Every correction entry is ChargeClass "Correction", also one of the running month: a charge may have been
 * reported when its correction comes, and Bursar doesn't know which invoice is out.
 */
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import type { Catalogue } from '../../durable-objects/core/catalogue/types.ts';
import type { ExportedEntry } from '../store/ledger-export.ts';
import { formatDecimal } from './decimal.ts';
import { billerOf } from './focus-biller.ts';
import { COST_DECIMALS, type CostPart, costParts, UNIT_PRICE_DECIMALS } from './focus-cost.ts';
import { type Meter, TOKEN_METERS, TURN_METER, WEB_SEARCH_METER } from './focus-meters.ts';
import type { Column } from './row-format.ts';

export interface FocusRow {
  entry: ExportedEntry;
  part: CostPart;
  line: string | null;
}

const NANO_DECIMALS = 9;

export function focusRows(entry: ExportedEntry, catalogue: Catalogue): FocusRow[] {
  const model = entry.model_served === null ? null : findModel(catalogue, entry.model_served);
  return costParts(entry, catalogue).map((part) => ({ entry, part, line: model?.line ?? null }));
}

function money(units: bigint | null, decimals: number): string | null {
  return units === null ? null : formatDecimal(units, decimals);
}

function isoSecond(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** The first moment of the day of admission, and of the one after. */
function dayOf({ admitted_at: at }: ExportedEntry, add: number): string {
  const [year, month, day] = [Number(at.slice(0, 4)), Number(at.slice(5, 7)), Number(at.slice(8, 10))];
  return isoSecond(new Date(Date.UTC(year, month - 1, day + add)));
}

function monthOf({ admitted_at: at }: ExportedEntry, add: number): string {
  return isoSecond(new Date(Date.UTC(Number(at.slice(0, 4)), Number(at.slice(5, 7)) - 1 + add, 1)));
}

function modelId({ model_served: served, model_asked: asked }: ExportedEntry): string {
  return served ?? asked;
}

function skuId({ entry, part }: FocusRow): string {
  return `${modelId(entry)}/${part.meter.id}`;
}

/** What a price list has a price for: the SKU in its tier of prompts, at its speed and place. */
function skuPriceId(row: FocusRow): string {
  const { entry, part } = row;
  const tier = part.tierUpTo === undefined ? [] : [part.tierUpTo === null ? 'long' : `to-${part.tierUpTo}`];
  const modifiers = isToken(part.meter)
    ? [
        ...(entry.speed === 'fast' ? ['fast'] : []),
        ...(entry.inference_geo === 'us' ? ['us'] : []),
        ...(entry.price_millionths === null ? [] : [`x${entry.price_millionths / 1_000_000}`]),
      ]
    : [];
  return [skuId(row), ...tier, ...modifiers].join('/');
}

function isToken(meter: Meter): boolean {
  return meter !== WEB_SEARCH_METER && meter !== TURN_METER;
}

function priceDetails({ entry, part, line }: FocusRow): string {
  const model = modelId(entry);
  const tokenType = TOKEN_METERS.find((meter) => meter === part.meter)?.tokenType;
  const version = /\d+(?:-\d{1,2})?(?=-|$)/.exec(model)?.[0].replace('-', '.');
  return JSON.stringify({
    ModelDeveloper: 'Anthropic',
    ...(line === null ? {} : { ModelFamily: line }),
    ModelId: model,
    ...(version === undefined ? {} : { ModelVersion: version }),
    ...(tokenType === undefined ? {} : { TokenType: tokenType }),
  });
}

/** The key's own tags, and the cost center under a prefix that tells it from them. */
function tags({ cost_center, key_tags }: ExportedEntry): string {
  const own: unknown = JSON.parse(key_tags);
  return JSON.stringify({ ...Object(own), 'bursar:cost_center': cost_center });
}

function describe({ entry, part }: FocusRow): string {
  const what = `${part.meter.skuMeter} of ${modelId(entry)}`;
  return entry.kind === 'correction' ? `Correction of entry ${entry.corrects ?? '?'}: ${what}` : what;
}

const text = (name: string, of: Column<FocusRow>['of']): Column<FocusRow> => ({ name, type: 'text', of });
const decimal = (name: string, of: Column<FocusRow>['of']): Column<FocusRow> => ({
  name,
  type: 'number',
  of,
});
const json = (name: string, of: Column<FocusRow>['of']): Column<FocusRow> => ({ name, type: 'json', of });

const quantity = ({ part }: FocusRow): string => formatDecimal(part.items, part.meter.decimals);
/** What a developer pays with a credential of their own is on no invoice of the organisation's. */
const billed = ({ entry, part }: FocusRow): string =>
  formatDecimal(entry.billed_to === null ? part.billedNanoUsd : 0n, NANO_DECIMALS);

/** FOCUS's own columns that apply, in the order of their names, then Bursar's. */
export const FOCUS_COLUMNS: readonly Column<FocusRow>[] = [
  decimal('BilledCost', billed),
  text('BillingAccountId', ({ entry }) => billerOf(entry).account),
  text('BillingAccountName', ({ entry }) => billerOf(entry).account),
  text('BillingCurrency', () => 'USD'),
  text('BillingPeriodEnd', ({ entry }) => monthOf(entry, 1)),
  text('BillingPeriodStart', ({ entry }) => monthOf(entry, 0)),
  text('ChargeCategory', () => 'Usage'),
  text('ChargeClass', ({ entry }) => (entry.kind === 'correction' ? 'Correction' : null)),
  text('ChargeDescription', describe),
  text('ChargeFrequency', () => 'Usage-Based'),
  text('ChargePeriodEnd', ({ entry }) => dayOf(entry, 1)),
  text('ChargePeriodStart', ({ entry }) => dayOf(entry, 0)),
  decimal('ConsumedQuantity', ({ part }) => formatDecimal(part.items, 0)),
  text('ConsumedUnit', ({ part }) => part.meter.consumedUnit),
  decimal('ContractedCost', ({ part }) => money(part.contractedCost, COST_DECIMALS)),
  decimal('ContractedUnitPrice', ({ part }) => money(part.contractedUnitPrice, UNIT_PRICE_DECIMALS)),
  decimal('EffectiveCost', billed),
  text('InvoiceId', () => null),
  text('InvoiceIssuerName', ({ entry }) => billerOf(entry).issuer),
  decimal('ListCost', ({ part }) => money(part.listCost, COST_DECIMALS)),
  decimal('ListUnitPrice', ({ part }) => money(part.listUnitPrice, UNIT_PRICE_DECIMALS)),
  text('PricingCategory', () => 'Standard'),
  decimal('PricingQuantity', quantity),
  text('PricingUnit', ({ part }) => part.meter.pricingUnit),
  text('ProviderName', ({ entry }) => billerOf(entry).provider),
  text('PublisherName', () => 'Anthropic'),
  text('RegionId', ({ entry }) => entry.inference_geo),
  text('RegionName', ({ entry }) => entry.inference_geo),
  text('ServiceCategory', () => 'AI and Machine Learning'),
  text('ServiceName', ({ entry }) => billerOf(entry).service),
  text('ServiceSubcategory', () => 'Generative AI'),
  text('SkuId', skuId),
  text('SkuMeter', ({ part }) => part.meter.skuMeter),
  json('SkuPriceDetails', priceDetails),
  text('SkuPriceId', skuPriceId),
  text('SubAccountId', ({ entry }) => entry.cost_center),
  text('SubAccountName', ({ entry }) => entry.cost_center_name ?? entry.cost_center),
  json('Tags', ({ entry }) => tags(entry)),
  text('x_AdmittedAt', ({ entry }) => entry.admitted_at),
  text('x_Corrects', ({ entry }) => entry.corrects),
  text('x_Developer', ({ entry }) => entry.developer),
  text('x_EntryId', ({ entry }) => entry.entry_id),
  text('x_Estimated', ({ entry }) => (entry.estimated === 1 ? 'true' : 'false')),
  text('x_ModelAsked', ({ entry }) => entry.model_asked),
  text('x_PriceBasis', ({ part }) => part.basis),
  text('x_Session', ({ entry }) => entry.session),
  text('x_TurnId', ({ entry }) => entry.turn_id),
  text('x_TurnKind', ({ entry }) => entry.turn_kind),
];
