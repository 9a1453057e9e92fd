/**
 * A thread's step down that sticks: made by a stage or for want of money, each of its causes holds until its window
 * resets, or until a raise or a change of policy lifts it. Then the thread goes back to what it asks for as soon as
 * that throws away no warm cache.
 */
import { type Candidate, dearnessOf } from './cascade.ts';
import { dearness, findModel } from './catalogue/lookup.ts';
import type { Catalogue } from './catalogue/types.ts';
import { cachedTokens, type SessionHistory } from './history.ts';
import { judged, type Standing, stageLine, stageThat } from './standing.ts';

/** One budget that keeps the thread from models dearer than one. */
export interface StepCause {
  /** The model it leads down to, as the catalogue names it: dearer ones are barred. */
  model: string;
  /** Only models of this line are barred: a line's money that ran short leaves the others free. Null: all. */
  line: string | null;
  /** The budget and subject that made it. */
  budget: string;
  subject: string;
  /** `downgrade`: its stage was reached; `pause`: its money no longer had room for the model above. */
  cause: 'downgrade' | 'pause';
  /** The line that was passed, nano-USD: only where it has risen since can the cause be gone within the window. */
  lineNanoUsd: number;
  /** End of the window it was made in, epoch ms; null where the window has none (a session). */
  endMs: number | null;
  /** The reason it was made for, as it stands in the ledger. */
  reason: string;
  /** `budget@fraction` of the stage. */
  stage: string;
  atMs: number;
}

export interface Step {
  /** At least one, the first made first. */
  causes: readonly StepCause[];
}

/** Whether what made the step still stands. */
export function holds(cause: StepCause, standings: readonly Standing[], nowMs: number): boolean {
  if (cause.endMs !== null && nowMs >= cause.endMs) return false;
  const standing = standings.find(
    ({ budget, subject }) => budget.id === cause.budget && subject === cause.subject,
  );
  const stage = standing && stageThat(standing.budget, cause.cause);
  if (!stage) return false;
  const line = stageLine(standing, stage);
  // Money that was expected and then not spent does not end a step: it would flip back and forth.
  return line <= cause.lineNanoUsd || judged(standing, cause.cause) >= line;
}

/** Whether a cause keeps the thread from a model. A model it led to that the catalogue no longer has bars nothing. */
function bars(cause: StepCause, candidate: Candidate, catalogue: Catalogue, nowMs: number): boolean {
  if (cause.line !== null && cause.line !== candidate.model?.line) return false;
  const model = findModel(catalogue, cause.model);
  return model !== null && dearnessOf(candidate, nowMs) > dearness(model, nowMs);
}

/** A step as it binds the thread's next turn. */
export interface StepInForce {
  /** The step without the causes that are gone. */
  step: Step;
  /** Where it leads: the model to be tried first. */
  first: Candidate;
  /** Its cause is gone, but the cache of the model it led to is warm. */
  lingers: boolean;
}

/** The step as it binds a turn that could be served by `models`, dearest first; null where it is free again. */
export function stepInForce(
  step: Step | null,
  models: readonly Candidate[],
  standings: readonly Standing[],
  history: SessionHistory | null,
  catalogue: Catalogue,
  nowMs: number,
): StepInForce | null {
  const cheapest = models.at(-1);
  if (!step || !cheapest) return null;
  const firstUnder = (causes: readonly StepCause[]): Candidate =>
    models.find((model) => !causes.some((cause) => bars(cause, model, catalogue, nowMs))) ?? cheapest;
  const holding = step.causes.filter((cause) => holds(cause, standings, nowMs));
  const first = firstUnder(holding);
  const before = holding.length === step.causes.length ? first : firstUnder(step.causes);
  if (before !== first && cachedTokens(history, before.id, nowMs) > 0) {
    return { step, first: before, lingers: true };
  }
  if (holding.length === 0) return null;
  return { step: holding.length === step.causes.length ? step : { causes: holding }, first, lingers: false };
}
