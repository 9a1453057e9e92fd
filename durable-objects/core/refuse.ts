/** No allowed model can be had: what to say of it, and whether trying again helps. */
import { isPending, type Obstacle, type Trial } from './admission.ts';
import type { Candidates } from './cascade.ts';
import type { RefusalDecision } from './decision.ts';
import { type Standing, stageName } from './standing.ts';
import { pauseCrossings } from './step-down.ts';

/** A retryable refusal asks to come back after this many seconds, spread by order of arrival. */
const RETRY_AFTER_SECONDS = [2, 3, 4, 5] as const;

/** After how many seconds the turn of this number is to come back, where only open holds stand in its way. */
export function retryAfterSeconds(openSeq: number): number {
  return RETRY_AFTER_SECONDS[openSeq % RETRY_AFTER_SECONDS.length] ?? 2;
}

/** Why a turn was handed down past a model it could not have. */
export function obstacleReasons(obstacles: readonly Obstacle[]): string[] {
  const words = { spent: 'short', held: 'held', unbounded: 'unbounded' } as const;
  return obstacles.map(({ standing, why }) => `${words[why]}:${standing.budget.id}`);
}

function endOf({ endMs }: Standing): number {
  return endMs ?? Number.POSITIVE_INFINITY;
}

/** Of the obstacles, the budget whose window ends last (a session's never does): only then does every one admit again. */
function lastToReset(obstacles: readonly Obstacle[]): Standing | null {
  return obstacles.reduce<Standing | null>(
    (last, { standing }) => (!last || endOf(standing) > endOf(last) ? standing : last),
    null,
  );
}

/** When the model can be had again, epoch ms: a ceiling that cannot be known never fits. */
function clearsAt({ obstacles }: Trial): number {
  const ends = obstacles.map(({ standing, why }) =>
    why === 'unbounded' ? Number.POSITIVE_INFINITY : endOf(standing),
  );
  return Math.max(...ends);
}

/** Of the models tried, the one that can be had again first; of several, the cheapest. */
function firstToClear(trials: readonly Trial[]): Trial | null {
  return trials.reduce<Trial | null>((found, each) => {
    if (!found) return each;
    const [at, earliest] = [clearsAt(each), clearsAt(found)];
    return at < earliest || (at === earliest && each.hold.expected < found.hold.expected) ? each : found;
  }, null);
}

/** The refusal after every model of the ladder was tried in vain. */
export function refuse(
  trials: readonly Trial[],
  { missing, skipped }: Pick<Candidates, 'missing' | 'skipped'>,
): RefusalDecision {
  const refusal = { kind: 'refuse', stage: null, crossings: [] } as const;
  const first = firstToClear(trials);
  if (!first) {
    const reasons = [missing ?? 'model_not_allowed', ...skipped];
    return { ...refusal, why: 'model', standing: null, hold: null, reasons, crossings: [] };
  }
  const reasons = [...new Set([...trials.flatMap((each) => obstacleReasons(each.obstacles)), ...skipped])];
  const pending = trials.find(isPending);
  if (pending) {
    const standing = lastToReset(pending.obstacles);
    return { ...refusal, why: 'pending', standing, hold: pending.hold, reasons, crossings: [] };
  }
  const spent = first.obstacles.filter(({ why }) => why === 'spent');
  const crossings = pauseCrossings(spent);
  const stages = crossings.map(({ standing, stage }) => stageName(standing.budget, stage));
  return {
    kind: 'refuse',
    why: spent.length > 0 ? 'budget' : 'unbounded',
    standing: lastToReset(spent.length > 0 ? spent : first.obstacles),
    hold: first.hold,
    reasons: [...stages.map((stage) => `stage:${stage}`), ...reasons],
    stage: stages[0] ?? null,
    crossings,
  };
}
