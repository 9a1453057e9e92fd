/** Whether a budget that guarantees its line has room for a turn at all. */
import { findModel } from '../catalogue/lookup.ts';
import { priceCeiling } from '../catalogue/price.ts';
import type { Catalogue, Model } from '../catalogue/types.ts';
import { formatDollars, type NanoUsd } from '../money.ts';
import { pauseLine } from '../standing.ts';
import type { Budget, Policy, PolicyProblem } from './types.ts';

/** An early main turn of Claude Code: what its prompt has by then, and the `max_tokens` it sends. */
const USUAL_TURN = { promptTokens: 20_000, maxOutputTokens: 32_000 };

/** The most that a usual turn can cost on the model, at an instant (epoch ms). */
function usualCeiling(model: Model, catalogue: Catalogue, atMs: number): NanoUsd {
  const modifiers = { speed: null, inferenceGeo: null };
  return priceCeiling({ ...USUAL_TURN, model, modifiers, atMs, catalogue });
}

/** The first model of the cascade that the policy allows and the budget counts. */
function firstBound(
  { line }: Budget,
  { cascade, allowedModels }: Policy,
  catalogue: Catalogue,
): Model | null {
  const allowed = cascade.filter((name) => allowedModels === null || allowedModels.includes(name));
  const models = allowed.map((name) => findModel(catalogue, name)).filter((model) => model !== null);
  return models.find((model) => line === null || model.line === line) ?? null;
}

/** One warning for each budget whose guarantee leaves less room than one usual turn sets aside, as of `nowMs`. */
export function guaranteeWarnings(policy: Policy, catalogue: Catalogue, nowMs: number): PolicyProblem[] {
  return policy.budgets.flatMap((budget, index) => {
    const line = pauseLine({ budget, limit: budget.limitNanoUsd });
    const model = firstBound(budget, policy, catalogue);
    const isMeant = budget.admission === 'guaranteed' && !budget.clampMaxTokens && budget.limitNanoUsd > 0;
    if (!isMeant || line === null || model === null) return [];
    const ceiling = usualCeiling(model, catalogue, nowMs);
    if (ceiling <= line) return [];
    const message =
      `a turn of Claude Code on "${model.id}" sets aside up to ${formatDollars(ceiling)} here until it ends, more ` +
      'than the pause leaves room for: it is handed down or refused from the first turn on; raise the limit, set ' +
      'clamp_max_tokens, or take admission "expected"';
    return [{ path: `budgets[${index}].limit_usd`, message }];
  });
}
