/**
 * Rules of a deployment's own, compiled in: typed pure functions that may send a turn to a cheaper model, asked
 * after the policy's routes. The live decision and the dry run see the same list. A rule that needs anything but
 * what it is given (a clock, the network, chance) is none: the same turn must always get the same answer.
 *
 * To add one, write a `DeploymentRule` and put it into `deploymentRules`. What it proposes is held to the same
 * tests as a route: cheaper, allowed, able to take the turn, affordable, and it pays.
 */
import type { RoutedTurn } from './route.ts';
import type { Standing } from './standing.ts';
import type { TurnFacts } from './turn.ts';

export interface RuleTurn extends RoutedTurn {
  facts: TurnFacts;
  /** The model that would serve the turn otherwise. */
  model: string;
}

export interface DeploymentRule {
  /** 1 to 63 of a-z, 0-9 and "-"; it stands in reasons as `rule:<id>`. */
  id: string;
  /** Whether a turn it matches is followed by others it matches: then its saving is counted over the thread. */
  isLasting: boolean;
  /** The model to serve the turn instead; null: the rule has nothing to say. */
  propose(turn: RuleTurn, standings: readonly Standing[], nowMs: number): string | null;
}

export const deploymentRules: readonly DeploymentRule[] = [];
