/** No allowed model can be had: what to say of it, and whether trying again helps. */
import type { Obstacle, Trial } from './admission.ts';
import type { Candidates } from './cascade.ts';
import type { RefusalDecision } from './decision.ts';
import { type Standing, stageName } from './standing.ts';
import { pauseCrossings } from './step-down.ts';

/** Why a turn was handed down past a model it could not have. */
export function obstacleReasons(obstacles: readonly Obstacle[]): string[] {
  const words = { spent: 'short', held: 'held', unbounded: 'unbounded' } as const;
  return obstacles.map(({ standing, why }) => `${words[why]}:${standing.budget.id}`);
}

/** Of the obstacles, the budget whose window ends last (a session's never does): only then does every one admit again. */
function lastToReset(obstacles: readonly Obstacle[]): Standing | null {
  let found: Standing | null = null;
  const end = ({ endMs }: Standing): number => endMs ?? Number.POSITIVE_INFINITY;
  for (const { standing } of obstacles) if (!found || end(standing) > end(found)) found = standing;
  return found;
}

/** The refusal after every model of the ladder was tried in vain. */
export function refuse(trials: readonly Trial[], { skipped }: Pick<Candidates, 'skipped'>): RefusalDecision {
  const cheapest = trials.reduce<Trial | null>(
    (least, each) => (!least || each.hold.expected < least.hold.expected ? each : least),
    null,
  );
  const refusal = { kind: 'refuse', stage: null, crossings: [] } as const;
  if (!cheapest) {
    return {
      ...refusal,
      why: 'model',
      standing: null,
      hold: null,
      reasons: ['model_not_allowed', ...skipped],
      crossings: [],
    };
  }
  const reasons = [...new Set([...trials.flatMap((each) => obstacleReasons(each.obstacles)), ...skipped])];
  const pending = trials.find((each) => each.obstacles.every(({ why }) => why === 'held'));
  if (pending) {
    const standing = lastToReset(pending.obstacles);
    return { ...refusal, why: 'pending', standing, hold: pending.hold, reasons, crossings: [] };
  }
  const spent = cheapest.obstacles.filter(({ why }) => why === 'spent');
  const decisive = spent.length > 0 ? spent : cheapest.obstacles;
  const crossings = pauseCrossings(spent);
  const stages = crossings.map(({ standing, stage }) => stageName(standing.budget, stage));
  return {
    kind: 'refuse',
    why: spent.length > 0 ? 'budget' : 'unbounded',
    standing: lastToReset(decisive),
    hold: cheapest.hold,
    reasons: [...stages.map((stage) => `stage:${stage}`), ...reasons],
    stage: stages[0] ?? null,
    crossings,
  };
}
