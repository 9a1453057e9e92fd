/** Fields that several admin requests share. Each is checked here once, and what it is turned into is normal. */
import { z } from '@hono/zod-openapi';
import {
  MAX_LIMIT_NANO_USD,
  NANO_PER_USD,
  type NanoUsd,
  parseUsd,
} from '../../../durable-objects/core/money.ts';
import { isTimezone } from '../../../durable-objects/core/window.ts';

const COST_CENTER_ID = /^[a-z0-9-]{1,63}$/;

export const costCenterId = z
  .string()
  .regex(COST_CENTER_ID, 'expected 1 to 63 of a-z, 0-9 and "-"')
  .openapi({ example: 'platform-squad' });

/** A name for people, without spaces around it. */
export const displayName = z.string().trim().min(1).max(200);

export const timezone = z
  .string()
  .refine(isTimezone, 'expected the name of an IANA time zone such as "Europe/Berlin"')
  .openapi({ example: 'Europe/Berlin' });

/** An e-mail or other id of a developer: case is no difference. */
export const developer = z
  .string()
  .trim()
  .toLowerCase()
  .min(1)
  .max(320)
  .openapi({ example: 'dev@example.com' });

const MAX_TAGS = 32;

/** Exports put tags of their own beside a key's, under this prefix. */
const RESERVED_PREFIX = 'bursar:';

export const tags = z
  .record(z.string().min(1).max(64), z.string().max(256))
  .refine((each) => Object.keys(each).length <= MAX_TAGS, `expected at most ${MAX_TAGS} tags`)
  .refine(
    (each) => !Object.keys(each).some((name) => name.startsWith(RESERVED_PREFIX)),
    `expected names that do not begin with "${RESERVED_PREFIX}"`,
  );

export const reason = z
  .string('expected a reason')
  .trim()
  .min(1, 'expected a reason')
  .max(500, 'expected at most 500 characters');

/** A session as its client names it, opaque; turns cut longer names to this. */
export const session = z
  .string()
  .min(1)
  .max(200)
  .openapi({ example: '0a1b2c3d-0000-4000-8000-000000000000' });

const AMOUNT_ERROR = `expected US dollars above 0 and up to ${MAX_LIMIT_NANO_USD / NANO_PER_USD} as a decimal string such as "500.00"`;

/** An amount of US dollars, turned into nano-USD. */
export const positiveUsd = z
  .string()
  .transform((text, context): NanoUsd => {
    const amount = parseUsd(text);
    if (amount !== null && amount > 0 && amount <= MAX_LIMIT_NANO_USD) return amount;
    context.addIssue({ code: 'custom', message: AMOUNT_ERROR });
    return z.NEVER;
  })
  .openapi({ type: 'string', example: '500.00' });

const isoInstant = z.iso.datetime({
  offset: true,
  abort: true,
  error: 'expected an instant such as "2026-11-24T08:00:00Z"',
});

/** An instant that is still to come, turned into ISO 8601 in UTC with milliseconds. */
export const futureInstant = isoInstant
  .refine((text) => Date.parse(text) > Date.now(), 'expected an instant in the future')
  .transform((text) => new Date(text).toISOString());

const isoDate = z.iso.date();

/** A date (its first moment in UTC) or an instant, turned into ISO 8601 in UTC with milliseconds. */
export const moment = z
  .string()
  .refine((text) => isoDate.safeParse(text).success || isoInstant.safeParse(text).success, {
    error: 'expected a date such as "2026-11-24" or an instant such as "2026-11-24T08:00:00Z"',
    // Spans are only compared where both ends are moments.
    abort: true,
  })
  .transform((text, context) => {
    const instant = new Date(text);
    if (!Number.isNaN(instant.getTime())) return instant.toISOString();
    context.addIssue({ code: 'custom', message: 'expected a moment that exists' });
    return z.NEVER;
  });

/** Refuses a span that ends before it begins; half-open, so an empty one is fine. */
export function endsAfterItBegins(span: { from?: string | undefined; to?: string | undefined }): boolean {
  return span.from === undefined || span.to === undefined || span.from <= span.to;
}

export const SPAN_ERROR = { path: ['from'], error: '"from" is after "to"' };
