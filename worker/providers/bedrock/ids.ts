/** The ids by which a Bedrock provider asks for models. */
import { canonicalId, findModel } from '../../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import type { ProviderSettings } from '../../../durable-objects/core/provider-settings.ts';

type IdSettings = Pick<ProviderSettings, 'kind' | 'profile' | 'modelIds' | 'onlyModels'>;

/** The id to ask for a model by; null: this provider does not serve it. */
export function bedrockId(settings: IdSettings, model: string): string | null {
  const id = canonicalId(builtinCatalogue, model);
  if (settings.onlyModels !== null && !settings.onlyModels.includes(id)) return null;
  const own = settings.modelIds.get(id);
  if (own !== undefined) return own;
  const known = findModel(builtinCatalogue, id)?.bedrock;
  if (!known) return null;
  if (settings.kind === 'bedrock-mantle') return known.messagesId;
  return settings.profile === null ? known.id : `${settings.profile}.${known.id}`;
}

/** The foundation model's id, which tokens are counted by: inference profiles are refused there. */
export function foundationId(settings: IdSettings, model: string): string | null {
  const asked = bedrockId(settings, model);
  const known = findModel(builtinCatalogue, model)?.bedrock;
  return asked === null ? null : (known?.id ?? asked);
}
