/** Which models a turn may be handed down to, and why others are skipped. */
import { dearness, findModel } from './catalogue/lookup.ts';
import { cannotServe } from './catalogue/serve.ts';
import type { Catalogue, Model } from './catalogue/types.ts';
import { estimatePromptTokens, type SessionHistory } from './estimate.ts';
import type { Policy } from './policy/types.ts';
import type { TurnFacts } from './turn.ts';

export interface Candidate {
  /** The id to send upstream. */
  id: string;
  /** Null: the catalogue does not know it. */
  model: Model | null;
}

export interface Candidates {
  /** The model asked for; null where the policy does not allow it. */
  asked: Candidate | null;
  /** Cheaper models that can take the request, dearest first. */
  below: Candidate[];
  /** `skipped:…` codes of the models passed over. */
  skipped: string[];
}

/**
 * The cascade below the model asked for. A model outside the cascade stands just above the first entry cheaper
 * than it, and nothing moves to a model that is not cheaper at `nowMs`.
 */
export function candidates(
  facts: TurnFacts,
  history: SessionHistory | null,
  policy: Policy,
  catalogue: Catalogue,
  nowMs: number,
): Candidates {
  const asked: Candidate = { id: facts.model, model: findModel(catalogue, facts.model) };
  const askedDearness = asked.model ? dearness(asked.model, nowMs) : Number.POSITIVE_INFINITY;
  const position = policy.cascade.indexOf(asked.model?.id ?? facts.model);
  const below: Candidate[] = [];
  const skipped: string[] = [];
  for (const id of policy.cascade.slice(position + 1)) {
    const model = findModel(catalogue, id);
    if (!model || !isAllowed(policy, id) || dearness(model, nowMs) >= askedDearness) continue;
    const obstacle = cannotServe(model, facts, estimatePromptTokens(facts, history, model), nowMs);
    if (obstacle) skipped.push(`skipped:${obstacle}`);
    else below.push({ id: model.id, model });
  }
  return { asked: isAllowed(policy, asked.model?.id ?? facts.model) ? asked : null, below, skipped };
}

function isAllowed(policy: Policy, id: string): boolean {
  return policy.allowedModels === null || policy.allowedModels.includes(id);
}
