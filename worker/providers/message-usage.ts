/**
 * The `usage` object of the Messages API, read with mistrust: it decides money. A figure that is not a plausible
 * count (negative, fractional, not a number, absurdly large) is taken as absent, never as an error and never as
 * zero; an explicit zero stays zero. Fields: `Usage`, `MessageDeltaUsage` and `BetaIterationsUsage` of
 * @anthropic-ai/sdk 1.12.
 */
import { z } from 'zod';
import { NO_TOKENS, type TokenCounts, type Usage } from '../../durable-objects/core/usage.ts';

/** No turn comes near it; beyond it a figure is a fault of the upstream and must not reach a sum. */
const MAX_COUNT = 1_000_000_000;
const MAX_ITERATIONS = 1000;

const plausibleCount = z.int().nonnegative().max(MAX_COUNT);
const count = plausibleCount.nullable().catch(null);
/** A short word such as an id, a model or a tier; null where it is none. */
export const label = z.string().min(1).max(256).nullable().catch(null);

const cacheCreation = z
  .object({ ephemeral_5m_input_tokens: count, ephemeral_1h_input_tokens: count })
  .nullable()
  .catch(null);

const iteration = z.object({
  type: z.string().min(1).max(256),
  model: label,
  input_tokens: plausibleCount,
  output_tokens: plausibleCount,
  cache_read_input_tokens: plausibleCount.nullish(),
  cache_creation_input_tokens: plausibleCount.nullish(),
  cache_creation: cacheCreation,
});

/** Every field may be absent: `message_delta` repeats only some of `message_start`'s. Never fails on an object. */
export const usageReport = z.object({
  input_tokens: count,
  output_tokens: count,
  cache_read_input_tokens: count,
  cache_creation_input_tokens: count,
  cache_creation: cacheCreation,
  server_tool_use: z.object({ web_search_requests: count }).nullable().catch(null),
  service_tier: label,
  inference_geo: label,
  speed: label,
  // One unreadable iteration spoils the list: a sum over the others would be too low.
  iterations: z.array(iteration).min(1).max(MAX_ITERATIONS).nullable().catch(null),
});

export type UsageReport = z.infer<typeof usageReport>;

/**
 * The usage after a `message_delta`, whose figures are cumulative: they replace the earlier ones, and what it
 * leaves out stays. Iterations do not stay: those of the start know nothing of the output, and since they take
 * the place of the totals in the price, the turn would cost next to nothing.
 */
export function updateReport(earlier: UsageReport, delta: UsageReport): UsageReport {
  return {
    input_tokens: delta.input_tokens ?? earlier.input_tokens,
    output_tokens: delta.output_tokens ?? earlier.output_tokens,
    cache_read_input_tokens: delta.cache_read_input_tokens ?? earlier.cache_read_input_tokens,
    cache_creation_input_tokens: delta.cache_creation_input_tokens ?? earlier.cache_creation_input_tokens,
    cache_creation: delta.cache_creation ?? earlier.cache_creation,
    server_tool_use: delta.server_tool_use ?? earlier.server_tool_use,
    service_tier: delta.service_tier ?? earlier.service_tier,
    inference_geo: delta.inference_geo ?? earlier.inference_geo,
    speed: delta.speed ?? earlier.speed,
    iterations: delta.iterations,
  };
}

/** The usage a report tells of; null where it does not even tell the input, so that nobody takes it for free. */
export function toUsage(report: UsageReport, model: string | null): Usage | null {
  if (report.input_tokens === null) return null;
  return {
    model,
    tokens: tokenCounts(report),
    webSearchRequests: report.server_tool_use?.web_search_requests ?? 0,
    speed: report.speed,
    inferenceGeo: report.inference_geo,
    serviceTier: report.service_tier,
    iterations:
      report.iterations?.map((each) => ({
        type: each.type,
        model: each.model,
        tokens: tokenCounts(each),
      })) ?? null,
  };
}

type CountedReport = Pick<UsageReport, 'input_tokens' | 'output_tokens' | 'cache_creation'> & {
  cache_read_input_tokens?: number | null | undefined;
  cache_creation_input_tokens?: number | null | undefined;
};

function tokenCounts(report: CountedReport): TokenCounts {
  return {
    ...NO_TOKENS,
    ...cacheWrites(report),
    inputTokens: report.input_tokens ?? 0,
    cacheReadTokens: report.cache_read_input_tokens ?? 0,
    outputTokens: report.output_tokens ?? 0,
  };
}

/**
 * The total of the cache writes by TTL. The total can grow after the split was told: the rest was written with
 * the default TTL of 5 minutes. Where it is below the split the total holds, the dearer writes first.
 */
function cacheWrites(report: CountedReport): Pick<TokenCounts, 'cacheWrite5mTokens' | 'cacheWrite1hTokens'> {
  const told1h = report.cache_creation?.ephemeral_1h_input_tokens ?? 0;
  const told5m = report.cache_creation?.ephemeral_5m_input_tokens ?? 0;
  const total = report.cache_creation_input_tokens ?? told1h + told5m;
  const cacheWrite1hTokens = Math.min(told1h, total);
  return { cacheWrite1hTokens, cacheWrite5mTokens: total - cacheWrite1hTokens };
}
