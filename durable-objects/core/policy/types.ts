/** A validated policy: USD as nano-USD, fractions as millionths, defaults filled in. */
import type { NanoUsd } from '../money.ts';

export const SCOPES = ['cost_center', 'developer', 'key'] as const;
export type Scope = (typeof SCOPES)[number];

export const WINDOWS = ['day', 'week', 'month'] as const;
export type WindowKind = (typeof WINDOWS)[number];

export const STAGE_ACTIONS = ['alert', 'downgrade', 'pause'] as const;
export type StageAction = (typeof STAGE_ACTIONS)[number];

export type Admission = 'expected' | 'guaranteed';

export interface Stage {
  /** The fraction as written ("0.95"); it names the stage in reasons. */
  at: string;
  /** The same in millionths, an integer from 1 to 10,000,000. */
  atMillionths: number;
  do: StageAction;
}

export interface Budget {
  id: string;
  scope: Scope;
  window: WindowKind;
  /** 0 is allowed and blocks. */
  limitNanoUsd: NanoUsd;
  /** In ascending order of `atMillionths`, at most one of each action. */
  stages: readonly Stage[];
  admission: Admission;
}

export interface Policy {
  timezone: string;
  budgets: readonly Budget[];
  /** Model ids, dearest first, as the catalogue names them. */
  cascade: readonly string[];
  /** Null: every model. */
  allowedModels: readonly string[] | null;
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
