/**
 * What an export reads of the ledger's books at once: a page of entries in D1 and the archived segments that lie in
 * the same span, of one instant. So an entry that an archiving or a restore is moving is in one of the two.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { StoredEntry } from '../../durable-objects/ledger/entry.ts';
import type { Segment } from './archive-segments.ts';
import { segmentsFrom } from './away-segments.ts';
import { statementOf } from './database.ts';

export interface ExportSpan {
  /** Null: all. */
  costCenter: string | null;
  /** Half-open span of `admitted_at`; ISO 8601 in UTC with milliseconds. */
  from: string;
  to: string;
}

/** The columns of an entry that are exported: without what only explains its decision (inputs, standings, tools). */
export const EXPORTED_COLUMNS = [
  'entry_id',
  'turn_id',
  'attempt',
  'kind',
  'corrects',
  'admitted_at',
  'recorded_at',
  'cost_center',
  'developer',
  'key_id',
  'key_tags',
  'session',
  'agent',
  'turn_kind',
  'model_asked',
  'model_served',
  'model_unknown',
  'provider',
  'provider_instance',
  'price_millionths',
  'billed_to',
  'upstream_credential',
  'decision',
  'stage',
  'route',
  'reasons',
  'policy_version',
  'input_tokens',
  'cache_write_5m_tokens',
  'cache_write_1h_tokens',
  'cache_read_tokens',
  'output_tokens',
  'web_search_requests',
  'service_tier',
  'speed',
  'inference_geo',
  'held_nano_usd',
  'expected_nano_usd',
  'asked_nano_usd',
  'list_nano_usd',
  'charged_nano_usd',
  'list_price_version',
  'charged_price_version',
  'estimated',
  'estimated_why',
  'http_status',
  'error_type',
  'stop_reason',
  'upstream_request_id',
] as const satisfies readonly (keyof StoredEntry)[];

export type EntryColumns = Pick<StoredEntry, (typeof EXPORTED_COLUMNS)[number]>;

export interface ExportedEntry extends EntryColumns {
  /** As the cost center was called at the admission, or first, if that was later; null where it was never named. */
  cost_center_name: string | null;
}

/** Where an entry stands in the order of the export. */
export type EntryPosition = Pick<ExportedEntry, 'cost_center' | 'admitted_at' | 'entry_id'>;

/**
 * One page of one cost center; `after` is where to go on. Found through the index of cost center and admission, so
 * that one of a later month costs no more than one of the first.
 */
export function exportQuery(after: EntryPosition, to: string, limit: number): SQL {
  return sql`
    SELECT ${sql.raw(EXPORTED_COLUMNS.join(', '))} FROM ledger_entries INDEXED BY ledger_entries_by_admission
    WHERE cost_center = ${after.cost_center} AND admitted_at < ${to}
      AND (admitted_at, entry_id) > (${after.admitted_at}, ${after.entry_id})
    ORDER BY admitted_at, entry_id LIMIT ${limit}`;
}

/** What stood in the books at one instant. */
export interface LedgerReading {
  /** In D1, at most as many as were asked for. */
  entries: EntryColumns[];
  /** Archived segments after the position, by admission, up to `segmentsUntil`. */
  segments: Segment[];
  /** There may be further segments from this instant on. */
  segmentsUntil: string;
  /** The names the cost center has had, oldest first. */
  costCenterNames: readonly NameSince[];
}

/** A name from an instant on (ISO 8601, UTC). */
export interface NameSince {
  from_at: string;
  name: string;
}

/** Days with so many segments are read at once. */
const SEGMENTS = 100;

/** Reads what comes after a position in its cost center, before `to`. Rejects where D1 is away. */
export async function readLedger(
  db: D1Database,
  after: EntryPosition,
  to: string,
  pageSize: number,
): Promise<LedgerReading> {
  // One batch is one transaction.
  const [entries, segments, names] = await db.batch<unknown>([
    statementOf(db, exportQuery(after, to, pageSize)),
    segmentsFrom(db, { costCenter: after.cost_center, from: after.admitted_at, to }, SEGMENTS),
    db
      .prepare('SELECT from_at, name FROM cost_center_names WHERE cost_center = ? ORDER BY from_at')
      .bind(after.cost_center),
  ]);
  const listed = (segments?.results ?? []) as Segment[];
  const until = listed.length >= SEGMENTS ? dayAfter(listed.at(-1)?.day ?? to) : to;
  return {
    entries: (entries?.results ?? []) as EntryColumns[],
    segments: listed,
    segmentsUntil: until < to ? until : to,
    costCenterNames: (names?.results ?? []) as NameSince[],
  };
}

/** The first instant of the next day. */
function dayAfter(day: string): string {
  return new Date(Date.parse(day) + 86_400_000).toISOString();
}

/** The next cost center that has entries, in D1 or archived, in order of id; null where there is none. */
export async function costCenterAfter(db: D1Database, costCenter: string): Promise<string | null> {
  return await db
    .prepare(
      `SELECT min(next) AS next FROM (
         SELECT min(cost_center) AS next FROM ledger_entries WHERE cost_center > ?1
         UNION ALL SELECT min(cost_center) FROM archive_segments WHERE cost_center > ?1
       )`,
    )
    .bind(costCenter)
    .first<string>('next');
}
