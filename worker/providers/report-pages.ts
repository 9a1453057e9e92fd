/**
 * Reads one of Anthropic's organisation reports to its end: `GET /v1/organizations/analytics/{cost|usage}`, day by
 * day and by API key and model. Shape: `ReportPageCursor` of @anthropic-ai/sdk 1.12 (beta analytics).
 *
 * A report that cannot be read whole is a problem, never a shorter report. A page that does not come is asked for
 * again a few times; a row that is repeated, on the same page or another, counts once, and one that is repeated
 * with other figures makes the report contradictory: it was refreshed while it was read.
 */
import { z } from 'zod';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';

export interface ReportAccess {
  /** Scheme and host of the API. */
  url: string;
  adminKey: string;
  anthropicVersion: string;
}

/** Whole UTC days, at most 31; ISO 8601. */
export interface ReportSpan {
  from: string;
  to: string;
}

export type ReportProblem =
  /** An answer other than 200: 401, 403 and 404 where the key may not ask. */
  | { why: 'refused'; status: number }
  | { why: 'unreachable'; error: string }
  /** Not the report's answer. */
  | { why: 'unreadable'; error: string }
  /** Two rows say different things of the same day, key and model. */
  | { why: 'contradictory'; error: string };

export interface Report<Row> {
  rows: Row[];
  /** Up to when everything is in it, epoch ms; null where the API did not say. */
  refreshedAtMs: number | null;
}

const BETA = 'analytics-usage-cost-2026-08-24';
const PAGE_LIMIT = 1_000;
/** A report that never comes to an end is not read to it. */
const MAX_PAGES = 50;
const TIMEOUT_MS = 30_000;
const TRIES = 3;
const FIRST_WAIT_MS = 200;

const pageSchema = z.object({
  data: z.array(z.unknown()),
  has_more: z.boolean(),
  next_page: z.string().nullish(),
  data_refreshed_at: z.iso.datetime({ offset: true }).nullish(),
});
type Page = z.output<typeof pageSchema>;

function addressOf({ url }: ReportAccess, report: string, span: ReportSpan, page: string | null): string {
  const query = new URLSearchParams({
    starting_at: span.from,
    ending_at: span.to,
    time_bucket_width: '1d',
    limit: String(PAGE_LIMIT),
    order_by: 'time',
    order: 'asc',
  });
  for (const dimension of ['api_key_id', 'model']) query.append('group_by[]', dimension);
  if (page !== null) query.set('page', page);
  return `${url}/v1/organizations/analytics/${report}?${query}`;
}

async function askOnce(access: ReportAccess, address: string): Promise<Result<Page, ReportProblem>> {
  try {
    const response = await fetch(address, {
      headers: {
        accept: 'application/json',
        'x-api-key': access.adminKey,
        'anthropic-version': access.anthropicVersion,
        'anthropic-beta': BETA,
      },
      // A redirect is an answer, not a place to take the key to.
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      return err({ why: 'refused', status: response.status });
    }
    const page = pageSchema.safeParse(await response.json().catch(() => undefined));
    return page.success ? ok(page.data) : err({ why: 'unreadable', error: z.prettifyError(page.error) });
  } catch (error) {
    return err({ why: 'unreachable', error: String(error) });
  }
}

function isPassing(problem: ReportProblem): boolean {
  if (problem.why === 'refused') return problem.status === 429 || problem.status >= 500;
  return problem.why === 'unreachable';
}

/** One page, asked for again where asking again can help. */
async function readPage(access: ReportAccess, address: string): Promise<Result<Page, ReportProblem>> {
  for (let tries = 1; ; tries += 1) {
    const page = await askOnce(access, address);
    if (page.ok || tries === TRIES || !isPassing(page.error)) return page;
    await new Promise((resolve) => setTimeout(resolve, FIRST_WAIT_MS * 2 ** (tries - 1)));
  }
}

/** The rows of `report`; `row` reads one, `nameOf` says what it is about. Never rejects. */
export async function readReport<Row>(
  access: ReportAccess,
  report: 'cost' | 'usage',
  span: ReportSpan,
  { row, nameOf }: { row: z.ZodType<Row>; nameOf: (row: Row) => string },
): Promise<Result<Report<Row>, ReportProblem>> {
  const rows = new Map<string, { row: Row; text: string }>();
  const refreshed: (number | null)[] = [];
  const seen = new Set<string>();
  for (let next: string | null = null; seen.size < MAX_PAGES; ) {
    const page = await readPage(access, addressOf(access, report, span, next));
    if (!page.ok) return page;
    const { data, has_more: hasMore, next_page: nextPage = null, data_refreshed_at: at } = page.value;
    refreshed.push(at == null ? null : Date.parse(at));
    for (const each of data) {
      const parsed = row.safeParse(each);
      if (!parsed.success) return err({ why: 'unreadable', error: z.prettifyError(parsed.error) });
      const name = nameOf(parsed.data);
      const text = JSON.stringify(each);
      if ((rows.get(name)?.text ?? text) !== text) return err({ why: 'contradictory', error: name });
      rows.set(name, { row: parsed.data, text });
    }
    if (!hasMore) {
      const refreshedAtMs = refreshed.includes(null)
        ? null
        : Math.min(...refreshed.filter((each) => each !== null));
      return ok({ rows: [...rows.values()].map((each) => each.row), refreshedAtMs });
    }
    if (nextPage === null || seen.has(nextPage)) break;
    seen.add(nextPage);
    next = nextPage;
  }
  return err({ why: 'unreadable', error: `the report does not end after ${seen.size + 1} pages` });
}
