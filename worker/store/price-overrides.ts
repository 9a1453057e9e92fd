/**
 * Negotiated prices: the rows, their changes, and how the API and the audit log show them. Their terms are never
 * changed: turns were charged by them. An override ends by itself at `effectiveUntil`, or earlier where `endedAt` is
 * set, and never for turns that were admitted before.
 */

import { and, desc, eq, gt, isNull, lt, or, type SQL, sql } from 'drizzle-orm';
import { timeOrderedId } from '../../durable-objects/ledger/time-ordered-id.ts';
import { type Authorship, commitForEveryone, type Outcome, untilCommitted } from './change.ts';
import type { Database } from './database.ts';
import { priceOverrides } from './price-tables.ts';

export type PriceOverrideRow = typeof priceOverrides.$inferSelect;

export type NewPriceOverride = Omit<PriceOverrideRow, 'id' | 'endedAt' | 'createdAt'>;

/** Integers of 10⁻⁶ as a decimal string without needless zeros: "12.5", "3". */
function decimal(millionths: number): string {
  const whole = Math.trunc(millionths / 1_000_000);
  const fraction = String(millionths % 1_000_000)
    .padStart(6, '0')
    .replace(/0+$/, '');
  return fraction === '' ? String(whole) : `${whole}.${fraction}`;
}

/** Pico-USD a token is USD a million tokens in millionths. */
function pricesOf(row: PriceOverrideRow) {
  const { input, cacheWrite5m, cacheWrite1h, cacheRead, output } = row;
  if (input === null) return null;
  return {
    input: decimal(input),
    cache_write_5m: decimal(cacheWrite5m ?? 0),
    cache_write_1h: decimal(cacheWrite1h ?? 0),
    cache_read: decimal(cacheRead ?? 0),
    output: decimal(output ?? 0),
  };
}

export function viewOfPriceOverride(row: PriceOverrideRow) {
  const { percentOffMillionths: off } = row;
  return {
    id: row.id,
    model: row.model,
    percent_off: off === null ? null : decimal(off * 100),
    prices: pricesOf(row),
    effective_from: row.effectiveFrom,
    effective_until: row.effectiveUntil,
    reason: row.reason,
    ended_at: row.endedAt,
    created_at: row.createdAt,
  };
}

function newId(at: string): string {
  return `price_${timeOrderedId(Date.parse(at))}`;
}

/** Overrides of the same model (or of every model) that are not ended and share an instant with a span. */
function overlaps(
  span: Pick<NewPriceOverride, 'model' | 'effectiveFrom' | 'effectiveUntil'>,
): SQL | undefined {
  const { model, effectiveFrom, effectiveUntil } = span;
  return and(
    model === null ? isNull(priceOverrides.model) : eq(priceOverrides.model, model),
    isNull(priceOverrides.endedAt),
    or(isNull(priceOverrides.effectiveUntil), gt(priceOverrides.effectiveUntil, effectiveFrom)),
    effectiveUntil === null ? undefined : lt(priceOverrides.effectiveFrom, effectiveUntil),
  );
}

/** The first override that stands in the way of one with this span; null where none does. */
export async function findOverlap(
  database: Database,
  span: Pick<NewPriceOverride, 'model' | 'effectiveFrom' | 'effectiveUntil'>,
): Promise<PriceOverrideRow | null> {
  const [row] = await database
    .select()
    .from(priceOverrides)
    .where(overlaps(span))
    .orderBy(priceOverrides.effectiveFrom)
    .limit(1);
  return row ?? null;
}

/** Adds an override; the one that it would overlap with where there is one, and then nothing is changed. */
export async function createPriceOverride(
  database: Database,
  fields: NewPriceOverride,
  authorship: Authorship,
): Promise<{ created: PriceOverrideRow } | { overlapping: PriceOverrideRow } | 'contended'> {
  const { at } = authorship;
  const row = { ...fields, id: newId(at), endedAt: null, createdAt: at };
  return await untilCommitted(async () => {
    const overlapping = await findOverlap(database, fields);
    if (overlapping) return { overlapping };
    const isCommitted = await commitForEveryone(
      database,
      {
        action: 'price_override.create',
        target: row.id,
        before: null,
        after: viewOfPriceOverride(row),
        provided: sql`NOT EXISTS (SELECT 1 FROM ${priceOverrides} WHERE ${overlaps(fields)})`,
        statements: [database.insert(priceOverrides).values(row)],
      },
      authorship,
    );
    return isCommitted ? { created: row } : 'stale';
  });
}

/** Newest first; `after` is the id of the last one seen. */
export async function listPriceOverrides(
  database: Database,
  page: { after: string | null; limit: number },
): Promise<PriceOverrideRow[]> {
  const before = page.after === null ? undefined : lt(priceOverrides.id, page.after);
  return await database
    .select()
    .from(priceOverrides)
    .where(before)
    .orderBy(desc(priceOverrides.id))
    .limit(page.limit);
}

/** Whether it concerns no further turn at an instant (ISO 8601, UTC). */
function isOver({ endedAt, effectiveUntil }: PriceOverrideRow, at: string): boolean {
  return endedAt !== null || (effectiveUntil !== null && effectiveUntil <= at);
}

/** Ends an override now. One that is over, ended or run out, stays as it is. */
export async function endPriceOverride(
  database: Database,
  id: string,
  authorship: Authorship,
): Promise<Outcome<PriceOverrideRow>> {
  const { at } = authorship;
  return await untilCommitted(async () => {
    const [present] = await database.select().from(priceOverrides).where(eq(priceOverrides.id, id));
    if (!present) return 'unknown';
    if (isOver(present, at)) return present;
    const row = { ...present, endedAt: at };
    const isOpen = and(eq(priceOverrides.id, id), isNull(priceOverrides.endedAt));
    const isCommitted = await commitForEveryone(
      database,
      {
        action: 'price_override.end',
        target: id,
        before: viewOfPriceOverride(present),
        after: viewOfPriceOverride(row),
        provided: sql`EXISTS (SELECT 1 FROM ${priceOverrides} WHERE ${isOpen})`,
        statements: [database.update(priceOverrides).set({ endedAt: at }).where(isOpen)],
      },
      authorship,
    );
    return isCommitted ? row : 'stale';
  });
}
