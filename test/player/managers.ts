/**
 * Ways to manage a budget, to be played against each other on the same traffic: Bursar's own decision, and what
 * other gateways do. Each says where a turn goes, or that it goes nowhere.
 */
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import type { Catalogue } from '../../durable-objects/core/catalogue/types.ts';
import { decide } from '../../durable-objects/core/decide.ts';
import type { TurnToDecide } from '../../durable-objects/core/decision.ts';
import { type Hold, holdFor } from '../../durable-objects/core/hold.ts';
import type { Policy } from '../../durable-objects/core/policy/types.ts';
import type { Standing } from '../../durable-objects/core/standing.ts';
import type { Step } from '../../durable-objects/core/step.ts';

export type Verdict =
  | {
      kind: 'serve';
      model: string;
      hold: Hold;
      step: Step | null;
      reasons: readonly string[];
      isRouted: boolean;
    }
  | { kind: 'refuse'; isPending: boolean; reasons: readonly string[] };

export interface Manager {
  name: string;
  judge(
    turn: TurnToDecide,
    standings: readonly Standing[],
    policy: Policy | null,
    catalogue: Catalogue,
    nowMs: number,
  ): Verdict;
}

function serve(turn: TurnToDecide, model: string, catalogue: Catalogue, nowMs: number): Verdict {
  const { facts, history } = turn;
  const candidate = { id: model, model: findModel(catalogue, model) };
  const hold = holdFor(candidate, facts, history, catalogue, nowMs);
  return { kind: 'serve', model, hold, step: null, reasons: [], isRouted: false };
}

/** Whether settled money is over a fraction of any limit: a check before the call, as other gateways make it. */
function isOver(standings: readonly Standing[], fraction: number): boolean {
  return standings.some(({ settled, limit }) => settled >= limit * fraction);
}

const FINAL = { kind: 'refuse', isPending: false, reasons: [] } as const;

export const noManagement: Manager = {
  name: 'no management',
  judge: (turn, _standings, _policy, catalogue, nowMs) => serve(turn, turn.facts.model, catalogue, nowMs),
};

export const hardCap: Manager = {
  name: 'hard cap at 100 %',
  judge: (turn, standings, _policy, catalogue, nowMs) =>
    isOver(standings, 1) ? FINAL : serve(turn, turn.facts.model, catalogue, nowMs),
};

/** From 95 % on every turn goes one model down, from 110 % on none goes through; caches are no concern. */
export const naiveDowngrade: Manager = {
  name: 'naive downgrade at 95 %, per turn',
  judge: (turn, standings, policy, catalogue, nowMs) => {
    if (isOver(standings, 1.1)) return FINAL;
    const cascade = policy?.cascade ?? [];
    const at = cascade.indexOf(turn.facts.model);
    const below = isOver(standings, 0.95) ? cascade[at + 1] : undefined;
    return serve(turn, below ?? turn.facts.model, catalogue, nowMs);
  },
};

export const bursar: Manager = {
  name: 'Bursar',
  judge: (turn, standings, policy, catalogue, nowMs) => {
    const decision = decide(turn, standings, policy, catalogue, nowMs);
    if (decision.kind === 'refuse') {
      return { kind: 'refuse', isPending: decision.why === 'pending', reasons: decision.reasons };
    }
    const { model, hold, step, reasons, kind } = decision;
    return { kind: 'serve', model, hold, step, reasons, isRouted: kind === 'route' };
  },
};
