/**
 * What the wallet can be asked, and what it answers. Plain data: it crosses an RPC. Expected failures are
 * values here; a rejected call means the wallet could not be reached and may be repeated with the same ids.
 */
import type { Budget, LimitScope, Scope, WindowKind } from '../core/policy/types.ts';
import type { Renaming } from '../core/pseudonym.ts';
import type { TurnFacts } from '../core/turn.ts';
import type { Usage } from '../core/usage.ts';
import type { CallerReply } from './caller-view.ts';
import type { GuardFigures } from './guard-view.ts';

export type { CallerReply, CallerView, SessionView, StepDownView } from './caller-view.ts';
export type { GuardFigures, SignalFigures } from './guard-view.ts';

export interface OpenRequest {
  turnId: string;
  costCenter: string;
  keyId: string;
  /** When the edge received the request, epoch ms by the edge's clock: recorded, never decided on. */
  receivedAtMs: number;
  facts: TurnFacts;
}

/** A budget's standing as people and headers are shown it. */
export interface StandingView {
  id: string;
  scope: Scope;
  subject: string;
  /** Null: of every line. */
  line: string | null;
  window: WindowKind;
  /** ISO 8601, in the policy's time zone, with its offset. */
  windowStart: string;
  /** Null: it ends with its session. */
  resetsAt: string | null;
  resetsAtMs: number | null;
  /** For this subject, raises in force included. */
  limitNanoUsd: number;
  /** What of it raises add. */
  raisedNanoUsd: number;
  settledNanoUsd: number;
  heldNanoUsd: number;
  /** Settled money as a fraction of the limit; 1 where the limit is zero. */
  utilization: number;
  stage: 'none' | Budget['stages'][number]['do'];
}

export interface Refusal {
  /** `budget`: money; `paused`, `archived`, `stopped` (one session): an admin's doing; `model`: not allowed; `unbounded`: no ceiling; `pending`: only open holds stand in the way; `limit`: one besides money. */
  why: 'budget' | 'paused' | 'archived' | 'stopped' | 'model' | 'unbounded' | 'pending' | 'limit';
  /** Whether trying again soon can help. */
  retryable: boolean;
  retryAfterSeconds: number | null;
  /** One readable sentence for the developer. */
  message: string;
  /** The budget that refused, where one did. */
  standing: StandingView | null;
}

export type KeyProblem = 'unknown' | 'revoked' | 'disabled' | 'expired';

export type OpenReply =
  | {
      status: 'admitted';
      decision: 'proceed' | 'downgrade' | 'route';
      /** The model to send the turn to; equal to the one asked for unless the decision changed it. */
      model: string;
      /** The `max_tokens` to send in place of the asked ones; null: as asked. */
      maxTokens: number | null;
      reasons: string[];
      /** The fullest budget that binds this caller; null without a policy. */
      standing: StandingView | null;
      /** Ids of the providers the turn may go to; null: all that the deployment has. */
      providers: readonly string[] | null;
      /** The provider whose prompt cache the session may still be warm in; null: none is known. */
      lastProvider: string | null;
      /** Whether the turn may go on down the cascade where every provider of its model is at its limits. */
      stepsDownWhenExhausted: boolean;
    }
  | { status: 'refused'; refusal: Refusal; reasons: string[]; standing: StandingView | null }
  | { status: 'key_rejected'; problem: KeyProblem }
  /** The same turn id came with other content. */
  | { status: 'conflict' }
  /** No other model could take the turn; it is held as it was. */
  | { status: 'nothing_left' }
  /** The wallet has no configuration and cannot get it. */
  | { status: 'unavailable'; message: string };

/** Why a turn is decided anew. */
export type ReopenCause =
  /**
   * The upstream refused the model a turn was stepped down to; nothing was billed. `remember`: the model is to be left
   * alone for a while by turns that ask for the same.
   */
  | { kind: 'model_refused'; remember: boolean }
  /** Every provider of the model is at its limits; nothing was billed. */
  | { kind: 'providers_exhausted' }
  /** The attempt was given up for another on the same model, and its provider bills it all the same. */
  | { kind: 'billed'; outcome: Outcome; answer: AnswerFacts };

export interface ReopenRequest {
  turnId: string;
  /** The attempt that failed, from 1. */
  attempt: number;
  cause: ReopenCause;
}

/** How far a running turn has come; what it is charged if nothing more is ever heard of it. */
export interface Progress {
  usage: Usage | null;
  /** Output so far in tokens, estimated from what streamed; at least the exact figure in `usage`. */
  outputTokens: number;
}

export interface RenewRequest {
  turnId: string;
  attempt: number;
  progress: Progress;
}

/** Facts about the upstream's answer, for the ledger. */
export interface AnswerFacts {
  /** The kind of provider that was asked: "anthropic", "bedrock". */
  provider: string | null;
  /** Which one of them, by its id in the deployment's list. */
  providerInstance: string | null;
  /** What it takes for tokens, in millionths of list prices. */
  priceMillionths: number;
  upstreamCredential: string | null;
  anthropicVersion: string | null;
  firstByteAtMs: number | null;
  lastByteAtMs: number | null;
  httpStatus: number | null;
  errorType: string | null;
  stopReason: string | null;
  upstreamRequestId: string | null;
  responseBytes: number;
}

export type Outcome =
  /** The upstream reported its usage to the end. */
  | { kind: 'completed'; usage: Usage }
  /** It ended before that: charged at what is known, marked estimated. A null usage: the input is estimated too. */
  | {
      kind: 'broken_off';
      why: 'client_gone' | 'upstream_cut' | 'upstream_error' | 'usage_missing' | 'first_byte_late';
      progress: Progress;
      undecided?: true;
    }
  /**
   * No usage and none billed: the hold is released. `undecided`, of either: another decision was asked for and not
   * heard; no later attempt was sent, so where the wallet made one, its hold is released.
   */
  | { kind: 'failed'; undecided?: true }
  /** The model refused before any output: not charged although tokens show. */
  | { kind: 'refused_unbilled'; usage: Usage | null };

export interface SettleRequest {
  turnId: string;
  attempt: number;
  outcome: Outcome;
  answer: AnswerFacts;
}

export type SettleReply =
  | { status: 'settled'; chargedNanoUsd: number }
  /** The turn was resolved with other content before. */
  | { status: 'conflict' }
  | { status: 'unknown_turn' };

export type RenewReply = { status: 'renewed' | 'resolved' | 'unknown_turn' };

export type AuthorizeReply =
  | { status: 'authorized'; developer: string; standing: StandingView | null }
  | { status: 'key_rejected'; problem: KeyProblem }
  | { status: 'unavailable'; message: string };

export interface HoldView {
  turnId: string;
  attempt: number;
  developer: string;
  keyId: string;
  session: string;
  model: string;
  heldNanoUsd: number;
  openedAt: string;
  leaseExpiresAt: string;
}

/** How a subject stands to a limit besides money; a figure's limit is null where it has none. */
export interface RateView {
  scope: LimitScope;
  subject: string;
  requestsLastMinute: number;
  requestsPerMinute: number | null;
  tokensLastMinute: number;
  tokensPerMinute: number | null;
  concurrentTurns: number;
  concurrentTurnsLimit: number | null;
}

export interface WalletView {
  budgets: StandingView[];
  /** Of subjects with turns within the last minute, or under way. */
  limits: RateView[];
  policyVersion: number | null;
  asOf: string;
}

/** What a wallet has counted in a span, to be held against the ledger. */
export interface WalletTotals {
  costCenter: string;
  settledNanoUsd: number;
  /** Those with money in the span; they add up to `settledNanoUsd`. */
  developers: { developer: string; settledNanoUsd: number }[];
  /** The same by UTC day ("2026-11-23"), in order of day and developer. */
  days: { day: string; developer: string; settledNanoUsd: number }[];
  /** Entries of turns admitted in the span that D1 may not have yet. */
  undrainedEntries: number;
  /** Documents of any kind and span on their way to D1. */
  outboxDepth: number;
  /** When the oldest of them was written, ISO 8601 in UTC; null with an empty outbox. */
  oldestUndrainedAt: string | null;
}

/** How a wallet is doing right now, for metrics. */
export interface WalletGauges {
  holdsOpen: number;
  heldNanoUsd: number;
  /** Documents on their way to D1. */
  outboxDepth: number;
  /** Age of the oldest of them, ms; 0 where there is none. */
  outboxOldestMs: number;
  /** Spans the collector took, and spans lost on the way, since the wallet's first one. */
  telemetrySent: number;
  telemetryLost: number;
}

/** The wallet's calls, as `DurableObjectStub<Wallet>` offers them. */
export interface WalletRpc {
  /** Estimate, decide, hold, in one transaction. Idempotent by turn id: the same content gets the same reply. */
  open(request: OpenRequest): Promise<OpenReply>;
  /**
   * Decides a turn anew without the model its attempt failed on; its hold is topped up or lowered in place.
   * Idempotent by turn id and attempt.
   */
  reopen(request: ReopenRequest): Promise<OpenReply>;
  /** Keeps a hold's lease alive. */
  renew(request: RenewRequest): Promise<RenewReply>;
  /** The exact cost takes the hold's place. Idempotent by turn id and attempt. */
  settle(request: SettleRequest): Promise<SettleReply>;
  /** Checks a key without a turn. */
  authorize(costCenter: string, keyId: string): Promise<AuthorizeReply>;
  /** Where the holder of a key stands; of a session (null: of none) only what is their own. Reads only. */
  caller(costCenter: string, keyId: string, session: string | null): Promise<CallerReply>;
  /** Marks a link's code as used; false where it was. `untilMs`: when it ends by itself. Not to be repeated. */
  redeem(code: string, untilMs: number): Promise<boolean>;
  /** A developer's wish to step one of their sessions down early; a null model takes it back. */
  prefer(costCenter: string, keyId: string, session: string, model: string | null): Promise<AuthorizeReply>;
  view(costCenter: string): Promise<WalletView>;
  /** What the guard of a rollout has counted; nothing of one that the wallet does not know. Reads only. */
  guard(rollout: { id: string; version: number; baseVersion: number }): Promise<GuardFigures>;
  /**
   * Tells guards of a developer's request for more; `session` null: of the one they were last active in. To be called
   * once a request: what is lost is a count, and no more.
   */
  requested(costCenter: string, keyId: string, requestId: string, session: string | null): Promise<void>;
  holds(): Promise<HoldView[]>;
  /**
   * Settled money of turns admitted in a half-open span whose ends (epoch ms) lie on quarter-hours. Reads only.
   * Complete for the 40 days that spend is kept.
   */
  totals(costCenter: string, fromMs: number, toMs: number): Promise<WalletTotals>;
  gauges(): Promise<WalletGauges>;
  /** Ends a runaway hold: it settles at the best figure known, marked estimated. False: no such open hold. */
  endHold(turnId: string, reason: string): Promise<boolean>;
  /** Makes sure the wallet's copy of the configuration is at least at `revision`; rejects where D1 is away. */
  refresh(costCenter: string, revision: number): Promise<{ revision: number }>;
  /** Puts a pseudonym in a developer's place in all that the wallet keeps. Can be repeated. */
  rename(renaming: Renaming): Promise<void>;
  /** Records an event that somebody should hear of, outside a turn's decision. */
  raise(costCenter: string, event: { on: string; turnId: string | null; facts: unknown }): Promise<void>;
}
