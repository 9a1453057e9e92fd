/** An entry of the ledger as the API answers it: the fields of durable-objects/ledger/entry.ts and its price in USD. */
import { z } from '@hono/zod-openapi';
import { SCOPES } from '../../../durable-objects/core/policy/types.ts';
import { TURN_KINDS } from '../../../durable-objects/core/turn.ts';
import { ENTRY_KINDS, type Entry } from '../../../durable-objects/ledger/entry.ts';

const text = z.string();
const textOrNull = z.string().nullable();
const count = z.number().int();
const nanoUsd = z.number().int().openapi({ description: 'In 10⁻⁹ US dollars.' });

const identity = {
  entry_id: text,
  turn_id: text,
  attempt: count,
  kind: z.enum(ENTRY_KINDS),
  corrects: textOrNull,
  received_at: text,
  first_byte_at: textOrNull,
  last_byte_at: textOrNull,
  admitted_at: text,
  recorded_at: text,
  open_seq: count,
  settle_seq: count,
  cost_center: text,
  developer: text,
  key_id: text,
  key_tags: z.record(text, text),
  session: text,
  agent: textOrNull,
  turn_kind: z.enum(TURN_KINDS),
};

const recordedStanding = z.object({
  budget: text,
  scope: z.enum(SCOPES),
  subject: text,
  line: textOrNull,
  window_start: text,
  resets_at: textOrNull,
  limit_nano_usd: nanoUsd,
  raised_nano_usd: nanoUsd,
  settled_nano_usd: nanoUsd,
  held_nano_usd: nanoUsd,
  expected_nano_usd: nanoUsd,
});

const decision = {
  model_asked: text,
  model_served: textOrNull,
  model_unknown: z.boolean(),
  provider: textOrNull,
  provider_instance: textOrNull,
  price_millionths: z.int().nullable(),
  billed_to: z.enum(['developer']).nullable(),
  upstream_credential: textOrNull,
  anthropic_version: textOrNull,
  decision: text,
  stage: textOrNull,
  route: textOrNull,
  reasons: z.array(text),
  decision_inputs: z.unknown(),
  policy_version: count.nullable(),
  standing: z.array(recordedStanding),
};

const cost = {
  input_tokens: count,
  cache_write_5m_tokens: count,
  cache_write_1h_tokens: count,
  cache_read_tokens: count,
  output_tokens: count,
  web_search_requests: count,
  service_tier: textOrNull,
  speed: textOrNull,
  inference_geo: textOrNull,
  held_nano_usd: nanoUsd,
  expected_nano_usd: nanoUsd.nullable(),
  charged_nano_usd: nanoUsd,
  charged_usd: text.openapi({ description: '`charged_nano_usd` in US dollars, exactly.', example: '0.1268' }),
  list_nano_usd: nanoUsd,
  asked_nano_usd: nanoUsd.nullable(),
  list_price_version: text,
  charged_price_version: text,
  estimated: z.boolean(),
  estimated_why: textOrNull,
};

const facts = {
  http_status: count.nullable(),
  error_type: textOrNull,
  stop_reason: textOrNull,
  upstream_request_id: textOrNull,
  request_bytes: count,
  response_bytes: count,
  stream: z.boolean(),
  max_tokens: count.nullable(),
  total_input_tokens: count,
  new_input_tokens: count,
  message_count: count,
  tools_offered: z.array(text),
  tools_used: z.array(text),
  tool_results_failed: z.boolean().nullable(),
  effort: textOrNull,
  thinking: textOrNull,
};

export const entryView = z
  .object({ ...identity, ...decision, ...cost, ...facts })
  .openapi('Entry') satisfies z.ZodType<Entry & { charged_usd: string }>;

export type EntryView = z.infer<typeof entryView>;
