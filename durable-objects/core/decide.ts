/**
 * The decision over one turn: proceed, step down or refuse, with its reasons. A pure function of the turn, the
 * standings of every budget that applies, the policy, the catalogue and the instant: the wallet and the dry run
 * call this same one. It never waits, reads a clock or changes anything.
 */
import { type Candidate, candidates } from './cascade.ts';
import { findModel } from './catalogue/lookup.ts';
import type { Catalogue } from './catalogue/types.ts';
import type { SessionHistory } from './estimate.ts';
import { type Hold, heldAmount, holdFor } from './hold.ts';
import type { Policy, Stage } from './policy/types.ts';
import { hasReached, pauseLine, type Standing, stageName, stageThat } from './standing.ts';
import type { TurnFacts } from './turn.ts';

export interface TurnToDecide {
  facts: TurnFacts;
  /** Of the turn's (session, agent); null for its first turn. */
  history: SessionHistory | null;
}

/** A stage that a decision acted on: it counts as crossed even where settled money has not reached it. */
export interface Crossing {
  standing: Standing;
  stage: Stage;
}

export type Decision =
  | {
      kind: 'proceed' | 'downgrade';
      model: string;
      hold: Hold;
      reasons: string[];
      /** What made it a step down, strongest first; empty for a plain proceed. */
      crossings: Crossing[];
    }
  | {
      kind: 'refuse';
      /** `pending`: only other turns' open holds stand in the way, so trying again helps. */
      why: 'budget' | 'pending' | 'model' | 'unbounded';
      /** The budget that refuses, of several the one that resets last; null where no budget does. */
      standing: Standing | null;
      /** The smallest hold that did not fit; null where none was computed. */
      hold: Hold | null;
      reasons: string[];
      crossings: Crossing[];
    };

/** Why one budget does not admit a hold. `spent`: its own settled money leaves no room, whatever else is held. */
type Obstacle = { standing: Standing; why: 'spent' | 'held' | 'unbounded' };

function obstacleOf(standing: Standing, hold: Hold): Obstacle | null {
  const line = pauseLine(standing.budget);
  if (line === null) return null;
  const amount = heldAmount(hold, standing.budget.admission);
  if (amount === null) return { standing, why: 'unbounded' };
  if (standing.settled >= line || standing.settled + amount > line) return { standing, why: 'spent' };
  return standing.settled + standing.held + amount > line ? { standing, why: 'held' } : null;
}

function obstaclesOf(standings: readonly Standing[], hold: Hold): Obstacle[] {
  return standings.map((standing) => obstacleOf(standing, hold)).filter((found) => found !== null);
}

interface Trial {
  candidate: Candidate;
  hold: Hold;
  obstacles: Obstacle[];
}

function reachedDowngrades(standings: readonly Standing[]): Crossing[] {
  const found: Crossing[] = [];
  for (const standing of standings) {
    const stage = stageThat(standing.budget, 'downgrade');
    if (stage && hasReached(standing, stage)) found.push({ standing, stage });
  }
  return found;
}

function stageReason({ standing, stage }: Crossing): string {
  return `stage:${stageName(standing.budget, stage)}`;
}

/** Why a turn was handed down past a model it could not have. */
function obstacleReasons(obstacles: readonly Obstacle[]): string[] {
  const words = { spent: 'short', held: 'held', unbounded: 'unbounded' } as const;
  return obstacles.map(({ standing, why }) => `${words[why]}:${standing.budget.id}`);
}

function pauseCrossings(obstacles: readonly Obstacle[]): Crossing[] {
  return obstacles.flatMap(({ standing, why }) => {
    const stage = stageThat(standing.budget, 'pause');
    return stage && why === 'spent' ? [{ standing, stage }] : [];
  });
}

/**
 * Decides over a turn. `standings` are those of every budget of the policy that applies to the turn's cost
 * center, developer and key in the windows of `nowMs`; `policy` null means spending without limit.
 */
export function decide(
  turn: TurnToDecide,
  standings: readonly Standing[],
  policy: Policy | null,
  catalogue: Catalogue,
  nowMs: number,
): Decision {
  const { facts, history } = turn;
  const trial = (candidate: Candidate): Trial => {
    const hold = holdFor(candidate, facts, history, catalogue, nowMs);
    return { candidate, hold, obstacles: obstaclesOf(standings, hold) };
  };
  if (policy === null) {
    const { hold } = trial({ id: facts.model, model: findModel(catalogue, facts.model) });
    return { kind: 'proceed', model: facts.model, hold, reasons: [], crossings: [] };
  }
  const { asked, below, skipped } = candidates(facts, history, policy, catalogue, nowMs);
  const downgrades = asked ? reachedDowngrades(standings) : [];
  const order = downgrades.length > 0 ? [...below, asked] : [asked, ...below];
  const trials: Trial[] = [];
  for (const candidate of order) {
    if (!candidate) continue;
    const tried = trial(candidate);
    if (tried.obstacles.length === 0) return admit(facts, asked, tried, trials, downgrades, skipped);
    trials.push(tried);
  }
  return refuse(trials, skipped, below.length === 0 && !asked);
}

function admit(
  facts: TurnFacts,
  asked: Candidate | null,
  chosen: Trial,
  passedOver: readonly Trial[],
  downgrades: readonly Crossing[],
  skipped: readonly string[],
): Decision {
  const { candidate, hold } = chosen;
  if (candidate === asked) {
    const kept =
      downgrades.length > 0 ? [...downgrades.map(stageReason), 'kept:no_cheaper_model', ...skipped] : [];
    return { kind: 'proceed', model: facts.model, hold, reasons: kept, crossings: [] };
  }
  const reasons = [
    ...(asked ? [] : ['model_not_allowed']),
    ...downgrades.map(stageReason),
    ...obstacleReasons(passedOver.flatMap((trial) => trial.obstacles)),
    ...skipped,
  ];
  return {
    kind: 'downgrade',
    model: candidate.id,
    hold,
    reasons: [...new Set(reasons)],
    crossings: [...downgrades],
  };
}

/** Of the obstacles, the budget whose window ends last: only then does every one of them admit again. */
function lastToReset(obstacles: readonly Obstacle[]): Standing | null {
  let found: Standing | null = null;
  for (const { standing } of obstacles) if (!found || standing.endMs > found.endMs) found = standing;
  return found;
}

function refuse(trials: readonly Trial[], skipped: readonly string[], notAllowed: boolean): Decision {
  const cheapest = trials.reduce<Trial | null>(
    (least, each) => (!least || each.hold.expected < least.hold.expected ? each : least),
    null,
  );
  if (!cheapest || notAllowed) {
    const reasons = ['model_not_allowed', ...skipped];
    return { kind: 'refuse', why: 'model', standing: null, hold: null, reasons, crossings: [] };
  }
  const reasons = [...new Set([...trials.flatMap((each) => obstacleReasons(each.obstacles)), ...skipped])];
  const pending = trials.find((each) => each.obstacles.every(({ why }) => why === 'held'));
  if (pending) {
    const standing = lastToReset(pending.obstacles);
    return { kind: 'refuse', why: 'pending', standing, hold: pending.hold, reasons, crossings: [] };
  }
  const spent = cheapest.obstacles.filter(({ why }) => why === 'spent');
  const decisive = spent.length > 0 ? spent : cheapest.obstacles;
  const crossings = pauseCrossings(spent);
  return {
    kind: 'refuse',
    why: spent.length > 0 ? 'budget' : 'unbounded',
    standing: lastToReset(decisive),
    hold: cheapest.hold,
    reasons: [...crossings.map(stageReason), ...reasons],
    crossings,
  };
}
