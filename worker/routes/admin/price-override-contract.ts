/** What a negotiated price looks like in requests and answers. */
import { z } from '@hono/zod-openapi';
import { findModel } from '../../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import type { NewPriceOverride } from '../../store/price-overrides.ts';
import { futureInstant, reason } from './fields.ts';
import { pageQuery } from './paging.ts';

const PERCENT = /^(\d{1,3})(?:\.(\d{1,4}))?$/;
const MAX_PERCENT_MILLIONTHS = 1_000_000;

/** "12.5" is 125,000 millionths. */
const percentOff = z
  .string()
  .transform((text, context): number => {
    const [, whole = '0', fraction = ''] = PERCENT.exec(text) ?? [];
    const millionths = Number(whole) * 10_000 + Number(fraction.padEnd(4, '0'));
    if (PERCENT.test(text) && millionths <= MAX_PERCENT_MILLIONTHS) return millionths;
    const message =
      'expected a percentage from 0 to 100 as a decimal string such as "12.5", at most 4 decimals';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  })
  .openapi({ type: 'string', example: '12.5' });

const PRICE = /^(\d{1,4})(?:\.(\d{1,6}))?$/;

/** USD a million tokens, turned into pico-USD a token. */
const perMillion = z
  .string()
  .transform((text, context): number => {
    const match = PRICE.exec(text);
    if (match) return Number(match[1]) * 1_000_000 + Number((match[2] ?? '').padEnd(6, '0'));
    const message =
      'expected US dollars a million tokens as a decimal string such as "3.75", at most 6 decimals';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  })
  .openapi({ type: 'string', example: '3.75' });

/** An id, alias or snapshot, turned into the catalogue's own id. */
const knownModel = z
  .string()
  .transform((text, context): string => {
    const model = findModel(builtinCatalogue, text);
    if (model) return model.id;
    const known = builtinCatalogue.models.map(({ id }) => id).join(', ');
    context.addIssue({ code: 'custom', message: `expected null for every model, or one of ${known}` });
    return z.NEVER;
  })
  .openapi({ type: 'string', example: 'claude-opus-5-5' });

const isoInstant = z.iso.datetime({
  offset: true,
  abort: true,
  error: 'expected an instant such as "2026-12-01T00:00:00Z"',
});

/** Turns of the past are settled and keep their prices. */
const effectiveFrom = isoInstant
  .refine(
    (text) => Date.parse(text) > Date.now(),
    'expected an instant in the future: turns admitted before now are charged already and keep their prices; choose when the new ones begin',
  )
  .transform((text) => new Date(text).toISOString());

const EXACTLY_ONE = 'expected exactly one of "percent_off" and "prices"';

/** Checked where the fields are wrong too, so that everything is said at once. */
const onceReadable = { when: () => true };

function isObject(value: unknown): value is Record<string, unknown> {
  return value instanceof Object;
}

export const newPriceOverride = z
  .strictObject({
    model: knownModel.nullable().openapi({ description: 'Null: every model; a model’s own goes before it.' }),
    percent_off: percentOff.optional().openapi({ description: 'Off every token price of the list.' }),
    prices: z
      .strictObject({
        input: perMillion,
        cache_write_5m: perMillion,
        cache_write_1h: perMillion,
        cache_read: perMillion,
        output: perMillion,
      })
      .optional()
      .openapi({ description: 'In place of the list’s, whatever the size of the prompt.' }),
    effective_from: effectiveFrom.openapi({ description: 'Turns admitted from then on; in the future.' }),
    effective_until: futureInstant
      .optional()
      .openapi({ description: 'Turns admitted before; open where absent.' }),
    reason,
  })
  .refine((given) => !isObject(given) || 'percent_off' in given !== 'prices' in given, {
    path: ['percent_off'],
    error: EXACTLY_ONE,
    ...onceReadable,
  })
  .refine((given) => isSpan(given), {
    path: ['effective_until'],
    error: 'expected an instant after "effective_from"',
    ...onceReadable,
  })
  .openapi('NewPriceOverride');

/** True where it can't be told: what is no instant is refused as such. */
function isSpan(given: unknown): boolean {
  if (!isObject(given)) return true;
  const { effective_from: from, effective_until: until } = given;
  if (typeof from !== 'string' || typeof until !== 'string') return true;
  return !(Date.parse(until) <= Date.parse(from));
}

const NO_PRICES = { input: null, cacheWrite5m: null, cacheWrite1h: null, cacheRead: null, output: null };

export function toNewPriceOverride(given: z.output<typeof newPriceOverride>): NewPriceOverride {
  const { prices } = given;
  return {
    model: given.model,
    percentOffMillionths: given.percent_off ?? null,
    ...(prices
      ? {
          input: prices.input,
          cacheWrite5m: prices.cache_write_5m,
          cacheWrite1h: prices.cache_write_1h,
          cacheRead: prices.cache_read,
          output: prices.output,
        }
      : NO_PRICES),
    effectiveFrom: given.effective_from,
    effectiveUntil: given.effective_until ?? null,
    reason: given.reason,
  };
}

export const priceOverrideParams = z.object({ price_override_id: z.string() });
export const priceOverrideQuery = z.strictObject(pageQuery);

const usdPerMillion = z.string().openapi({ description: 'US dollars a million tokens.', example: '3.75' });

export const priceOverrideView = z
  .object({
    id: z.string(),
    model: z.string().nullable(),
    percent_off: z.string().nullable(),
    prices: z
      .object({
        input: usdPerMillion,
        cache_write_5m: usdPerMillion,
        cache_write_1h: usdPerMillion,
        cache_read: usdPerMillion,
        output: usdPerMillion,
      })
      .nullable(),
    effective_from: z.string(),
    effective_until: z.string().nullable(),
    reason: z.string(),
    ended_at: z.string().nullable().openapi({ description: 'Null unless somebody ended it.' }),
    created_at: z.string(),
  })
  .openapi('PriceOverride');
