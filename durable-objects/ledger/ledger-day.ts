/**
 * The hash of a finished day of one cost center's ledger. It runs over what pseudonymising never changes of each entry,
 * in the order in which the wallet wrote them; an entry that comes late comes last, so that an earlier hash of the same
 * day stays one of the steps.
 */
import { sha256Hex } from './audit-link.ts';
import type { Entry } from './entry.ts';

/** Which columns are hashed, and how: a later form would be another number, and this one stays for its days. */
export const LEDGER_DAY_FORM = 1;

/** All columns of form 1, in its order: those of entries but `developer`, `key_tags` and `standing`. */
export const HASHED_COLUMNS = [
  'entry_id',
  'turn_id',
  'attempt',
  'kind',
  'corrects',
  'received_at',
  'first_byte_at',
  'last_byte_at',
  'admitted_at',
  'recorded_at',
  'open_seq',
  'settle_seq',
  'cost_center',
  'key_id',
  'session',
  'agent',
  'turn_kind',
  'model_asked',
  'model_served',
  'model_unknown',
  'provider',
  'upstream_credential',
  'anthropic_version',
  'decision',
  'stage',
  'route',
  'reasons',
  'decision_inputs',
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
  'charged_nano_usd',
  'list_nano_usd',
  'asked_nano_usd',
  'list_price_version',
  'charged_price_version',
  'estimated',
  'estimated_why',
  'http_status',
  'error_type',
  'stop_reason',
  'upstream_request_id',
  'request_bytes',
  'response_bytes',
  'stream',
  'max_tokens',
  'total_input_tokens',
  'new_input_tokens',
  'message_count',
  'tools_offered',
  'tools_used',
  'tool_results_failed',
  'effort',
  'thinking',
] as const satisfies readonly (keyof Entry)[];

/** A row's values in the order of HASHED_COLUMNS, as D1 gives them: JSON columns as their text, flags as 0 and 1. */
export type HashedRow = readonly (string | number | null)[];

/** The hash before the first entry. */
export function emptyDay(costCenter: string, day: string): string {
  return sha256Hex(JSON.stringify(['bursar.ledger_day', LEDGER_DAY_FORM, costCenter, day]));
}

/** The hash after one more entry. */
export function withEntry(hash: string, row: HashedRow): string {
  return sha256Hex(`${hash}\n${JSON.stringify(row)}`);
}
