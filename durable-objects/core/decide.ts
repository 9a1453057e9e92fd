/**
 * The decision over one turn: proceed, step down, route or refuse, with its reasons. A pure function of the turn,
 * the standings of every budget that applies, the policy, the catalogue and the instant: the wallet and the dry
 * run call this same one. It never waits, reads a clock or changes anything.
 *
 * In order: what the developer asked for (their own wish to step down early included); a step down that sticks;
 * else a stage that steps down where it pays; then down the cascade to the first model there is money for; then
 * the routes, which can only make it cheaper still.
 */
import { type Trial, type Trying, tryModel } from './admission.ts';
import {
  type Candidate,
  type Candidates,
  candidateBelow,
  candidates,
  type Descent,
  dearnessOf,
} from './cascade.ts';
import { findModel } from './catalogue/lookup.ts';
import type { Catalogue } from './catalogue/types.ts';
import type { Admission, Decision, TurnToDecide } from './decision.ts';
import type { Policy } from './policy/types.ts';
import { type Redirect, redirect } from './redirect.ts';
import { obstacleReasons, refuse } from './refuse.ts';
import { type DeploymentRule, deploymentRules } from './rules.ts';
import type { Standing } from './standing.ts';
import { stepInForce } from './step.ts';
import { handDownCrossings, type StagedDescent, stageDescent, stepFor } from './step-down.ts';

/**
 * Decides over a turn. `standings` are those of every budget of the policy for the turn's cost center, developer,
 * key and session in the windows of `nowMs`, whatever their line; `policy` null means spending without limit.
 */
export function decide(
  turn: TurnToDecide,
  standings: readonly Standing[],
  policy: Policy | null,
  catalogue: Catalogue,
  nowMs: number,
): Decision {
  return decideWith(deploymentRules, turn, standings, policy, catalogue, nowMs);
}

/** The same with other rules than this deployment's. */
export function decideWith(
  rules: readonly DeploymentRule[],
  turn: TurnToDecide,
  standings: readonly Standing[],
  policy: Policy | null,
  catalogue: Catalogue,
  nowMs: number,
): Decision {
  const { facts, history } = turn;
  const trying: Trying = { facts, history, standings, catalogue, nowMs };
  if (policy === null || turn.exempt) {
    const trial = tryModel(
      { ...trying, standings: [] },
      { id: facts.model, model: findModel(catalogue, facts.model) },
    );
    return plain(trial, turn.exempt ? ['exempt'] : [], turn);
  }
  const descent: Descent = { facts, history, policy, refused: turn.refused, catalogue, nowMs };
  const wish = wishOf(turn, descent);
  const ladder = wish?.ladder ?? candidates(facts.model, descent);
  const course = courseOf(turn, ladder, trying);
  const trials: Trial[] = [];
  for (const candidate of course.order) {
    const trial = course.tried.get(candidate) ?? tryModel(trying, candidate);
    trials.push(trial);
    if (trial.obstacles.length > 0) continue;
    const admission = admit(turn, trial, { ladder, course, trials, wish: wish?.reason ?? null, trying });
    return redirected(admission, redirect(rules, turn, trial, descent, trying));
  }
  return refuse(trials, ladder);
}

/** The ladder from the model the developer asked to step down to; null where they did not, or it would not be cheaper. */
function wishOf(turn: TurnToDecide, descent: Descent): { ladder: Candidates; reason: string } | null {
  const { preferred, facts } = turn;
  if (preferred === null) return null;
  const asked: Candidate = { id: facts.model, model: findModel(descent.catalogue, facts.model) };
  const found = candidateBelow(asked, preferred, descent);
  if (found === null || typeof found === 'string') return null;
  return { ladder: candidates(found.id, descent), reason: 'preferred' };
}

/** In which order models are tried, and why the first of them is not the one asked for. */
interface Course {
  order: Candidate[];
  /** Reasons that lead, whichever model is taken. */
  reasons: string[];
  /** The stage that set the order off, with what it looked at; null where a step sticks or nothing was reached. */
  staged: StagedDescent | null;
  sticky: ReturnType<typeof stepInForce>;
  /** Trials made on the way. */
  tried: ReadonlyMap<Candidate, Trial>;
}

/** `first`, then what is below it, then what is above it, the nearest first: a dearer model is better than none. */
function startingAt(first: Candidate, all: readonly Candidate[]): Candidate[] {
  const at = all.indexOf(first);
  return [...all.slice(at), ...all.slice(0, at).reverse()];
}

function courseOf(turn: TurnToDecide, { asked, below }: Candidates, trying: Trying): Course {
  const all = asked ? [asked, ...below] : below;
  const { standings, history, nowMs, catalogue } = trying;
  const sticky = stepInForce(turn.step, standings, history, nowMs);
  const model = sticky && findModel(catalogue, sticky.step.model);
  if (sticky && model) {
    const limit = dearnessOf({ id: model.id, model }, nowMs);
    const first = all.find((each) => dearnessOf(each, nowMs) <= limit) ?? all.at(-1);
    const isDown = first !== undefined && first !== asked;
    const reasons = isDown ? [sticky.step.reason, sticky.lingers ? 'sticky:cache_warm' : 'sticky'] : [];
    return { order: first ? startingAt(first, all) : [], reasons, staged: null, sticky, tried: new Map() };
  }
  const staged = asked ? stageDescent(asked, below, trying) : null;
  const first = staged?.target?.candidate ?? all[0];
  return {
    order: first ? startingAt(first, all) : [],
    reasons: staged?.reasons ?? [],
    staged,
    sticky: null,
    tried: new Map(staged?.trials.map((trial) => [trial.candidate, trial])),
  };
}

function plain(trial: Trial, reasons: string[], turn: TurnToDecide): Admission {
  const { candidate, hold } = trial;
  return {
    kind: 'proceed',
    model: candidate.id,
    maxTokens: null,
    hold,
    reasons,
    stage: null,
    route: null,
    crossings: [],
    step: turn.step,
  };
}

interface Admitting {
  ladder: Candidates;
  course: Course;
  /** All that were tried, the admitted one last. */
  trials: readonly Trial[];
  wish: string | null;
  trying: Trying;
}

function admit(turn: TurnToDecide, chosen: Trial, admitting: Admitting): Admission {
  const { ladder, course, trials, wish, trying } = admitting;
  const { candidate, hold, maxTokens } = chosen;
  const isAsked = candidate === ladder.asked;
  const obstacles = trials.slice(0, -1).flatMap((trial) => trial.obstacles);
  const staged = isAsked ? null : course.staged;
  const reasons = [
    ...(wish ? [wish] : []),
    ...(ladder.asked ? [] : ['model_not_allowed']),
    ...course.reasons,
    ...obstacleReasons(obstacles),
    ...(course.reasons.length > 0 || obstacles.length > 0 || !isAsked ? ladder.skipped : []),
    ...(maxTokens === null ? [] : ['clamped:max_tokens']),
  ];
  const step = isAsked ? keptStep(course) : stepFor(chosen, trials, { course, nowMs: trying.nowMs });
  return {
    kind: candidate.id === turn.facts.model ? 'proceed' : 'downgrade',
    model: candidate.id,
    maxTokens,
    hold,
    reasons: [...new Set(reasons)],
    stage: isAsked ? null : (staged?.stage ?? course.sticky?.step.stage ?? null),
    route: null,
    crossings: isAsked ? [] : [...(staged?.crossings ?? []), ...handDownCrossings(obstacles)],
    step,
  };
}

/** A thread that asks for no more than it was stepped down to keeps its step for when it asks for more again. */
function keptStep({ sticky }: Course): Admission['step'] {
  return sticky?.step ?? null;
}

function redirected(admission: Admission, found: Redirect): Admission {
  if (!found.trial) return { ...admission, reasons: [...admission.reasons, ...found.unpaid] };
  const { candidate, hold, maxTokens } = found.trial;
  return {
    ...admission,
    kind: 'route',
    model: candidate.id,
    maxTokens,
    hold,
    reasons: [found.reason, ...admission.reasons],
    route: found.route,
  };
}
