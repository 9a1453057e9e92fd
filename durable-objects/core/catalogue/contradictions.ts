/**
 * Where the Models API contradicts the catalogue. Nothing is decided by what this finds: the catalogue is what
 * turns are fitted by and tested with, and a difference is for an engineer to look at.
 */
import { findModel } from './lookup.ts';
import { type Catalogue, EFFORTS, type Effort, type Model, type ThinkingForm } from './types.ts';

const THINKING_FORMS = ['enabled', 'adaptive', 'disabled', 'between_tools'] as const satisfies ThinkingForm[];

/** What the API says a model accepts; null or absent where it says nothing. */
export interface ApiLimits {
  /** The id the API lists it by. */
  model: string;
  maxInputTokens: number | null;
  maxTokens: number | null;
  thinking: { supported: boolean | null; forms: Partial<Record<ThinkingForm, boolean>> };
  efforts: Partial<Record<Effort, boolean>>;
}

export interface Contradiction {
  /** The catalogue's id. */
  model: string;
  /** As the Models API names it: `max_tokens`, `capabilities.effort.max`. */
  field: string;
  api: number | boolean;
  catalogue: number | boolean;
}

/** The claims that both sides make, as the API names them. */
function claims(
  model: Model,
  api: ApiLimits,
): (Omit<Contradiction, 'api'> & { api: Contradiction['api'] | null })[] {
  const { thinking, efforts } = model.capabilities;
  const about = (field: string, says: number | boolean | null | undefined, catalogue: number | boolean) => ({
    model: model.id,
    field,
    api: says ?? null,
    catalogue,
  });
  // A model that cannot think takes "disabled" from the API and is given no thinking field by the catalogue.
  const forms = THINKING_FORMS.filter((form) => form !== 'disabled' || api.thinking.supported !== false);
  return [
    about('max_input_tokens', api.maxInputTokens, model.contextWindow),
    about('max_tokens', api.maxTokens, model.maxOutput),
    ...forms.map((form) =>
      about(`capabilities.thinking.types.${form}`, api.thinking.forms[form], thinking.includes(form)),
    ),
    ...EFFORTS.map((effort) =>
      about(`capabilities.effort.${effort}`, api.efforts[effort], efforts.includes(effort)),
    ),
  ];
}

/** Every field of a known model in which the two differ; models that the catalogue lacks are none. */
export function contradictionsOf(catalogue: Catalogue, listed: readonly ApiLimits[]): Contradiction[] {
  return listed.flatMap((api) => {
    const model = findModel(catalogue, api.model);
    if (!model) return [];
    return claims(model, api).flatMap(({ api: says, ...claim }) =>
      says === null || says === claim.catalogue ? [] : [{ ...claim, api: says }],
    );
  });
}
