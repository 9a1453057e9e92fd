/**
 * What Anthropic says it will bill: cost and usage of finished days by API key and model, joined. Amounts are after
 * discounts and before credits (`amount`) and at list price (`list_amount`). Read leniently where money is not
 * concerned: usage that is missing for a row of cost is null, not a problem.
 */
import { z } from 'zod';
import { ok, type Result } from '../../durable-objects/core/result.ts';
import { cents, type FineUsd } from './cents.ts';
import {
  type Report,
  type ReportAccess,
  type ReportProblem,
  type ReportSpan,
  readReport,
} from './report-pages.ts';

/** Tokens as the report counts them. */
export interface ReportedUsage {
  inputTokens: number;
  cacheWrite5mTokens: number;
  cacheWrite1hTokens: number;
  cacheReadTokens: number;
  outputTokens: number;
}

/** One day's cost of a key and a model. */
export interface ReportedCost {
  /** The beginning of the UTC day, ISO 8601 with milliseconds. */
  day: string;
  /** Null: usage that no API key authenticated. */
  apiKeyId: string | null;
  /** Null: cost of no model, such as code execution. */
  model: string | null;
  amount: FineUsd;
  listAmount: FineUsd;
  requests: number | null;
  usage: ReportedUsage | null;
}

const instant = z.iso.datetime({ offset: true }).transform((text) => new Date(text).toISOString());
const group = z.object({ api_key_id: z.string().nullish(), model: z.string().nullish() });
const count = z.int().nonnegative();

const costRow = z.object({
  starting_at: instant,
  group,
  cost: z.object({
    amount: cents,
    list_amount: cents,
    currency: z.literal('USD'),
    requests: count.nullish(),
  }),
});

const usageRow = z.object({
  starting_at: instant,
  group,
  usage: z.object({
    uncached_input_tokens: count,
    cache_creation: z.object({ ephemeral_1h_input_tokens: count, ephemeral_5m_input_tokens: count }),
    cache_read_input_tokens: count,
    output_tokens: count,
  }),
});

function nameOf(row: { starting_at: string; group: z.output<typeof group> }): string {
  return JSON.stringify([row.starting_at, row.group.api_key_id ?? null, row.group.model ?? null]);
}

function toUsage({ usage }: z.output<typeof usageRow>): ReportedUsage {
  return {
    inputTokens: usage.uncached_input_tokens,
    cacheWrite5mTokens: usage.cache_creation.ephemeral_5m_input_tokens,
    cacheWrite1hTokens: usage.cache_creation.ephemeral_1h_input_tokens,
    cacheReadTokens: usage.cache_read_input_tokens,
    outputTokens: usage.output_tokens,
  };
}

/** The report of some days; `refreshedAtMs` is the earlier of the two reports'. Never rejects. */
export async function readCosts(
  access: ReportAccess,
  span: ReportSpan,
): Promise<Result<Report<ReportedCost>, ReportProblem>> {
  const costs = await readReport(access, 'cost', span, { row: costRow, nameOf });
  if (!costs.ok) return costs;
  const usages = await readReport(access, 'usage', span, { row: usageRow, nameOf });
  if (!usages.ok) return usages;
  const usageByName = new Map(usages.value.rows.map((row) => [nameOf(row), toUsage(row)]));
  const rows = costs.value.rows.map(
    (row): ReportedCost => ({
      day: row.starting_at,
      apiKeyId: row.group.api_key_id ?? null,
      model: row.group.model ?? null,
      amount: row.cost.amount,
      listAmount: row.cost.list_amount,
      requests: row.cost.requests ?? null,
      usage: usageByName.get(nameOf(row)) ?? null,
    }),
  );
  const refreshed = [costs.value.refreshedAtMs, usages.value.refreshedAtMs];
  const isKnown = refreshed.every((each) => each !== null);
  return ok({ rows, refreshedAtMs: isKnown ? Math.min(...refreshed.filter((each) => each !== null)) : null });
}
