/** Routes and rules: sending an admitted turn to a cheaper model than it would have had, where that pays. */
import { type Trial, type Trying, tryModel } from './admission.ts';
import { candidateBelow, type Descent } from './cascade.ts';
import type { TurnToDecide } from './decision.ts';
import { estimateNewInputTokens, estimatePromptTokens } from './estimate.ts';
import { expectedTurns, pays } from './pays.ts';
import { isLasting, matches, type RoutedTurn } from './route.ts';
import type { DeploymentRule } from './rules.ts';

export type Redirect =
  | { trial: Trial; reason: string; route: string }
  /** Nothing was taken; `unpaid:…` names what matched and would have cost more. */
  | { trial: null; unpaid: string[] };

/** One way a turn could be sent, whether a route of the policy or a rule of the deployment. */
interface Proposal {
  reason: string;
  id: string;
  use: string;
  lasts: boolean;
}

function* proposals(
  rules: readonly DeploymentRule[],
  turn: TurnToDecide,
  routed: RoutedTurn,
  admitted: Trial,
  { policy, nowMs }: Descent,
  { standings }: Trying,
): Generator<Proposal> {
  for (const route of policy.routes) {
    if (!matches(route, routed, standings, policy.timezone, nowMs)) continue;
    yield { reason: `route:${route.id}`, id: route.id, use: route.use, lasts: isLasting(route) };
  }
  for (const rule of rules) {
    const asked = { ...routed, facts: turn.facts, model: admitted.candidate.id };
    const use = rule.propose(asked, standings, nowMs);
    if (use !== null) yield { reason: `rule:${rule.id}`, id: rule.id, use, lasts: rule.isLasting };
  }
}

/**
 * The first proposal that is cheaper than the admitted model, can take the turn, is affordable and pays. One that
 * is about this turn alone has to pay by this turn alone; one that lasts, over the turns the thread goes on.
 */
export function redirect(
  rules: readonly DeploymentRule[],
  turn: TurnToDecide,
  admitted: Trial,
  descent: Descent,
  trying: Trying,
): Redirect {
  const { facts, history, catalogue, nowMs } = descent;
  const { candidate } = admitted;
  if (descent.policy.routes.length === 0 && rules.length === 0) return { trial: null, unpaid: [] };
  const routed: RoutedTurn = {
    facts,
    tags: turn.tags,
    line: candidate.model?.line ?? null,
    inputTokens: estimatePromptTokens(facts, history, candidate.model),
    newInputTokens: estimateNewInputTokens(facts, history, candidate.model),
  };
  const unpaid: string[] = [];
  for (const proposal of proposals(rules, turn, routed, admitted, descent, trying)) {
    const target = candidateBelow(candidate, proposal.use, descent);
    if (target === null || typeof target === 'string') continue;
    const turns = proposal.lasts ? expectedTurns(facts.kind, history) : 1;
    if (!pays(candidate, target, { facts, history }, turns, catalogue, nowMs)) {
      unpaid.push(`unpaid:${proposal.id}`);
      continue;
    }
    const trial = tryModel(trying, target);
    if (trial.obstacles.length === 0) return { trial, reason: proposal.reason, route: proposal.id };
  }
  return { trial: null, unpaid };
}
