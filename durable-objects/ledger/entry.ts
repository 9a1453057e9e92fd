/**
 * One immutable row of the ledger, as the wallet writes it and D1 keeps it. Field names are the columns'.
 * Money is integer nano-USD, times are ISO 8601 in UTC with milliseconds. There is no prompt or answer text.
 */
import type { Scope } from '../core/policy/types.ts';
import type { TurnKind } from '../core/turn.ts';

export const ENTRY_KINDS = ['charge', 'correction', 'refusal', 'failure'] as const;
export type EntryKind = (typeof ENTRY_KINDS)[number];

/** A budget's standing as it is kept: integer nano-USD, instants in UTC. */
export interface RecordedStanding {
  budget: string;
  scope: Scope;
  /** The cost center, developer, key or session the budget is counted for. */
  subject: string;
  /** Null: of every line. */
  line: string | null;
  window_start: string;
  /** Null: it ends with its session. */
  resets_at: string | null;
  /** Raises in force included. */
  limit_nano_usd: number;
  raised_nano_usd: number;
  settled_nano_usd: number;
  held_nano_usd: number;
  expected_nano_usd: number;
}

export interface Entry {
  /** Time-ordered (ULID). */
  entry_id: string;
  turn_id: string;
  attempt: number;
  kind: EntryKind;
  /** The entry a correction corrects. */
  corrects: string | null;

  received_at: string;
  first_byte_at: string | null;
  last_byte_at: string | null;
  /** When the wallet admitted (or refused) the turn: spend counts in the window this falls in. */
  admitted_at: string;
  /** When the wallet wrote this entry. */
  recorded_at: string;
  open_seq: number;
  settle_seq: number;

  cost_center: string;
  developer: string;
  key_id: string;
  key_tags: Record<string, string>;
  session: string;
  agent: string | null;
  turn_kind: TurnKind;

  model_asked: string;
  /** The model the turn was sent to; null where it was never sent. */
  model_served: string | null;
  /** The catalogue does not know the model: priced at the dearest rate. */
  model_unknown: boolean;
  /** The kind of provider: "anthropic", "bedrock". */
  provider: string | null;
  /** Which one of the deployment's providers, by its id. */
  provider_instance: string | null;
  /** Its prices for tokens in millionths of the list's; null: list prices. */
  price_millionths: number | null;
  /** Null: the organisation. */
  billed_to: 'developer' | null;
  upstream_credential: string | null;
  anthropic_version: string | null;

  decision: string;
  /** The stage that acted, as `budget@fraction`; null where none did. */
  stage: string | null;
  /** The route or rule that sent the turn to its model; null where none did. */
  route: string | null;
  reasons: string[];
  /** What else the decision was made from, with `standing` enough to make it again. */
  decision_inputs: unknown;
  policy_version: number | null;
  /** Standings of the budgets that applied, as the decision saw them. */
  standing: RecordedStanding[];

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
  /** What the turn was expected to cost when it was admitted; null where it never was. */
  expected_nano_usd: number | null;
  /** The contracted cost, which budgets count. */
  charged_nano_usd: number;
  list_nano_usd: number;
  /**
   * The contracted cost of the same turn on the model asked for, cache effects included; null where nothing was
   * charged, and in entries from before it was worked out.
   */
  asked_nano_usd: number | null;
  list_price_version: string;
  /** The list's version, and behind a `+` each the ids of the negotiated prices that took part. */
  charged_price_version: string;
  estimated: boolean;
  /** Why it is estimated: `client_gone`, `lease_expired`, `upstream_cut`, … */
  estimated_why: string | null;

  http_status: number | null;
  error_type: string | null;
  stop_reason: string | null;
  upstream_request_id: string | null;
  request_bytes: number;
  response_bytes: number;

  stream: boolean;
  max_tokens: number | null;
  total_input_tokens: number;
  new_input_tokens: number;
  message_count: number;
  tools_offered: string[];
  tools_used: string[];
  tool_results_failed: boolean | null;
  effort: string | null;
  thinking: string | null;
}

/** A value as D1 has it: flags are 0 and 1, what is neither text nor number is JSON text. */
type Stored<Value> = Value extends boolean ? number : Value extends string | number | null ? Value : string;

/** An entry as its row in D1. */
export type StoredEntry = { [Column in keyof Entry]: Stored<Entry[Column]> };

/** Stands in `cost_center` of an event that concerns the organisation: no cost center can have this id. */
export const ORGANISATION = '*';

/** A budget's stage was crossed; delivery reads these, nothing about them is ever changed. */
export interface AlertEvent {
  /** Time-ordered (ULID). */
  event_id: string;
  /** Or ORGANISATION. */
  cost_center: string;
  /**
   * `stage:alert`, `stage:downgrade`, `stage:pause`, `upstream_credential`, `unknown_model`, `model_retiring`,
   * `policy_signature`, `policy_rolled_back`, `reconciliation`.
   */
  on: string;
  occurred_at: string;
  turn_id: string | null;
  session: string | null;
  developer: string | null;
  policy_version: number | null;
  budget: string | null;
  /** The developer or key the budget is counted for; the cost center's id for a shared budget; the model. */
  subject: string | null;
  stage: string | null;
  window_start: string | null;
  resets_at: string | null;
  /** The budget's standing (RecordedStanding), or other facts of the event. */
  standing: unknown;
  /** Null where the event concerns no budget, and in events from before it was told. */
  context: AlertContext | null;
}

/** What a manager wants to know beside the standing: who spent it, and how long the rest lasts. Of the budget's window. */
export interface AlertContext {
  /** Those who spent most, dearest first, at most three each. */
  top_developers: { developer: string; settled_nano_usd: number }[];
  top_sessions: { session: string; developer: string; settled_nano_usd: number }[];
  top_lines: { line: string; settled_nano_usd: number }[];
  /** Of the last hour of the budget's own spend. */
  pace_nano_usd_an_hour: number;
  /** When the limit is reached at that pace (ISO 8601, UTC); null: not in this window. */
  runs_out_at: string | null;
}
