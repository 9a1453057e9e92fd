/**
 * The one writer of the ledger: puts a batch of outbox documents into D1, each row exactly once. A row that is
 * already there is left as it is, so a batch whose answer was lost can be sent again.
 */
import type { HashedWalletEvent } from './audit-link.ts';
import type { AlertEvent, Entry } from './entry.ts';
import type { PolicyTrip } from './policy-trip.ts';

/** How a field becomes a column's value: as it is (booleans as 0 and 1), or as JSON text. */
export type ColumnForm = 'value' | 'json';

// Records over every field: one left out here would stay empty in D1, and the compiler refuses that.
export const ENTRY_COLUMNS: Record<keyof Entry, ColumnForm> = {
  entry_id: 'value',
  turn_id: 'value',
  attempt: 'value',
  kind: 'value',
  corrects: 'value',
  received_at: 'value',
  first_byte_at: 'value',
  last_byte_at: 'value',
  admitted_at: 'value',
  recorded_at: 'value',
  open_seq: 'value',
  settle_seq: 'value',
  cost_center: 'value',
  developer: 'value',
  key_id: 'value',
  key_tags: 'json',
  session: 'value',
  agent: 'value',
  turn_kind: 'value',
  model_asked: 'value',
  model_served: 'value',
  model_unknown: 'value',
  provider: 'value',
  upstream_credential: 'value',
  anthropic_version: 'value',
  decision: 'value',
  stage: 'value',
  route: 'value',
  reasons: 'json',
  decision_inputs: 'json',
  policy_version: 'value',
  standing: 'json',
  input_tokens: 'value',
  cache_write_5m_tokens: 'value',
  cache_write_1h_tokens: 'value',
  cache_read_tokens: 'value',
  output_tokens: 'value',
  web_search_requests: 'value',
  service_tier: 'value',
  speed: 'value',
  inference_geo: 'value',
  held_nano_usd: 'value',
  expected_nano_usd: 'value',
  charged_nano_usd: 'value',
  list_nano_usd: 'value',
  asked_nano_usd: 'value',
  list_price_version: 'value',
  charged_price_version: 'value',
  estimated: 'value',
  estimated_why: 'value',
  http_status: 'value',
  error_type: 'value',
  stop_reason: 'value',
  upstream_request_id: 'value',
  request_bytes: 'value',
  response_bytes: 'value',
  stream: 'value',
  max_tokens: 'value',
  total_input_tokens: 'value',
  new_input_tokens: 'value',
  message_count: 'value',
  tools_offered: 'json',
  tools_used: 'json',
  tool_results_failed: 'value',
  effort: 'value',
  thinking: 'value',
  provider_instance: 'value',
  price_millionths: 'value',
  billed_to: 'value',
};

const ALERT_COLUMNS: Record<keyof AlertEvent, ColumnForm> = {
  event_id: 'value',
  cost_center: 'value',
  on: 'value',
  occurred_at: 'value',
  turn_id: 'value',
  session: 'value',
  developer: 'value',
  policy_version: 'value',
  budget: 'value',
  subject: 'value',
  stage: 'value',
  window_start: 'value',
  resets_at: 'value',
  standing: 'json',
  context: 'json',
};

const WALLET_AUDIT_COLUMNS: Record<keyof HashedWalletEvent, ColumnForm> = {
  cost_center: 'value',
  sequence: 'value',
  occurred_at: 'value',
  actor: 'value',
  action: 'value',
  target: 'value',
  details: 'json',
  previous_hash: 'value',
  hash: 'value',
};

const TRIP_COLUMNS: Record<keyof PolicyTrip, ColumnForm> = {
  rollout: 'value',
  cost_center: 'value',
  version: 'value',
  base_version: 'value',
  signal: 'value',
  occurred_at: 'value',
  evidence: 'json',
};

function insertFromJson(table: string, key: string, columns: Record<string, ColumnForm>): string {
  const names = Object.keys(columns).map((column) => `"${column}"`);
  const values = Object.entries(columns).map(([column, form]) =>
    form === 'json' ? `coalesce(value -> '$.${column}', 'null')` : `value ->> '$.${column}'`,
  );
  return `INSERT INTO ${table} (${names.join(', ')}) SELECT ${values.join(', ')} FROM json_each(?1) WHERE true ON CONFLICT (${key}) DO NOTHING`;
}

/** Takes a JSON array of entries as its one parameter. */
export const INSERT_ENTRIES = insertFromJson('ledger_entries', '"entry_id"', ENTRY_COLUMNS);
const INSERT_TRIPS = insertFromJson('policy_trips', '"rollout"', TRIP_COLUMNS);
const INSERT_ALERTS = insertFromJson('alert_events', '"event_id"', ALERT_COLUMNS);
const INSERT_WALLET_AUDIT = insertFromJson(
  'wallet_audit_events',
  '"cost_center", "sequence", "hash"',
  WALLET_AUDIT_COLUMNS,
);

/**
 * SQL that adds an alert event, complete in itself: for a transaction with what the event tells of, whose builder takes
 * no parameters of ours.
 */
export function alertInsertion(alert: AlertEvent): string {
  const json = JSON.stringify([alert]).replaceAll("'", "''");
  return INSERT_ALERTS.replace('?1', () => `'${json}'`);
}

/** The statement that adds these entries, JSON documents of at most 2 MB together. */
export function insertEntries(db: D1Database, entries: readonly string[]): D1PreparedStatement {
  return db.prepare(INSERT_ENTRIES).bind(`[${entries.join(',')}]`);
}

/** What of a row counts towards the totals. Sums that fall would be no counters: differences downward stay apart. */
const TOTALS = {
  entries: 'count(*)',
  charged_nano_usd: upward("value ->> '$.charged_nano_usd'"),
  credited_nano_usd: upward("-(value ->> '$.charged_nano_usd')"),
  input_tokens: upward("value ->> '$.input_tokens'"),
  cache_write_tokens: upward("(value ->> '$.cache_write_5m_tokens') + (value ->> '$.cache_write_1h_tokens')"),
  cache_read_tokens: upward("value ->> '$.cache_read_tokens'"),
  output_tokens: upward("value ->> '$.output_tokens'"),
};

function upward(amount: string): string {
  return `sum(max(${amount}, 0))`;
}

/** Adds the entries of a batch that D1 has not got yet to `ledger_totals`: to be run before they are inserted. */
const ADD_TO_TOTALS = `
  INSERT INTO ledger_totals (cost_center, kind, decision, ${Object.keys(TOTALS).join(', ')})
  SELECT value ->> '$.cost_center', value ->> '$.kind', value ->> '$.decision', ${Object.values(TOTALS).join(', ')}
  FROM json_each(?1)
  WHERE NOT EXISTS (SELECT 1 FROM ledger_entries WHERE entry_id = value ->> '$.entry_id')
  GROUP BY 1, 2, 3
  ON CONFLICT DO UPDATE SET ${Object.keys(TOTALS)
    .map((column) => `${column} = ${column} + excluded.${column}`)
    .join(', ')}`;

/**
 * Appends entries, alert events, trips of guards and events of wallets' audit chains in one D1 transaction; each is a
 * JSON document as text. Rejects where D1 does not take the batch, and then none of it is in.
 */
export async function append(
  db: D1Database,
  entries: readonly string[],
  alerts: readonly string[],
  { audits = [], trips = [] }: { audits?: readonly string[]; trips?: readonly string[] } = {},
): Promise<void> {
  const statements: D1PreparedStatement[] = [];
  if (entries.length > 0) {
    statements.push(db.prepare(ADD_TO_TOTALS).bind(`[${entries.join(',')}]`), insertEntries(db, entries));
  }
  if (alerts.length > 0) statements.push(db.prepare(INSERT_ALERTS).bind(`[${alerts.join(',')}]`));
  if (audits.length > 0) statements.push(db.prepare(INSERT_WALLET_AUDIT).bind(`[${audits.join(',')}]`));
  if (trips.length > 0) statements.push(db.prepare(INSERT_TRIPS).bind(`[${trips.join(',')}]`));
  if (statements.length > 0) await db.batch(statements);
}
