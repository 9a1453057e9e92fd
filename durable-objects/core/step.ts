/**
 * A thread's step down that sticks: made by a stage or for want of money, it holds until its window resets, or
 * until a raise or a change of policy lifts its cause. Then the thread goes back to what it asks for as soon as
 * that throws away no warm cache.
 */
import { cachedTokens, type SessionHistory } from './history.ts';
import { judged, type Standing, stageLine, stageThat } from './standing.ts';

export interface Step {
  /** The model the thread stepped down to, as the catalogue names it. */
  model: string;
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
  /** `budget@fraction` of the stage; null where none acted. */
  stage: string | null;
  atMs: number;
}

/** Whether what made the step still stands. */
export function holds(step: Step, standings: readonly Standing[], nowMs: number): boolean {
  if (step.endMs !== null && nowMs >= step.endMs) return false;
  const standing = standings.find(
    ({ budget, subject }) => budget.id === step.budget && subject === step.subject,
  );
  const stage = standing && stageThat(standing.budget, step.cause);
  if (!stage) return false;
  const line = stageLine(standing, stage);
  // Money that was expected and then not spent does not end a step: it would flip back and forth.
  return line <= step.lineNanoUsd || judged(standing, step.cause) >= line;
}

/**
 * The step as it binds the thread's next turn; null where it is free again. `lingers`: its cause is gone, but the
 * cache of the model it stepped down to is warm.
 */
export function stepInForce(
  step: Step | null,
  standings: readonly Standing[],
  history: SessionHistory | null,
  nowMs: number,
): { step: Step; lingers: boolean } | null {
  if (!step) return null;
  if (holds(step, standings, nowMs)) return { step, lingers: false };
  return cachedTokens(history, step.model, nowMs) > 0 ? { step, lingers: true } : null;
}
