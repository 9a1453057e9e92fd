/**
 * The decision over one turn: proceed, step down, route or refuse, with its reasons. A pure function of the turn,
 * the standings of every budget that applies, the policy, the catalogue and the instant: the wallet and the dry
 * run call this same one. It never waits, reads a clock or changes anything.
 *
 * In order: what the developer asked for (their own wish to step down early included); a step down that sticks;
 * else a stage that steps down where it pays; then down the cascade to the first model there is money for, and
 * where no money is left there, up again to one there is; then the routes, which can only make it cheaper still.
 */
import { isPending, type Trial, type Trying, tryModel } from './admission.ts';
import { type Candidate, type Candidates, candidateBelow, candidates, type Descent } from './cascade.ts';
import { findModel } from './catalogue/lookup.ts';
import type { Catalogue } from './catalogue/types.ts';
import type { Admission, Decision, TurnToDecide } from './decision.ts';
import { DEFAULT_CASCADE } from './policy/defaults.ts';
import type { Policy } from './policy/types.ts';
import { type Redirect, redirect } from './redirect.ts';
import { obstacleReasons, refuse } from './refuse.ts';
import { type DeploymentRule, deploymentRules } from './rules.ts';
import { type Standing, stageName } from './standing.ts';
import { type Step, stepInForce } from './step.ts';
import { handDownCrossings, type StagedDescent, stageDescent, stepAfter } from './step-down.ts';

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

/** A cost center without a live policy spends without limit; a step of the policy it had lingers. */
const WITHOUT_LIMIT: Policy = {
  timezone: 'UTC',
  budgets: [],
  cascade: DEFAULT_CASCADE,
  routes: [],
  allowedModels: null,
  limits: [],
  allowedProviders: null,
  whenExhausted: 'fail',
};

/** The same with other rules than this deployment's. */
export function decideWith(
  rules: readonly DeploymentRule[],
  turn: TurnToDecide,
  standings: readonly Standing[],
  policy: Policy | null,
  catalogue: Catalogue,
  nowMs: number,
): Decision {
  const live = policy ?? WITHOUT_LIMIT;
  if (!turn.exempt) return judgeTurn(rules, turn, standings, live, catalogue, nowMs);
  // An incident lifts budgets, and routes with them; which models may be used at all is no matter of money.
  const lifted = { ...live, routes: [] };
  const decision = judgeTurn([], { ...turn, step: null }, [], lifted, catalogue, nowMs);
  const reasons = ['exempt', ...decision.reasons];
  return decision.kind === 'refuse' ? { ...decision, reasons } : { ...decision, reasons, step: turn.step };
}

function judgeTurn(
  rules: readonly DeploymentRule[],
  turn: TurnToDecide,
  standings: readonly Standing[],
  policy: Policy,
  catalogue: Catalogue,
  nowMs: number,
): Decision {
  const { facts, history, allowedModels, refused } = turn;
  const trying: Trying = { facts, history, standings, catalogue, nowMs };
  const descent: Descent = { facts, history, policy, allowedModels, refused, catalogue, nowMs };
  const judging: Judging = { rules, turn, descent, trying };
  const wished = wishedLadder(turn, descent);
  const decision = wished && judgeLadder(wished, 'preferred', judging);
  const isHad = decision && (decision.kind !== 'refuse' || decision.why === 'pending');
  // A wish saves money and is never refused: where nothing below it is to be had, what was asked for may be.
  return isHad ? decision : judgeLadder(candidates(facts.model, descent), null, judging);
}

interface Judging {
  rules: readonly DeploymentRule[];
  turn: TurnToDecide;
  descent: Descent;
  trying: Trying;
}

/** The ladder from the model the developer asked to step down to; null where they did not, or it would not be cheaper. */
function wishedLadder({ preferred, facts }: TurnToDecide, descent: Descent): Candidates | null {
  if (preferred === null) return null;
  const asked: Candidate = { id: facts.model, model: findModel(descent.catalogue, facts.model) };
  const found = candidateBelow(asked, preferred, descent);
  return found === null || typeof found === 'string' ? null : candidates(found.id, descent);
}

function judgeLadder(ladder: Candidates, wish: string | null, judging: Judging): Decision {
  const { rules, turn, descent, trying } = judging;
  const course = courseOf(turn, ladder, trying);
  const trials: Trial[] = [];
  const firstHad = (models: readonly Candidate[]): Trial | null => {
    for (const candidate of models) {
      const trial = course.tried.get(candidate) ?? tryModel(trying, candidate);
      trials.push(trial);
      if (trial.obstacles.length === 0) return trial;
    }
    return null;
  };
  let had = firstHad(course.down);
  const descended = trials.length;
  // A dearer model is better than none, but not better than waiting for holds to pass.
  if (!had && !trials.some(isPending)) had = firstHad(course.up);
  if (!had) return refuse(trials, ladder);
  const step =
    trials.length === descended
      ? stepAfter(course.sticky, course.staged, trials, trying.nowMs)
      : course.sticky;
  const admission = admit(turn, had, { ladder, course, trials, wish, step });
  return redirected(admission, redirect(rules, turn, had, descent, trying));
}

/** In which order models are tried, and why the first of them is not the one asked for. */
interface Course {
  /** The first to be tried and what is below it; where none of them can ever be had, what is above, the nearest first. */
  down: Candidate[];
  up: Candidate[];
  /** The stage that set the order off, with what it looked at; null where a step sticks or nothing was reached. */
  staged: StagedDescent | null;
  /** The step that sticks, without what of it is over. */
  sticky: Step | null;
  /** Reasons of the sticking step where it leads away from the model asked for. */
  stuck: string[];
  /** Trials made on the way. */
  tried: ReadonlyMap<Candidate, Trial>;
}

function courseOf(turn: TurnToDecide, { asked, below }: Candidates, trying: Trying): Course {
  const all = asked ? [asked, ...below] : below;
  const { standings, history, nowMs, catalogue } = trying;
  const inForce = stepInForce(turn.step, all, standings, history, catalogue, nowMs);
  if (inForce) {
    const { step, first, lingers } = inForce;
    const causes = step.causes.map(({ reason }) => reason);
    const stuck = first === asked ? [] : [...causes, lingers ? 'sticky:cache_warm' : 'sticky'];
    const at = all.indexOf(first);
    const order = { down: all.slice(at), up: all.slice(0, at).reverse() };
    return { ...order, staged: null, sticky: step, stuck, tried: new Map() };
  }
  const staged = asked ? stageDescent(asked, below, trying) : null;
  const tried = new Map(staged?.trials.map((trial) => [trial.candidate, trial]));
  // Of a stage's descent only what pays was tried, and the last of it is to be had.
  const down = staged?.target ? [...tried.keys()] : all;
  return { down, up: [], staged, sticky: null, stuck: [], tried };
}

interface Admitting {
  ladder: Candidates;
  course: Course;
  /** All that were tried, the admitted one last. */
  trials: readonly Trial[];
  wish: string | null;
  step: Step | null;
}

function admit(turn: TurnToDecide, chosen: Trial, admitting: Admitting): Admission {
  const { ladder, course, trials, wish, step } = admitting;
  const { candidate, hold, maxTokens } = chosen;
  const { staged, stuck, sticky } = course;
  const isAsked = candidate === ladder.asked;
  const obstacles = trials.slice(0, -1).flatMap((trial) => trial.obstacles);
  const lead = [...stuck, ...(staged?.reasons ?? []), ...(isAsked && staged?.kept ? [staged.kept] : [])];
  const why = [...lead, ...obstacleReasons(obstacles)];
  const reasons = [
    ...(wish ? [wish] : []),
    ...(ladder.missing ? [ladder.missing] : []),
    ...why,
    ...(why.length > 0 || !isAsked ? ladder.skipped : []),
    ...(maxTokens === null ? [] : ['clamped:max_tokens']),
  ];
  const crossings = [...(staged?.target === chosen ? staged.crossings : []), ...handDownCrossings(obstacles)];
  const [strongest] = crossings;
  const stage = strongest ? stageName(strongest.standing.budget, strongest.stage) : null;
  return {
    kind: candidate.id === turn.facts.model ? 'proceed' : 'downgrade',
    model: candidate.id,
    maxTokens,
    hold,
    reasons: [...new Set(reasons)],
    stage: isAsked ? null : (stage ?? (stuck.length > 0 ? (sticky?.causes[0]?.stage ?? null) : null)),
    route: null,
    crossings: isAsked ? [] : crossings,
    step,
  };
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
