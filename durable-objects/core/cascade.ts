/** Which models a turn may be handed down to, and why others are skipped. */
import { dearness, findModel } from './catalogue/lookup.ts';
import { cannotServe } from './catalogue/serve.ts';
import type { Catalogue, Model } from './catalogue/types.ts';
import { estimatePromptTokens } from './estimate.ts';
import type { SessionHistory } from './history.ts';
import type { Policy } from './policy/types.ts';
import type { TurnFacts } from './turn.ts';

export interface Candidate {
  /** The id to send upstream. */
  id: string;
  /** Null: the catalogue does not know it. */
  model: Model | null;
}

export interface Candidates {
  /** The model asked for; null where the policy does not allow it, or no provider has it for this turn. */
  asked: Candidate | null;
  /** Why it is null, as a reason's code; null where it is not. */
  missing: 'model_not_allowed' | 'model_unavailable' | null;
  /** Cheaper models that can take the request, dearest first. */
  below: Candidate[];
  /** `skipped:…` codes of the models passed over. */
  skipped: string[];
}

/** What it takes to say whether a cheaper model can take a turn. */
export interface Descent {
  facts: TurnFacts;
  history: SessionHistory | null;
  policy: Policy;
  /** The only models the turn's key may use; null: all that the policy allows. */
  allowedModels: readonly string[] | null;
  /** Models that the upstream refused for this turn or this pair of models before, or that no provider has for it. */
  refused: readonly string[];
  catalogue: Catalogue;
  nowMs: number;
}

/** How dear a candidate is, to compare; a model nobody knows is dearer than all. */
export function dearnessOf({ model }: Candidate, nowMs: number): number {
  return model ? dearness(model, nowMs) : Number.POSITIVE_INFINITY;
}

/**
 * The model as a candidate below `above`: a candidate, the reason why it is skipped, or null where it is none at
 * all (unknown, not allowed, or not cheaper: nothing ever moves to a dearer model).
 */
export function candidateBelow(above: Candidate, id: string, descent: Descent): Candidate | string | null {
  const { facts, history, refused, catalogue, nowMs } = descent;
  const model = findModel(catalogue, id);
  if (!model || !isAllowed(descent, model.id)) return null;
  if (dearness(model, nowMs) >= dearnessOf(above, nowMs)) return null;
  if (refused.includes(model.id)) return 'skipped:refused_upstream';
  const obstacle = cannotServe(model, facts, estimatePromptTokens(facts, history, model), nowMs);
  return obstacle ? `skipped:${obstacle}` : { id: model.id, model };
}

/**
 * The cascade below a model. A model outside the cascade stands just above the first entry cheaper than it, and
 * nothing moves to a model that is not cheaper at `nowMs`.
 */
export function candidates(askedId: string, descent: Descent): Candidates {
  const { policy, catalogue } = descent;
  const asked: Candidate = { id: askedId, model: findModel(catalogue, askedId) };
  const name = asked.model?.id ?? askedId;
  const missing = missingFor(name, descent);
  const below: Candidate[] = [];
  const skipped: string[] = [];
  const position = policy.cascade.indexOf(name);
  for (const id of policy.cascade.slice(position + 1)) {
    const found = candidateBelow(asked, id, descent);
    if (typeof found === 'string') skipped.push(found);
    else if (found) below.push(found);
  }
  return { asked: missing ? null : asked, missing, below, skipped };
}

/** Why the model asked for is not to be had, whatever money there is. */
function missingFor(id: string, descent: Descent): Candidates['missing'] {
  if (!isAllowed(descent, id)) return 'model_not_allowed';
  return descent.refused.includes(id) ? 'model_unavailable' : null;
}

/** Whether both the policy and the turn's key allow a model, by its id. */
export function isAllowed(
  { policy, allowedModels }: Pick<Descent, 'policy' | 'allowedModels'>,
  id: string,
): boolean {
  return modelsAllowed(policy.allowedModels, allowedModels)?.includes(id) ?? true;
}

/** What is in both lists, in the order of the key's; null: every model. */
export function modelsAllowed(
  byPolicy: readonly string[] | null,
  byKey: readonly string[] | null,
): readonly string[] | null {
  if (byPolicy === null || byKey === null) return byKey ?? byPolicy;
  return byKey.filter((id) => byPolicy.includes(id));
}
