/**
 * Where a budget stands for one subject in one window, and which of its lines that passes. Stages are judged on
 * settled + expected money, the pause line's finality on settled money alone (DESIGN, "promises").
 */
import { addNanoUsd, MAX_LIMIT_NANO_USD, type NanoUsd, nanoUsd } from './money.ts';
import type { Budget, Scope, Stage, StageAction } from './policy/types.ts';

export interface Standing {
  budget: Budget;
  /** The cost center's id, the developer, the key or the session the budget is counted for. */
  subject: string;
  /** The window, epoch ms, half-open; a session's has no end. */
  startMs: number;
  endMs: number | null;
  /** The budget's limit for this subject, raises in force included. */
  limit: NanoUsd;
  /** The part of `limit` that raises add. */
  raised: NanoUsd;
  settled: NanoUsd;
  /** Money set aside by open turns admitted in this window, by the budget's kind of admission. */
  held: NanoUsd;
  /** The predicted part of what is held; equal to it where admission is `expected`. */
  expected: NanoUsd;
}

/** Who spends. A null session: the caller is not in one. */
export interface Caller {
  costCenter: string;
  developer: string;
  keyId: string;
  session: string | null;
}

/** Whom a scope counts, of those a caller is; null where the caller is none such. */
export function subjectOf<C extends Caller>(scope: Scope, caller: C): C['session'] {
  switch (scope) {
    case 'cost_center':
      return caller.costCenter;
    case 'developer':
      return caller.developer;
    case 'key':
      return caller.keyId;
    case 'session':
      return caller.session;
  }
}

/** A budget's limit for a subject, `extra` of raises included, and the part of it that raises add. */
export function limitFor(budget: Budget, subject: string, extra: number): Pick<Standing, 'limit' | 'raised'> {
  const own = budget.overrides.get(subject) ?? budget.limitNanoUsd;
  const limit = nanoUsd(Math.min(own + extra, MAX_LIMIT_NANO_USD));
  return { limit, raised: nanoUsd(limit - own) };
}

const MILLION = 1_000_000;

/** The amount from which a stage acts: its fraction of the limit, rounded down. */
export function stageLine({ limit }: Pick<Standing, 'limit'>, stage: Stage): NanoUsd {
  // The product of both is no safe integer, and this is asked of every budget several times a turn: in two parts.
  const rest = limit % MILLION;
  const whole = (limit - rest) / MILLION;
  return nanoUsd(whole * stage.atMillionths + Math.floor((rest * stage.atMillionths) / MILLION));
}

/** The budget's stage that does this; null where it has none. */
export function stageThat(budget: Budget, action: StageAction): Stage | null {
  return budget.stages.find((stage) => stage.do === action) ?? null;
}

/** The amount no admission may pass; null for a budget that never pauses. */
export function pauseLine(standing: Pick<Standing, 'budget' | 'limit'>): NanoUsd | null {
  const pause = stageThat(standing.budget, 'pause');
  return pause ? stageLine(standing, pause) : null;
}

/** Whether the budget counts and binds turns served by a model of this line; null: of a model nobody knows. */
export function bindsLine({ budget }: Pick<Standing, 'budget'>, line: string | null): boolean {
  return budget.line === null || budget.line === line;
}

/** The money a stage's passing is judged on: a pause on what is settled, the others on what is expected too. */
export function judged(standing: Standing, action: StageAction): NanoUsd {
  return action === 'pause' ? standing.settled : addNanoUsd(standing.settled, standing.expected);
}

export function hasReached(standing: Standing, stage: Stage): boolean {
  return judged(standing, stage.do) >= stageLine(standing, stage);
}

/** The highest stage reached; null below the first. */
export function stageReached(standing: Standing): Stage | null {
  return standing.budget.stages.findLast((stage) => hasReached(standing, stage)) ?? null;
}

/** Settled money as a fraction of the limit; 1 where the limit is zero. */
export function utilization(standing: Standing): number {
  const { limit, settled } = standing;
  return limit === 0 ? 1 : settled / limit;
}

/** The fullest of the standings, the first of equals; null of none. */
export function fullest(standings: readonly Standing[]): Standing | null {
  let found: Standing | null = null;
  for (const standing of standings) {
    if (!found || utilization(standing) > utilization(found)) found = standing;
  }
  return found;
}

/** How a stage is named in reasons and in the ledger: `team-day@0.95`. */
export function stageName(budget: Budget, stage: Stage): string {
  return `${budget.id}@${stage.at}`;
}
