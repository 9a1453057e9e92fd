/** Whether the budgets that bind a turn on a model admit its hold, and what stands in the way where they don't. */
import type { Candidate } from './cascade.ts';
import type { Catalogue } from './catalogue/types.ts';
import type { SessionHistory } from './history.ts';
import { type Hold, heldAmount, holdFor } from './hold.ts';
import { bindsLine, pauseLine, type Standing } from './standing.ts';
import type { TurnFacts } from './turn.ts';

/** Why one budget does not admit a hold. `spent`: its own settled money leaves no room, whatever else is held. */
export interface Obstacle {
  standing: Standing;
  why: 'spent' | 'held' | 'unbounded';
}

/** A model tried for a turn: what it would hold, and what keeps it from being had. */
export interface Trial {
  candidate: Candidate;
  hold: Hold;
  /** The turn's `max_tokens` where it had to be lowered for the ceiling to fit; null: as asked. */
  maxTokens: number | null;
  obstacles: Obstacle[];
}

/** Whether nothing but other turns' open holds keeps the turn from the model: they pass, so trying again helps. */
export function isPending({ obstacles }: Trial): boolean {
  return obstacles.every(({ why }) => why === 'held');
}

/** `max_tokens` is never lowered under this: what is shorter is no answer of Claude Code's. */
const LEAST_MAX_TOKENS = 4_096;
/** Lowered values are multiples of this. */
const CLAMP_GRAIN = 256;

function obstacleOf(standing: Standing, hold: Hold): Obstacle | null {
  const line = pauseLine(standing);
  if (line === null) return null;
  const amount = heldAmount(hold, standing.budget.admission);
  if (amount === null) return { standing, why: 'unbounded' };
  if (standing.settled >= line || standing.settled + amount > line) return { standing, why: 'spent' };
  return standing.settled + standing.held + amount > line ? { standing, why: 'held' } : null;
}

/** What stands in the way of a hold on a model of this line. */
export function obstaclesOf(standings: readonly Standing[], line: string | null, hold: Hold): Obstacle[] {
  return standings
    .filter((standing) => bindsLine(standing, line))
    .map((standing) => obstacleOf(standing, hold))
    .filter((found) => found !== null);
}

/** What decides over the holds of a turn, whatever the model. */
export interface Trying {
  facts: TurnFacts;
  history: SessionHistory | null;
  standings: readonly Standing[];
  catalogue: Catalogue;
  nowMs: number;
}

function trialWith(trying: Trying, candidate: Candidate, maxTokens: number | null): Trial {
  const { standings, history, catalogue, nowMs } = trying;
  const facts = maxTokens === null ? trying.facts : { ...trying.facts, maxTokens };
  const hold = holdFor(candidate, facts, history, catalogue, nowMs);
  const line = candidate.model?.line ?? null;
  return { candidate, hold, maxTokens, obstacles: obstaclesOf(standings, line, hold) };
}

/**
 * Tries a model. Where only ceilings that may be lowered stand in the way, the largest `max_tokens` that fits is
 * taken; where not even the least does, what keeps that from fitting is what stands in the way.
 */
export function tryModel(trying: Trying, candidate: Candidate): Trial {
  const asked = trialWith(trying, candidate, null);
  const { maxTokens } = trying.facts;
  const isClampable =
    asked.obstacles.length > 0 &&
    asked.obstacles.every(
      ({ standing: { budget }, why }) =>
        why !== 'unbounded' && budget.admission === 'guaranteed' && budget.clampMaxTokens,
    );
  if (!isClampable || maxTokens === null) return asked;
  const most = Math.ceil(Math.min(maxTokens, candidate.model?.maxOutput ?? maxTokens) / CLAMP_GRAIN) - 1;
  const least = LEAST_MAX_TOKENS / CLAMP_GRAIN;
  return most < least ? asked : largestThatFits(trying, candidate, least, most);
}

/** The largest of the multiples of the grain from `least` to `most` that fits, by halving: a ceiling grows with it. */
function largestThatFits(trying: Trying, candidate: Candidate, least: number, most: number): Trial {
  let found = trialWith(trying, candidate, least * CLAMP_GRAIN);
  if (found.obstacles.length > 0) return found;
  let [low, high] = [least + 1, most];
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    const trial = trialWith(trying, candidate, middle * CLAMP_GRAIN);
    if (trial.obstacles.length === 0) {
      found = trial;
      low = middle + 1;
    } else high = middle - 1;
  }
  return found;
}
