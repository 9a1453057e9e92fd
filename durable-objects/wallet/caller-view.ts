/** How the wallet shows the holder of a key where they stand. Part of its calls (rpc.ts); plain data. */
import type { AuthorizeReply, RateView, StandingView } from './rpc.ts';

/** Why a session is served by another model than it asks for. */
export interface StepDownView {
  /** ISO 8601 in the policy's time zone. */
  since: string;
  sinceMs: number;
  /** When its causes end by themselves; null: with the session, or nobody knows (a route is asked anew each turn). */
  until: string | null;
  /** The decisive reason's code: `stage:team-day@0.95`, `short:opus-day`, `route:easy-turns`, `rule:…`, `preferred`, … */
  reason: string;
}

/** One session of a developer's own. */
export interface SessionView {
  session: string;
  /** When it began and was last active; null: no turn of this developer's was answered in it. */
  startedAt: string | null;
  lastAt: string | null;
  /** What the developer settled in it today. */
  settledTodayNanoUsd: number;
  /** As the client asks for; null as above. */
  modelAsked: string | null;
  /** What its main loop's next turn starts from; null as above. */
  model: string | null;
  stepDown: StepDownView | null;
  /** The model its developer asked to step it down to. */
  preferred: string | null;
  /** Why an admin stopped it; null: they did not. */
  stopped: string | null;
  /** Its own budget, of several the fullest; null where there is none or it has not begun. */
  budget: StandingView | null;
}

/** Where the holder of a key stands. Times are ISO 8601 in `timezone`. */
export interface CallerView {
  costCenter: string;
  name: string;
  /** Whom to ask; null where no manager is set. */
  manager: string | null;
  developer: string;
  keyId: string;
  keyExpiresAt: string | null;
  /** The policy's; without one the cost center's. */
  timezone: string;
  /** Null: spending without limit. */
  policyVersion: number | null;
  /** The models in force to step down through, dearest first. */
  cascade: readonly string[];
  /** The models that the policy and the key both allow; null: every one. */
  allowedModels: readonly string[] | null;
  /** Limits besides money that count the key's turns. */
  limits: RateView[];
  /** Every budget that applies, the fullest first. */
  budgets: StandingView[];
  /** The one that turns' headers tell of: the fullest that binds the session's model; null where none does. */
  binding: StandingView | null;
  paused: { reason: string; until: string | null } | null;
  archived: boolean;
  /** Until then no budget stands in the way; null: they do. */
  exemptUntil: string | null;
  /** The session asked about; null where none was. */
  session: SessionView | null;
  /** Today's, the last active first. */
  sessions: SessionView[];
  /** What the developer settled in the day, week and month so far, in this cost center. */
  settled: { dayNanoUsd: number; weekNanoUsd: number; monthNanoUsd: number };
  asOf: string;
}

export type CallerReply =
  | { status: 'known'; caller: CallerView }
  | Exclude<AuthorizeReply, { status: 'authorized' }>;
