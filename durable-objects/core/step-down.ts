/** Stages that step a turn down: which are reached, where they lead, and what sticks afterwards. */
import { type Obstacle, type Trial, type Trying, tryModel } from './admission.ts';
import type { Candidate } from './cascade.ts';
import type { Crossing } from './decision.ts';
import { expectedTurns, pays } from './pays.ts';
import { bindsLine, hasReached, type Standing, stageLine, stageName, stageThat } from './standing.ts';
import type { Step, StepCause } from './step.ts';

/** A downgrade stage that was reached, and what looking for a cheaper model came to. */
export interface StagedDescent {
  /** The first model down the cascade that is affordable and pays; null where none is. */
  target: Trial | null;
  trials: Trial[];
  crossings: Crossing[];
  /** The stages, as reasons. */
  reasons: string[];
  /** Where no target was found, the reason for staying; else null. */
  kept: string | null;
}

/** The downgrade stages that bind turns on a line and are reached. */
export function reachedDowngrades(standings: readonly Standing[], line: string | null): Crossing[] {
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
  if (crossings.length === 0) return null;
  const always = crossings.some(({ stage }) => stage.stepDown === 'always');
  const { facts, history, catalogue, nowMs } = trying;
  const turns = expectedTurns(facts.kind, history);
  const reasons = crossings.map(stageReason);
  const trials: Trial[] = [];
  let paying = 0;
  for (const candidate of below) {
    if (!always && !pays(asked, candidate, { facts, history }, turns, catalogue, nowMs)) continue;
    paying += 1;
    const trial = tryModel(trying, candidate);
    trials.push(trial);
    if (trial.obstacles.length === 0) return { target: trial, trials, crossings, reasons, kept: null };
  }
  const why = below.length === 0 ? 'no_cheaper_model' : paying === 0 ? 'cache_warm' : 'no_room_below';
  return { target: null, trials, crossings, reasons, kept: `kept:${why}` };
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

/** What keeps the thread from models dearer than the one it is led to from now on. */
function causeOf(
  { standing, stage }: Crossing,
  cause: StepCause['cause'],
  { model, line, reason, nowMs }: { model: string; line: string | null; reason: string; nowMs: number },
): StepCause {
  const passed = stageThat(standing.budget, cause) ?? stage;
  return {
    model,
    line,
    budget: standing.budget.id,
    subject: standing.subject,
    cause,
    lineNanoUsd: stageLine(standing, passed),
    endMs: standing.endMs,
    reason,
    stage: stageName(standing.budget, stage),
    atMs: nowMs,
  };
}

/** A stage bars whatever is dearer than the first model it led to: whether what lies between pays was asked then. */
function stageCauses({ trials, crossings }: StagedDescent, nowMs: number): StepCause[] {
  const model = trials[0]?.candidate.id;
  if (model === undefined) return [];
  return crossings.map((crossing) =>
    causeOf(crossing, 'downgrade', { model, line: null, reason: stageReason(crossing), nowMs }),
  );
}

/**
 * Money that ran short leads from each model to the next; a line's bars that line alone. Holds of other turns bar
 * nothing: they pass.
 */
function shortCauses(trials: readonly Trial[], nowMs: number): StepCause[] {
  return trials.flatMap(({ obstacles }, index) => {
    const model = trials[index + 1]?.candidate.id;
    if (model === undefined) return [];
    return handDownCrossings(obstacles).map((crossing) => {
      const { id, line } = crossing.standing.budget;
      return causeOf(crossing, 'pause', { model, line, reason: `short:${id}`, nowMs });
    });
  });
}

/**
 * The thread's step after `descended`, the models tried one below the other, the admitted one last. A step that
 * sticks stays as it is, unless money ran short for its model too.
 */
export function stepAfter(
  sticky: Step | null,
  staged: StagedDescent | null,
  descended: readonly Trial[],
  nowMs: number,
): Step | null {
  const led = staged?.target && staged.target === descended.at(-1) ? stageCauses(staged, nowMs) : [];
  const made = [...led, ...shortCauses(descended, nowMs)];
  return made.length === 0 ? sticky : { causes: [...(sticky?.causes ?? []), ...made] };
}
