/**
 * The Anthropic API as an upstream. Body bytes go out as they came in; the only things it adds are its own
 * credential and the wish for an uncompressed answer, so that the answer's bytes can be metered as they pass.
 */
import { canonicalId } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { withOwnIds } from '../../durable-objects/core/model-aliases.ts';
import type { ProviderSettings } from '../../durable-objects/core/provider-settings.ts';
import { fingerprint } from './fingerprint.ts';
import { createNamedMeter } from './named-meter.ts';
import type { Provider, ProviderRequest } from './provider.ts';
import { withModel } from './request-model.ts';

/**
 * Makes the provider. Asynchronous only for the key's fingerprint (SHA-256); keep the provider, not the promise,
 * for an isolate's later requests.
 */
export async function createAnthropicProvider(settings: ProviderSettings): Promise<Provider> {
  const { id, weight, costCenters, priceMillionths, credential, url, onlyModels } = settings;
  if (credential?.kind !== 'api_key' || url === null) throw new TypeError(`${id} has no key or no address`);
  const ownIds = withOwnIds(new Map(), [settings]);
  const access: Access = { url, apiKey: credential.apiKey, modelIds: settings.modelIds };
  return {
    id,
    name: 'anthropic',
    weight,
    costCenters,
    priceMillionths,
    credentialId: await fingerprintKey(credential.apiKey),
    serves: (model) => onlyModels === null || onlyModels.includes(canonicalId(builtinCatalogue, model)),
    lacks: () => null,
    send: (request) => sendToAnthropic(access, request),
    meter: (contentType) => createNamedMeter(contentType, ownIds),
  };
}

interface Access {
  url: string;
  apiKey: string;
  /** Its own names of models, where it has others. */
  modelIds: ReadonlyMap<string, string>;
}

/** How the ledger names a key of Anthropic's. */
export async function fingerprintKey(apiKey: string): Promise<string> {
  return await fingerprint('anthropic', apiKey);
}

async function sendToAnthropic(access: Access, request: ProviderRequest): Promise<Response> {
  // Without the slash the path could continue the host's name and carry the key elsewhere.
  if (!request.path.startsWith('/')) throw new RangeError(`not a path: ${request.path}`);
  const headers = new Headers(request.headers);
  headers.delete('authorization');
  headers.set('x-api-key', access.apiKey);
  headers.set('accept-encoding', 'identity');
  const own =
    request.model === null ? undefined : access.modelIds.get(canonicalId(builtinCatalogue, request.model));
  const body = request.body && own !== undefined ? withModel(request.body, own) : request.body;
  return fetch(access.url + request.path, {
    method: request.method,
    headers,
    body,
    // A redirect is the upstream's answer, not a place to take the key to.
    redirect: 'manual',
    signal: request.signal,
  });
}
