/** A validated policy: USD as nano-USD, fractions as millionths, defaults filled in. */
import type { NanoUsd } from '../money.ts';
import type { TurnKind } from '../turn.ts';

export const SCOPES = ['cost_center', 'developer', 'key', 'session'] as const;
export type Scope = (typeof SCOPES)[number];

export const WINDOWS = ['day', 'week', 'month', 'session'] as const;
export type WindowKind = (typeof WINDOWS)[number];

export const STAGE_ACTIONS = ['alert', 'downgrade', 'pause'] as const;
export type StageAction = (typeof STAGE_ACTIONS)[number];

export type Admission = 'expected' | 'guaranteed';

/** Whether a downgrade stage steps down only where that costs less, or whatever it costs. */
export const STEP_DOWNS = ['if_it_pays', 'always'] as const;
export type StepDown = (typeof STEP_DOWNS)[number];

export interface Stage {
  /** The fraction as written ("0.95"); it names the stage in reasons. */
  at: string;
  /** The same in millionths, an integer from 1 to 10,000,000. */
  atMillionths: number;
  do: StageAction;
  /** Of a downgrade; means nothing to the others. */
  stepDown: StepDown;
}

export interface Budget {
  id: string;
  scope: Scope;
  /** Only turns served by this line of models count and are bound; null: all. */
  line: string | null;
  /** `session` exactly where the scope is. */
  window: WindowKind;
  /** 0 is allowed and blocks. */
  limitNanoUsd: NanoUsd;
  /** Limits of single developers in place of `limitNanoUsd`; by case-folded developer, of scope developer only. */
  overrides: ReadonlyMap<string, NanoUsd>;
  /** In ascending order of `atMillionths`, at most one of each action. */
  stages: readonly Stage[];
  admission: Admission;
  /** Whether a ceiling that does not fit may be made to by lowering the turn's `max_tokens`. */
  clampMaxTokens: boolean;
}

/** What a turn has to be like for a route to apply; null: whatever. All that is not null must hold. */
export interface RouteConditions {
  /** The budget `remainingBelow` is about. */
  budget: string | null;
  remainingBelow: NanoUsd | null;
  /** Tokens of the whole prompt, as estimated, are fewer. */
  inputTokensBelow: number | null;
  /** Tokens the session had not sent before, as estimated, are fewer. */
  newInputTokensBelow: number | null;
  kinds: readonly TurnKind[] | null;
  /** Lines of the model that would serve the turn otherwise. */
  lines: readonly string[] | null;
  /** Minutes after local midnight, from inclusive to exclusive; over midnight where `from` is later. */
  hours: { fromMinute: number; toMinute: number } | null;
  /** Tags the key must have, with these values. */
  tags: ReadonlyMap<string, string> | null;
}

export interface Route {
  id: string;
  when: RouteConditions;
  /** The model to serve matching turns, as the catalogue names it. */
  use: string;
}

export const LIMIT_SCOPES = ['cost_center', 'developer', 'key'] as const;
export type LimitScope = (typeof LIMIT_SCOPES)[number];

/** What is limited besides money; null: without limit. Each at least 1. */
export interface RateFigures {
  /** Turns admitted within 60 s. */
  requestsPerMinute: number | null;
  /** Prompt and output of the turns admitted within 60 s. */
  tokensPerMinute: number | null;
  /** Turns under way. */
  concurrentTurns: number | null;
}

/** A limit besides money, for each subject of its scope; a policy has at most one a scope. */
export interface RateLimit extends RateFigures {
  /** It names the limit in reasons. */
  id: string;
  scope: LimitScope;
  /** Figures of single developers, whole: what an override leaves out is the limit's. Of scope developer only. */
  overrides: ReadonlyMap<string, RateFigures>;
}

/** What becomes of a turn when every provider of its model is at its limits. */
export const WHEN_EXHAUSTED = ['fail', 'step_down'] as const;
export type WhenExhausted = (typeof WHEN_EXHAUSTED)[number];

export interface Policy {
  timezone: string;
  budgets: readonly Budget[];
  /** Model ids, dearest first, as the catalogue names them. */
  cascade: readonly string[];
  /** In order: the first that matches, can be had and pays is taken. */
  routes: readonly Route[];
  /** Null: every model. */
  allowedModels: readonly string[] | null;
  /** Limits besides money. */
  limits: readonly RateLimit[];
  /** Ids of the deployment's providers that turns may go to; null: all. */
  allowedProviders: readonly string[] | null;
  whenExhausted: WhenExhausted;
}

/** A policy as the wallet holds it. */
export interface PolicyVersion {
  version: number;
  policy: Policy;
}

/** One thing wrong (or doubtful) in a policy document. */
export interface PolicyProblem {
  /** JSON path into the document: `budgets[0].limit_usd`. */
  path: string;
  message: string;
}
