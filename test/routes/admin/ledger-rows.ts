/** Entries and alert events put into D1 as the wallets' outboxes would. */
import { env } from 'cloudflare:workers';
import { append } from '../../../durable-objects/ledger/append.ts';
import type { AlertEvent, Entry } from '../../../durable-objects/ledger/entry.ts';
import { openDatabase } from '../../../worker/store/database.ts';
import { type Comparison, keepComparisons } from '../../../worker/store/reconciliations.ts';

export function entryOf(change: Partial<Entry> & Pick<Entry, 'entry_id'>): Entry {
  return {
    turn_id: `turn-${change.entry_id}`,
    attempt: 1,
    kind: 'charge',
    corrects: null,
    received_at: '2026-11-23T12:00:00.000Z',
    first_byte_at: '2026-11-23T12:00:01.000Z',
    last_byte_at: null,
    admitted_at: '2026-11-23T12:00:00.000Z',
    recorded_at: '2026-11-23T12:00:02.000Z',
    open_seq: 1,
    settle_seq: 2,
    cost_center: 'squad',
    developer: 'dev@example.com',
    key_id: 'k000000000000000000000000',
    key_tags: { team: 'web' },
    session: 'session-1',
    agent: null,
    turn_kind: 'main',
    model_asked: 'claude-opus-5-5',
    model_served: 'claude-opus-5-5',
    model_unknown: false,
    provider: 'simulator',
    provider_instance: 'simulator',
    price_millionths: null,
    billed_to: null,
    upstream_credential: null,
    anthropic_version: '2023-06-01',
    decision: 'proceed',
    stage: null,
    route: null,
    reasons: ['kept:cache_warm'],
    decision_inputs: { estimate: 1 },
    policy_version: 1,
    standing: [],
    input_tokens: 10,
    cache_write_5m_tokens: 0,
    cache_write_1h_tokens: 0,
    cache_read_tokens: 0,
    output_tokens: 5,
    web_search_requests: 0,
    service_tier: 'standard',
    speed: null,
    inference_geo: null,
    held_nano_usd: 2_000_000_000,
    expected_nano_usd: 2_000_000_000,
    charged_nano_usd: 126_800_000,
    list_nano_usd: 126_800_000,
    asked_nano_usd: 126_800_000,
    list_price_version: 'builtin-2026-11-23',
    charged_price_version: 'builtin-2026-11-23',
    estimated: true,
    estimated_why: 'client_gone',
    http_status: 200,
    error_type: null,
    stop_reason: 'end_turn',
    upstream_request_id: null,
    request_bytes: 100,
    response_bytes: 200,
    stream: true,
    max_tokens: 32_000,
    total_input_tokens: 10,
    new_input_tokens: 10,
    message_count: 1,
    tools_offered: ['Bash'],
    tools_used: [],
    tool_results_failed: null,
    effort: null,
    thinking: null,
    ...change,
  };
}

export async function addEntries(entries: readonly Entry[]): Promise<void> {
  await append(
    env.DB,
    entries.map((entry) => JSON.stringify(entry)),
    [],
  );
}

export async function addAlerts(events: readonly AlertEvent[]): Promise<void> {
  await append(
    env.DB,
    [],
    events.map((event) => JSON.stringify(event)),
  );
}

/** A difference between wallet and ledger of one developer and day, on record. */
export async function addReconciliation(developer: string, costCenter: string): Promise<Comparison> {
  const comparison: Comparison = {
    kind: 'wallets',
    level: 'detail',
    result: 'differs',
    windowStart: '2026-08-20T00:00:00.000Z',
    windowEnd: '2026-08-21T00:00:00.000Z',
    costCenter,
    developer,
    apiKeyId: null,
    model: null,
    ledgerNanoUsd: 5n,
    counterpartNanoUsd: 7n,
    evidence: { entries: { count: 1, entry_ids: ['1'] } },
  };
  await keepComparisons(openDatabase(env.DB), [comparison], Date.UTC(2026, 7, 22));
  return comparison;
}
