/**
 * Deciding over one turn in many worlds, by the very decision that is made live. Where no budget has a say, a turn's
 * decision is the same whatever the policy: it is made once and taken for every such world.
 */
import { obstaclesOf } from '../admission.ts';
import { isAllowed } from '../cascade.ts';
import { canonicalId, findModel } from '../catalogue/lookup.ts';
import type { Catalogue } from '../catalogue/types.ts';
import { decide } from '../decide.ts';
import type { Admission, Decision, TurnToDecide } from '../decision.ts';
import type { Policy } from '../policy/types.ts';
import { deploymentRules } from '../rules.ts';
import type { Standing } from '../standing.ts';
import { reachedDowngrades } from '../step-down.ts';

/** Decides over one turn at one instant, in one world after another. */
export class Judge {
  readonly #catalogue: Catalogue;
  readonly #nowMs: number;
  /** A decision in which no budget had a say, and what it was made from. */
  #plain: { turn: TurnToDecide; decision: Admission } | null = null;

  /** Whether no budget had a say in the last decision. */
  wasPlain = false;

  constructor(catalogue: Catalogue, nowMs: number) {
    this.#catalogue = catalogue;
    this.#nowMs = nowMs;
  }

  /**
   * As `decide` would; turns with the same history have to differ in their step alone. `isEasier`: the last decision
   * was of the same policy with lower limits, and at least as much spent and held.
   */
  decide(
    turn: TurnToDecide,
    standings: () => readonly Standing[],
    policy: Policy | null,
    isEasier: boolean,
  ): Decision {
    const known = this.#plain;
    const isAlike = known !== null && known.turn.history === turn.history;
    if (isAlike && isEasier && this.wasPlain && turn.step === null) return known.decision;
    const stood = standings();
    this.wasPlain = isAlike && isPlain(turn, stood, policy, known.decision, this.#catalogue);
    if (isAlike && this.wasPlain) return known.decision;
    const decision = decide(turn, stood, policy, this.#catalogue, this.#nowMs);
    if (decision.kind === 'proceed' && isPlain(turn, stood, policy, decision, this.#catalogue)) {
      this.#plain = { turn, decision };
      this.wasPlain = true;
    }
    return decision;
  }
}

/**
 * Whether no budget has a say over the turn, given what it would hold on the model it asks for: no wish, step, route
 * or rule leads elsewhere, no stage steps it down, and its hold has room in every budget that binds it.
 */
export function isPlain(
  turn: TurnToDecide,
  standings: readonly Standing[],
  policy: Policy | null,
  { hold }: Pick<Admission, 'hold'>,
  catalogue: Catalogue,
): boolean {
  if (turn.step !== null || turn.preferred !== null || turn.exempt || deploymentRules.length > 0)
    return false;
  if (policy === null) return true;
  if (policy.routes.length > 0) return false;
  const { model } = turn.facts;
  if (!isAllowed({ policy, allowedModels: turn.allowedModels }, canonicalId(catalogue, model))) return false;
  const line = findModel(catalogue, model)?.line ?? null;
  return reachedDowngrades(standings, line).length === 0 && obstaclesOf(standings, line, hold).length === 0;
}
