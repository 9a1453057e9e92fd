/**
 * Made-up turns as rows of the ledger, as a wallet would have written them: each settled with the exact usage of
 * a provider's cache, priced by the catalogue, and decided on without a policy (nobody had set one up yet).
 *
 * Ids come from the seed and the turn alone: writing the same traffic again adds nothing.
 */
import { encodeTime } from 'ulid';
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { priceUsage } from '../../durable-objects/core/catalogue/price.ts';
import type { Model } from '../../durable-objects/core/catalogue/types.ts';
import { decide } from '../../durable-objects/core/decide.ts';
import type { Admission, TurnToDecide } from '../../durable-objects/core/decision.ts';
import { FIRST_OUTPUT_TOKENS } from '../../durable-objects/core/estimate.ts';
import { nextHistory, type SessionHistory } from '../../durable-objects/core/history.ts';
import { NO_TOKENS, promptTokens, type Usage } from '../../durable-objects/core/usage.ts';
import type { Entry } from '../../durable-objects/ledger/entry.ts';
import { CacheWorld } from '../../test/traffic/cache-world.ts';
import { Random } from '../../test/traffic/random.ts';
import { type TrafficTurn, tokensOn, toTurnFacts } from '../../test/traffic/turn.ts';

/** In the column `provider`: what tells these rows from turns that were really made. */
export const DEMO_PROVIDER = 'demo';

/** Wallets number from 1. Demo rows are older than a wallet's first: their numbers go by time and are negative. */
const SEQUENCE_ENDS_MS = Date.UTC(2100, 0, 1);
const SEQUENCES_A_MS = 1024;
const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** What a wallet takes to admit a turn, and to hear that it has ended. */
const ADMIT_MS = 3;
const SETTLE_MS = 4;

export class DemoLedger {
  readonly #seed: number;
  readonly #world = new CacheWorld();
  readonly #histories = new Map<string, SessionHistory>();

  constructor(seed: number) {
    this.#seed = seed;
  }

  /** The entry of the next turn; turns are given in the order of time. */
  entryOf(turn: TrafficTurn): Entry {
    const model = findModel(builtinCatalogue, turn.model);
    if (!model) throw new RangeError(`${turn.model} is no model of the catalogue`);
    const history = this.#histories.get(turn.thread) ?? null;
    const facts = toTurnFacts(turn);
    const admittedMs = turn.atMs + ADMIT_MS;
    const asked: TurnToDecide = {
      facts,
      history,
      tags: turn.keyTags,
      step: null,
      allowedModels: null,
      preferred: null,
      exempt: false,
      refused: [],
    };
    const decision = decide(asked, [], null, builtinCatalogue, admittedMs);
    if (decision.kind === 'refuse') throw new Error('a turn without a policy was refused');
    const usage = this.#world.serve(turn, model, turn.atMs);
    const ids = this.#idsOf(turn);
    if (usage) this.#remember(turn, model, usage, history);
    const { toolsOffered: _, toolsUsed: __, ...shownFacts } = facts;
    const { tags: ___, allowedModels: ____, ...inputs } = asked;
    return {
      ...ids,
      ...turnColumns(turn),
      ...decisionColumns(decision),
      decision_inputs: {
        ...inputs,
        facts: shownFacts,
        catalogue: builtinCatalogue.version,
        priceOverrides: [],
        hold: decision.hold,
        openSeq: ids.open_seq,
      },
      ...answerColumns(turn, ids.upstream_request_id),
      ...usageColumns(turn, model, usage, admittedMs),
    };
  }

  #idsOf(turn: TrafficTurn) {
    const random = new Random(`${this.#seed} ${turn.id}`);
    const settledMs = turn.atMs + turn.durationMs + SETTLE_MS;
    const sequence = (ms: number): number =>
      (ms - SEQUENCE_ENDS_MS) * SEQUENCES_A_MS + random.integer(0, SEQUENCES_A_MS - 1);
    return {
      entry_id:
        encodeTime(settledMs, 10) +
        Array.from({ length: 16 }, () => CROCKFORD[random.integer(0, 31)]).join(''),
      turn_id: `turn_${random.uuid()}`,
      open_seq: sequence(turn.atMs),
      settle_seq: sequence(settledMs),
      upstream_request_id: `req_${random.hex(24)}`,
    };
  }

  /** What a wallet knows of the thread when its next turn comes. */
  #remember(turn: TrafficTurn, model: Model, usage: Usage, history: SessionHistory | null): void {
    if (turn.leftAfter !== null) return;
    const answered = {
      model: turn.model,
      tokenizer: model.tokenizer,
      tokens: usage.tokens,
      bodyBytes: turn.bodyBytes,
      kind: turn.kind,
      cacheTtl: turn.cacheTtl,
      firstOutputTokens: FIRST_OUTPUT_TOKENS[turn.kind],
      atMs: turn.atMs + turn.durationMs,
    };
    this.#histories.set(turn.thread, nextHistory(history, answered));
  }
}

/** The key a developer of the demo has, whatever the seed. */
export function demoKeyId(developer: string): string {
  return `k${new Random(`key of ${developer}`).hex(24)}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

function turnColumns(turn: TrafficTurn) {
  const endMs = turn.atMs + turn.durationMs;
  return {
    attempt: 1,
    corrects: null,
    received_at: iso(turn.atMs),
    admitted_at: iso(turn.atMs + ADMIT_MS),
    recorded_at: iso(endMs + SETTLE_MS),
    cost_center: turn.costCenter,
    developer: turn.developer,
    key_id: demoKeyId(turn.developer),
    key_tags: turn.keyTags,
    session: turn.session,
    agent: turn.agent,
    turn_kind: turn.kind,
    model_asked: turn.model,
    model_served: turn.model,
    model_unknown: false,
    request_bytes: turn.bodyBytes,
    stream: turn.stream,
    max_tokens: turn.maxTokens,
    message_count: turn.messageCount,
    tools_offered: turn.toolsOffered,
    tools_used: turn.toolsUsed,
    tool_results_failed: turn.toolResultsFailed,
    effort: turn.effort,
    thinking: turn.thinking,
  } satisfies Partial<Entry>;
}

function decisionColumns({ kind, reasons, hold, stage, route }: Admission) {
  return {
    decision: kind,
    stage,
    route,
    reasons,
    policy_version: null,
    standing: [],
    held_nano_usd: hold.expected,
    expected_nano_usd: hold.expected,
  } satisfies Partial<Entry>;
}

/** A streamed token is some 25 bytes of events, an error a short JSON. */
function answerColumns(turn: TrafficTurn, requestId: string) {
  const failed = turn.failedStatus !== null;
  const streamedTokens = turn.outputTokens * (turn.leftAfter ?? 1);
  return {
    provider: DEMO_PROVIDER,
    provider_instance: null,
    price_millionths: null,
    billed_to: null,
    upstream_credential: null,
    anthropic_version: '2023-06-01',
    first_byte_at: iso(turn.atMs + Math.min(turn.firstTokenMs, turn.durationMs)),
    last_byte_at: iso(turn.atMs + turn.durationMs),
    http_status: turn.failedStatus ?? 200,
    error_type: failed ? 'overloaded_error' : null,
    stop_reason: failed || turn.leftAfter !== null ? null : turn.stopReason,
    upstream_request_id: requestId,
    response_bytes: failed ? 130 : Math.round(1_200 + 25 * streamedTokens),
  } satisfies Partial<Entry>;
}

/** A turn that failed upstream has used nothing; one that was left half-way is marked, as a wallet does. */
function usageColumns(turn: TrafficTurn, model: Model, usage: Usage | null, atMs: number) {
  const tokens = usage?.tokens ?? NO_TOKENS;
  const priced = usage
    ? priceUsage({ usage, sentModel: turn.model, atMs, catalogue: builtinCatalogue }).nanoUsd
    : 0;
  const isLeft = turn.leftAfter !== null && usage !== null;
  return {
    kind: usage ? 'charge' : 'failure',
    input_tokens: tokens.inputTokens,
    cache_write_5m_tokens: tokens.cacheWrite5mTokens,
    cache_write_1h_tokens: tokens.cacheWrite1hTokens,
    cache_read_tokens: tokens.cacheReadTokens,
    output_tokens: tokens.outputTokens,
    web_search_requests: 0,
    service_tier: usage?.serviceTier ?? null,
    speed: usage?.speed ?? null,
    inference_geo: usage?.inferenceGeo ?? null,
    charged_nano_usd: priced,
    list_nano_usd: priced,
    asked_nano_usd: usage ? priced : null,
    list_price_version: builtinCatalogue.version,
    charged_price_version: builtinCatalogue.version,
    estimated: isLeft,
    estimated_why: isLeft ? 'client_gone' : null,
    total_input_tokens: promptTokens(tokens),
    new_input_tokens: usage ? tokensOn(model, turn.newTokens) : 0,
  } satisfies Partial<Entry>;
}
