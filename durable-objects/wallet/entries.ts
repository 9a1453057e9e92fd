/** Ledger entries, made from an opened turn and what became of it. */
import { nanoUsd } from '../core/money.ts';
import { LIST_MILLIONTHS } from '../core/provider-settings.ts';
import { NO_TOKENS, promptTokens, type TokenCounts } from '../core/usage.ts';
import type { Entry } from '../ledger/entry.ts';
import { timeOrderedId } from '../ledger/time-ordered-id.ts';
import type { AnswerFacts } from './rpc.ts';
import type { OpenedTurn } from './turns.ts';

/** The money and tokens of one entry, and how they were come by. */
export interface Booking {
  kind: 'charge' | 'correction' | 'failure' | 'refusal';
  corrects: string | null;
  /** The contracted cost: what budgets count. */
  nanoUsd: number;
  listNanoUsd: number;
  /** The contracted cost on the model asked for; null where nothing was charged. */
  askedNanoUsd: number | null;
  listPriceVersion: string;
  chargedPriceVersion: string;
  tokens: TokenCounts;
  webSearchRequests: number;
  serviceTier: string | null;
  speed: string | null;
  inferenceGeo: string | null;
  /** What the provider takes for tokens, in millionths of list prices. */
  priceMillionths: number;
  modelUnknown: boolean;
  /** Null: exact. */
  estimatedWhy: string | null;
}

const NO_ANSWER: AnswerFacts = {
  provider: null,
  providerInstance: null,
  priceMillionths: LIST_MILLIONTHS,
  upstreamCredential: null,
  anthropicVersion: null,
  firstByteAtMs: null,
  lastByteAtMs: null,
  httpStatus: null,
  errorType: null,
  stopReason: null,
  upstreamRequestId: null,
  responseBytes: 0,
};

function iso(ms: number): string;
function iso(ms: number | null): string | null;
function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

/** The columns that tell of the turn itself, whatever became of it. */
function turnColumns(opened: OpenedTurn) {
  const { request } = opened;
  const { facts } = request;
  return {
    turn_id: request.turnId,
    attempt: opened.attempt,
    received_at: iso(request.receivedAtMs),
    admitted_at: iso(opened.admittedAtMs),
    open_seq: opened.openSeq,
    cost_center: request.costCenter,
    developer: opened.developer,
    key_id: request.keyId,
    key_tags: opened.keyTags,
    session: facts.session,
    agent: facts.agent,
    turn_kind: facts.kind,
    model_asked: facts.model,
    model_served: opened.model,
    decision: opened.decision,
    stage: opened.stage,
    route: opened.route,
    reasons: opened.reasons,
    decision_inputs: opened.decisionInputs,
    policy_version: opened.policyVersion,
    standing: opened.standing,
    held_nano_usd: opened.heldNanoUsd,
    expected_nano_usd: opened.model === null ? null : opened.hold.expected,
    request_bytes: facts.bodyBytes,
    stream: facts.stream,
    max_tokens: facts.maxTokens,
    message_count: facts.messageCount,
    tools_offered: facts.toolsOffered,
    tools_used: facts.toolsUsed,
    tool_results_failed: facts.toolResultsFailed,
    effort: facts.effort,
    thinking: facts.thinking,
    billed_to: facts.ownCredential ? ('developer' as const) : null,
  } satisfies Partial<Entry>;
}

function answerColumns(answer: AnswerFacts) {
  return {
    provider: answer.provider,
    provider_instance: answer.providerInstance,
    upstream_credential: answer.upstreamCredential,
    anthropic_version: answer.anthropicVersion,
    first_byte_at: iso(answer.firstByteAtMs),
    last_byte_at: iso(answer.lastByteAtMs),
    http_status: answer.httpStatus,
    error_type: answer.errorType,
    stop_reason: answer.stopReason,
    upstream_request_id: answer.upstreamRequestId,
    response_bytes: answer.responseBytes,
  } satisfies Partial<Entry>;
}

/**
 * The new part of the prompt. A correction's token columns are differences, and so are these: the entries of a
 * turn add up.
 */
function newInputTokens(opened: OpenedTurn, booking: Booking): number {
  const total = promptTokens(booking.tokens);
  return booking.kind === 'correction' ? total : Math.max(0, total - opened.priorPromptTokens);
}

/** The immutable row of a booking; `answer` null where the upstream was never heard. */
export function toEntry(
  opened: OpenedTurn,
  booking: Booking,
  answer: AnswerFacts | null,
  settleSeq: number,
  nowMs: number,
): Entry {
  const { tokens } = booking;
  return {
    entry_id: timeOrderedId(nowMs),
    kind: booking.kind,
    corrects: booking.corrects,
    ...turnColumns(opened),
    ...answerColumns(answer ?? NO_ANSWER),
    recorded_at: iso(nowMs),
    settle_seq: settleSeq,
    model_unknown: booking.modelUnknown,
    input_tokens: tokens.inputTokens,
    cache_write_5m_tokens: tokens.cacheWrite5mTokens,
    cache_write_1h_tokens: tokens.cacheWrite1hTokens,
    cache_read_tokens: tokens.cacheReadTokens,
    output_tokens: tokens.outputTokens,
    web_search_requests: booking.webSearchRequests,
    service_tier: booking.serviceTier,
    speed: booking.speed,
    inference_geo: booking.inferenceGeo,
    price_millionths: booking.priceMillionths === LIST_MILLIONTHS ? null : booking.priceMillionths,
    charged_nano_usd: nanoUsd(booking.nanoUsd),
    list_nano_usd: nanoUsd(booking.listNanoUsd),
    asked_nano_usd: booking.askedNanoUsd === null ? null : nanoUsd(booking.askedNanoUsd),
    list_price_version: booking.listPriceVersion,
    charged_price_version: booking.chargedPriceVersion,
    estimated: booking.estimatedWhy !== null,
    estimated_why: booking.estimatedWhy,
    total_input_tokens: promptTokens(tokens),
    new_input_tokens: newInputTokens(opened, booking),
  };
}

/** A booking of no money: a refusal, or a turn the upstream failed before any usage. */
export function emptyBooking(kind: 'failure' | 'refusal', listPriceVersion: string): Booking {
  return {
    kind,
    corrects: null,
    nanoUsd: 0,
    listNanoUsd: 0,
    askedNanoUsd: null,
    listPriceVersion,
    chargedPriceVersion: listPriceVersion,
    tokens: NO_TOKENS,
    webSearchRequests: 0,
    serviceTier: null,
    speed: null,
    inferenceGeo: null,
    priceMillionths: LIST_MILLIONTHS,
    modelUnknown: false,
    estimatedWhy: null,
  };
}

export function refusalEntry(
  opened: OpenedTurn,
  listPriceVersion: string,
  settleSeq: number,
  nowMs: number,
): Entry {
  return toEntry(opened, emptyBooking('refusal', listPriceVersion), null, settleSeq, nowMs);
}
