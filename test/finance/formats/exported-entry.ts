/** An entry as exports read it from D1, priced by the catalogue. */
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { priceUsage } from '../../../durable-objects/core/catalogue/price.ts';
import type { ExportedEntry } from '../../../worker/store/ledger-export.ts';

export function exportedEntry(change: Partial<ExportedEntry> = {}): ExportedEntry {
  return {
    entry_id: '01JDB0000000000000000000AA',
    turn_id: 'turn_1',
    attempt: 1,
    kind: 'charge',
    corrects: null,
    admitted_at: '2026-11-30T23:59:59.999Z',
    recorded_at: '2026-12-01T00:00:04.000Z',
    cost_center: 'squad',
    cost_center_name: 'The squad',
    developer: 'dev@example.com',
    key_id: 'k1',
    key_tags: '{"team":"web"}',
    session: 'session-1',
    agent: null,
    turn_kind: 'main',
    model_asked: 'claude-opus-5-5',
    model_served: 'claude-opus-5-5',
    model_unknown: 0,
    provider: 'anthropic',
    provider_instance: 'anthropic',
    price_millionths: null,
    billed_to: null,
    upstream_credential: 'org-key',
    decision: 'proceed',
    stage: null,
    route: null,
    reasons: '[]',
    policy_version: 1,
    input_tokens: 1_200,
    cache_write_5m_tokens: 2_000,
    cache_write_1h_tokens: 3_000,
    cache_read_tokens: 90_000,
    output_tokens: 2_500,
    web_search_requests: 2,
    service_tier: 'standard',
    speed: null,
    inference_geo: null,
    held_nano_usd: 0,
    expected_nano_usd: null,
    asked_nano_usd: null,
    list_nano_usd: 126_800_000,
    charged_nano_usd: 126_800_000,
    list_price_version: builtinCatalogue.version,
    charged_price_version: builtinCatalogue.version,
    estimated: 0,
    estimated_why: null,
    http_status: 200,
    error_type: null,
    stop_reason: 'end_turn',
    upstream_request_id: null,
    ...change,
  };
}

/** The same, with the list price of what it used. */
export function pricedEntry(change: Partial<ExportedEntry> = {}): ExportedEntry {
  const entry = exportedEntry(change);
  const { nanoUsd } = priceUsage({
    usage: {
      model: null,
      tokens: {
        inputTokens: entry.input_tokens,
        cacheWrite5mTokens: entry.cache_write_5m_tokens,
        cacheWrite1hTokens: entry.cache_write_1h_tokens,
        cacheReadTokens: entry.cache_read_tokens,
        outputTokens: entry.output_tokens,
      },
      webSearchRequests: entry.web_search_requests,
      speed: entry.speed,
      inferenceGeo: entry.inference_geo,
      serviceTier: null,
      iterations: null,
    },
    sentModel: entry.model_served ?? '',
    providerMillionths: entry.price_millionths ?? undefined,
    atMs: Date.parse(entry.admitted_at),
    catalogue: builtinCatalogue,
  });
  return { ...entry, list_nano_usd: nanoUsd, charged_nano_usd: nanoUsd };
}
