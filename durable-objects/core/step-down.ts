/** Stages that step a turn down: which are reached, where they lead, and what sticks afterwards. */
import { type Obstacle, type Trial, type Trying, tryModel } from './admission.ts';
import type { Candidate } from './cascade.ts';
import type { Crossing } from './decision.ts';
import { expectedTurns, pays } from './pays.ts';
import { bindsLine, hasReached, type Standing, stageLine, stageName, stageThat } from './standing.ts';
import type { Step } from './step.ts';

/** A downgrade stage that was reached, and what looking for a cheaper model came to. */
export interface StagedDescent {
  /** The first model down the cascade that is affordable and pays; null where none is. */
  target: Trial | null;
  trials: Trial[];
  crossings: Crossing[];
  /** The strongest stage, as `budget@fraction`. */
  stage: string;
  /** The stages, and where the turn stays what it is, why. */
  reasons: string[];
}

function reachedDowngrades(standings: readonly Standing[], line: string | null): Crossing[] {
  const found: Crossing[] = [];
  for (const standing of standings) {
    const stage = bindsLine(standing, line) ? stageThat(standing.budget, 'downgrade') : null;
    if (stage && hasReached(standing, stage)) found.push({ standing, stage });
  }
  return found;
}

function stageReason({ standing, stage }: Crossing): string {
  return `stage:${stageName(standing.budget, stage)}`;
}

/** Looks for the step down that the stages reached ask for; null where none is reached. */
export function stageDescent(
  asked: Candidate,
  below: readonly Candidate[],
  trying: Trying,
): StagedDescent | null {
  const crossings = reachedDowngrades(trying.standings, asked.model?.line ?? null);
  const [strongest] = crossings;
  if (!strongest) return null;
  const always = crossings.some(({ stage }) => stage.stepDown === 'always');
  const { facts, history, catalogue, nowMs } = trying;
  const turns = expectedTurns(facts.kind, history);
  const stage = stageName(strongest.standing.budget, strongest.stage);
  const reasons = crossings.map(stageReason);
  const trials: Trial[] = [];
  let paying = 0;
  for (const candidate of below) {
    if (!always && !pays(asked, candidate, { facts, history }, turns, catalogue, nowMs)) continue;
    paying += 1;
    const trial = tryModel(trying, candidate);
    trials.push(trial);
    if (trial.obstacles.length === 0) return { target: trial, trials, crossings, stage, reasons };
  }
  const why = below.length === 0 ? 'no_cheaper_model' : paying === 0 ? 'cache_warm' : 'no_room_below';
  return { target: null, trials, crossings, stage, reasons: [...reasons, `kept:${why}`] };
}

/** A turn refused for want of money counts as crossing the pause of the budget that has it. */
export function pauseCrossings(obstacles: readonly Obstacle[]): Crossing[] {
  return obstacles.flatMap(({ standing, why }) => {
    const stage = stageThat(standing.budget, 'pause');
    return stage && why === 'spent' ? [{ standing, stage }] : [];
  });
}

/** A turn handed down for want of money counts as crossing the budget's step down, or its pause where it has none. */
export function handDownCrossings(obstacles: readonly Obstacle[]): Crossing[] {
  return obstacles.flatMap(({ standing, why }) => {
    const { budget } = standing;
    const stage = stageThat(budget, 'downgrade') ?? stageThat(budget, 'pause');
    return stage && why === 'spent' ? [{ standing, stage }] : [];
  });
}

interface Stepping {
  course: { staged: StagedDescent | null; sticky: { step: Step; lingers: boolean } | null };
  nowMs: number;
}

/** Of standings that end, the one that ends last; one without end before all. */
function lastToEnd(standings: readonly Standing[]): Standing | null {
  const end = ({ endMs }: Standing): number => endMs ?? Number.POSITIVE_INFINITY;
  return standings.reduce<Standing | null>(
    (last, each) => (last === null || end(each) > end(last) ? each : last),
    null,
  );
}

function stepBy(
  standing: Standing,
  cause: Step['cause'],
  model: string,
  reason: string,
  nowMs: number,
): Step | null {
  const stage = stageThat(standing.budget, cause);
  if (!stage) return null;
  return {
    model,
    budget: standing.budget.id,
    subject: standing.subject,
    cause,
    lineNanoUsd: stageLine(standing, stage),
    endMs: standing.endMs,
    reason,
    stage: cause === 'downgrade' ? stageName(standing.budget, stage) : null,
    atMs: nowMs,
  };
}

/**
 * The thread's step after it was admitted on a cheaper model than it asked for. Holds of other turns make none:
 * they pass. A step that sticks stays as it is, unless money ran short for its model too.
 */
export function stepFor(chosen: Trial, trials: readonly Trial[], { course, nowMs }: Stepping): Step | null {
  const { candidate } = chosen;
  const passedOver = trials.slice(0, -1);
  const spent = passedOver.flatMap((trial) => trial.obstacles.filter(({ why }) => why === 'spent'));
  const short = lastToEnd(spent.map(({ standing }) => standing));
  if (short) return stepBy(short, 'pause', candidate.id, `short:${short.budget.id}`, nowMs);
  if (course.sticky) return course.sticky.step;
  if (!course.staged || course.staged.target !== chosen) return null;
  const { crossings } = course.staged;
  const standing = lastToEnd(crossings.map((crossing) => crossing.standing));
  const crossing = crossings.find((each) => each.standing === standing);
  return crossing ? stepBy(crossing.standing, 'downgrade', candidate.id, stageReason(crossing), nowMs) : null;
}
