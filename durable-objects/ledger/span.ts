/**
 * A ledger entry as an OpenTelemetry span with the GenAI conventions
 * (https://opentelemetry.io/docs/specs/semconv/gen-ai/), in OTLP's JSON: camelCase, ids in hex, 64-bit integers as
 * strings. What the conventions have no name for is under `bursar.`. No developer, key or tag is in a span: whose
 * turn it was is the ledger's to tell.
 */
import { hexId64, hexId128 } from '../core/hex-id.ts';
import type { Entry, RecordedStanding } from './entry.ts';

const KIND_INTERNAL = 1;
const KIND_CLIENT = 3;
const STATUS_ERROR = 2;

type AttributeValue =
  | { stringValue: string }
  | { intValue: string }
  | { boolValue: boolean }
  | { arrayValue: { values: { stringValue: string }[] } };

export interface Span {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: { key: string; value: AttributeValue }[];
  status: { code: number; message?: string } | Record<string, never>;
}

/** The names OpenTelemetry knows our providers by; others keep their own. */
const PROVIDER_NAMES: Record<string, string> = { bedrock: 'aws.bedrock', 'bedrock-mantle': 'aws.bedrock' };

type Attributes = Record<string, string | number | boolean | readonly string[] | null>;

function toValue(value: string | number | boolean | readonly string[]): AttributeValue {
  if (typeof value === 'string') return { stringValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  if (typeof value === 'number') return { intValue: String(value) };
  return { arrayValue: { values: value.map((each) => ({ stringValue: each })) } };
}

/** In order; what is null is left out. */
function toAttributes(attributes: Attributes): Span['attributes'] {
  return Object.entries(attributes).flatMap(([key, value]) =>
    value === null ? [] : [{ key, value: toValue(value) }],
  );
}

/** Whom a budget is counted for is left out: it may be a developer. */
function toStandingText(standing: RecordedStanding): string {
  const { budget, scope, line, limit_nano_usd: limit } = standing;
  const { settled_nano_usd: settled, held_nano_usd: held, expected_nano_usd: expected } = standing;
  return `${budget};scope=${scope};line=${line ?? '*'};settled=${settled};held=${held};expected=${expected};limit=${limit}`;
}

function bursarAttributes(entry: Entry): Attributes {
  return {
    'bursar.cost_center': entry.cost_center,
    'bursar.turn_id': entry.turn_id,
    'bursar.attempt': entry.attempt,
    'bursar.entry_id': entry.entry_id,
    'bursar.entry_kind': entry.kind,
    'bursar.turn_kind': entry.turn_kind,
    'bursar.model_asked': entry.model_asked,
    'bursar.model_served': entry.model_served,
    'bursar.provider_instance': entry.provider_instance,
    'bursar.decision': entry.decision,
    'bursar.reasons': entry.reasons,
    'bursar.stage': entry.stage,
    'bursar.route': entry.route,
    'bursar.policy_version': entry.policy_version,
    'bursar.standing': entry.standing.map(toStandingText),
    'bursar.held_nano_usd': entry.held_nano_usd,
    'bursar.expected_nano_usd': entry.expected_nano_usd,
    'bursar.charged_nano_usd': entry.charged_nano_usd,
    'bursar.estimated': entry.estimated,
    'bursar.estimated_why': entry.estimated_why,
  };
}

function genAiAttributes(entry: Entry): Attributes {
  const { provider } = entry;
  return {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': provider === null ? null : (PROVIDER_NAMES[provider] ?? provider),
    'gen_ai.request.model': entry.model_asked,
    'gen_ai.request.max_tokens': entry.max_tokens,
    'gen_ai.response.model': entry.model_served,
    'gen_ai.response.finish_reasons': entry.stop_reason === null ? null : [entry.stop_reason],
    'gen_ai.conversation.id': entry.session,
    'gen_ai.usage.input_tokens': entry.total_input_tokens,
    'gen_ai.usage.output_tokens': entry.output_tokens,
    'gen_ai.usage.cache_read.input_tokens': entry.cache_read_tokens,
    'gen_ai.usage.cache_creation.input_tokens': entry.cache_write_5m_tokens + entry.cache_write_1h_tokens,
    'http.response.status_code': entry.http_status,
    'error.type': errorTypeOf(entry),
  };
}

function errorTypeOf({ kind, error_type: errorType, http_status: status }: Entry): string | null {
  if (kind === 'refusal') return 'bursar.refused';
  if (errorType !== null) return errorType;
  return kind === 'failure' ? String(status ?? '_OTHER') : null;
}

function unixNano(iso: string): string {
  return `${Date.parse(iso)}000000`;
}

/**
 * The turn's span, or, for a correction, a span below it: that one's tokens are differences and no usage. All of a
 * turn's spans are in one trace, and the same entry makes the same ids again, so a batch sent twice shows once.
 */
export function toSpan(entry: Entry): Span {
  const { turn_id: turnId, attempt, received_at: receivedAt, recorded_at: recordedAt } = entry;
  const traceId = hexId128(turnId);
  const turnSpanId = hexId64(`${turnId}/${attempt}`);
  if (entry.kind === 'correction') {
    return {
      traceId,
      spanId: hexId64(`${turnId}/${attempt}/${entry.entry_id}`),
      parentSpanId: turnSpanId,
      name: 'bursar.correction',
      kind: KIND_INTERNAL,
      startTimeUnixNano: unixNano(recordedAt),
      endTimeUnixNano: unixNano(recordedAt),
      attributes: toAttributes({ ...bursarAttributes(entry), 'bursar.corrects': entry.corrects }),
      status: {},
    };
  }
  // The edge's clock and the wallet's are two: a span must not end before it begins.
  const endedAt = entry.last_byte_at ?? recordedAt;
  const isError = entry.kind === 'refusal' || entry.kind === 'failure';
  return {
    traceId,
    spanId: turnSpanId,
    name: `chat ${entry.model_asked}`,
    kind: KIND_CLIENT,
    startTimeUnixNano: unixNano(receivedAt),
    endTimeUnixNano: unixNano(endedAt < receivedAt ? receivedAt : endedAt),
    attributes: toAttributes({ ...genAiAttributes(entry), ...bursarAttributes(entry) }),
    status: isError ? { code: STATUS_ERROR, message: entry.reasons.join(' ') } : {},
  };
}

/** The body of `POST /v1/traces` for spans that are JSON already. */
export function toTracesBody(spans: readonly string[]): string {
  const resource = '{"attributes":[{"key":"service.name","value":{"stringValue":"bursar"}}]}';
  return `{"resourceSpans":[{"resource":${resource},"scopeSpans":[{"scope":{"name":"bursar"},"spans":[${spans.join(',')}]}]}]}`;
}
