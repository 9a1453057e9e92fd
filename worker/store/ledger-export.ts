/**
 * The ledger in pages, for exports of any size: by cost center, then by admission, each page found through the
 * index of both (ledger_entries_by_admission), so that one of a later month costs no more than one of the first.
 * Memory holds one page. An entry that reaches D1 while an export runs may or may not be in it.
 */
import { sql } from 'drizzle-orm';
import type { EntryKind } from '../../durable-objects/ledger/entry.ts';
import type { Database } from './database.ts';

export interface ExportSpan {
  /** Null: all. */
  costCenter: string | null;
  /** Half-open span of `admitted_at`; ISO 8601 in UTC with milliseconds. */
  from: string;
  to: string;
}

/**
 * An entry as it is exported: without what only explains its decision (inputs, standings, tools). Columns are the
 * ledger's; `…_json` hold JSON text, flags 0 or 1.
 */
export interface ExportedEntry {
  entry_id: string;
  turn_id: string;
  attempt: number;
  kind: EntryKind;
  corrects: string | null;
  admitted_at: string;
  recorded_at: string;
  cost_center: string;
  /** As the cost center was called at the admission, or first, if that was later; null where it was never named. */
  cost_center_name: string | null;
  developer: string;
  key_id: string;
  key_tags: string;
  session: string;
  agent: string | null;
  turn_kind: string;
  model_asked: string;
  model_served: string | null;
  model_unknown: number;
  provider: string | null;
  upstream_credential: string | null;
  decision: string;
  stage: string | null;
  route: string | null;
  reasons: string;
  policy_version: number | null;
  input_tokens: number;
  cache_write_5m_tokens: number;
  cache_write_1h_tokens: number;
  cache_read_tokens: number;
  output_tokens: number;
  web_search_requests: number;
  service_tier: string | null;
  speed: string | null;
  inference_geo: string | null;
  held_nano_usd: number;
  expected_nano_usd: number | null;
  asked_nano_usd: number | null;
  list_nano_usd: number;
  charged_nano_usd: number;
  list_price_version: string;
  charged_price_version: string;
  estimated: number;
  estimated_why: string | null;
  http_status: number | null;
  error_type: string | null;
  stop_reason: string | null;
  upstream_request_id: string | null;
}

const NAME_THEN = `(
  SELECT n.name FROM cost_center_names n WHERE n.cost_center = ledger_entries.cost_center
  ORDER BY n.from_at > admitted_at, CASE WHEN n.from_at <= admitted_at THEN n.from_at END DESC, n.from_at LIMIT 1
)`;

const COLUMNS = sql.raw(
  `entry_id, turn_id, attempt, kind, corrects, admitted_at, recorded_at, cost_center,
  ${NAME_THEN} AS cost_center_name, developer, key_id, key_tags,
  session, agent, turn_kind, model_asked, model_served, model_unknown, provider, upstream_credential, decision,
  stage, route, reasons, policy_version, input_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
  cache_read_tokens, output_tokens, web_search_requests, service_tier, speed, inference_geo, held_nano_usd,
  expected_nano_usd, asked_nano_usd, list_nano_usd, charged_nano_usd, list_price_version,
  charged_price_version, estimated, estimated_why, http_status, error_type, stop_reason, upstream_request_id`,
);

/** Where an entry stands in the order of the export. */
export type EntryPosition = Pick<ExportedEntry, 'cost_center' | 'admitted_at' | 'entry_id'>;

/** One page of one cost center; `after` is where to go on. */
export function exportQuery(after: EntryPosition, to: string, limit: number) {
  return sql`
    SELECT ${COLUMNS} FROM ledger_entries INDEXED BY ledger_entries_by_admission
    WHERE cost_center = ${after.cost_center} AND admitted_at < ${to}
      AND (admitted_at, entry_id) > (${after.admitted_at}, ${after.entry_id})
    ORDER BY admitted_at, entry_id LIMIT ${limit}`;
}

/** Every entry of the span after `after` (null: from its beginning), never more than `pageSize` at once. */
export async function* ledgerPages(
  database: Database,
  span: ExportSpan,
  after: EntryPosition | null,
  pageSize: number,
): AsyncGenerator<ExportedEntry[]> {
  let costCenter = span.costCenter ?? after?.cost_center ?? (await costCenterAfter(database, ''));
  let position = after;
  while (costCenter !== null) {
    position ??= { cost_center: costCenter, admitted_at: span.from, entry_id: '' };
    const page: ExportedEntry[] = await database.all(exportQuery(position, span.to, pageSize));
    if (page.length > 0) yield page;
    if (page.length === pageSize) {
      position = page.at(-1) ?? null;
    } else {
      position = null;
      costCenter = span.costCenter === null ? await costCenterAfter(database, costCenter) : null;
    }
  }
}

/** The next one that has entries, in order of id. */
async function costCenterAfter(database: Database, costCenter: string): Promise<string | null> {
  const [row] = await database.all<{ next: string | null }>(
    sql`SELECT min(cost_center) AS next FROM ledger_entries WHERE cost_center > ${costCenter}`,
  );
  return row?.next ?? null;
}
