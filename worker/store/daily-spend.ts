/**
 * The rows of the view `report_daily_spend` (migrations/0010_views_over_rollups.sql) in pages, a day at a time. The
 * same before and after a day is rolled up, and archived.
 */
import { sql } from 'drizzle-orm';
import type { Database } from './database.ts';
import type { ExportSpan } from './ledger-export.ts';

export interface DailySpend {
  /** UTC, of the admission. */
  day: string;
  cost_center: string;
  developer: string;
  model: string;
  turn_kind: string;
  provider: string;
  charges: number;
  corrections: number;
  refusals: number;
  failures: number;
  estimated_charges: number;
  input_tokens: number;
  cache_write_5m_tokens: number;
  cache_write_1h_tokens: number;
  cache_read_tokens: number;
  output_tokens: number;
  web_search_requests: number;
  list_nano_usd: number;
  charged_nano_usd: number;
}

/** Where a row stands in the order of the export. */
export type DailyPosition = Pick<
  DailySpend,
  'day' | 'cost_center' | 'developer' | 'model' | 'turn_kind' | 'provider'
>;

const DAY_MS = 86_400_000;

/** One page of one day, through the index of days. */
export function dailyQuery(after: DailyPosition, costCenter: string | null, limit: number) {
  const whose = costCenter === null ? sql`` : sql`AND cost_center = ${costCenter}`;
  return sql`
    SELECT * FROM report_daily_spend
    WHERE day = ${after.day} ${whose} AND (cost_center, developer, model, turn_kind, provider)
      > (${after.cost_center}, ${after.developer}, ${after.model}, ${after.turn_kind}, ${after.provider})
    ORDER BY cost_center, developer, model, turn_kind, provider LIMIT ${limit}`;
}

function beginningOf(day: string): DailyPosition {
  return { day, cost_center: '', developer: '', model: '', turn_kind: '', provider: '' };
}

/**
 * Every row of the span after `after` (null: from its beginning), never more than `pageSize` at once. The span's
 * ends are midnights in UTC: a part of a day is no row.
 */
export async function* dailyPages(
  database: Database,
  span: ExportSpan,
  after: DailyPosition | null,
  pageSize: number,
): AsyncGenerator<DailySpend[]> {
  let position = after ?? beginningOf(span.from.slice(0, 10));
  while (position.day < span.to.slice(0, 10)) {
    const page: DailySpend[] = await database.all(dailyQuery(position, span.costCenter, pageSize));
    if (page.length > 0) yield page;
    const last = page.at(-1);
    const isMore = page.length === pageSize && last !== undefined;
    position = isMore ? last : beginningOf(dayAfter(position.day));
  }
}

function dayAfter(day: string): string {
  return new Date(Date.parse(day) + DAY_MS).toISOString().slice(0, 10);
}
