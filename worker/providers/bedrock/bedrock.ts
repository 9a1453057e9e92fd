/** Bedrock as an upstream, by either of its endpoints: what is the same for both, and the way to each. */
import { withOwnIds } from '../../../durable-objects/core/model-aliases.ts';
import type { ProviderSettings } from '../../../durable-objects/core/provider-settings.ts';
import { errorResponse } from '../../envelope.ts';
import { createNamedMeter, withUsage } from '../named-meter.ts';
import type { Meter, Provider, ProviderRequest } from '../provider.ts';
import { type Accepted, INVOKE_MODEL, MESSAGES_ENDPOINT } from './accepted.ts';
import { type Access, credentialId } from './access.ts';
import type { Endpoint } from './bedrock-call.ts';
import { bedrockId, foundationId } from './ids.ts';
import { countInvoke, sendInvoke } from './invoke.ts';
import { lackedOf } from './lacking.ts';
import { sendMessages } from './messages-endpoint.ts';
import { modelsAnswer } from './models.ts';

/** Makes the provider. Asynchronous only for the credential's fingerprint. */
export async function createBedrockProvider(settings: ProviderSettings): Promise<Provider> {
  const { id, kind, weight, costCenters, priceMillionths, credential, url, region } = settings;
  if (credential === null || url === null || region === null) {
    throw new TypeError(`${id} has no credential, no address or no region`);
  }
  const isMantle = kind === 'bedrock-mantle';
  const accepted = isMantle ? MESSAGES_ENDPOINT : INVOKE_MODEL;
  const service = isMantle ? 'bedrock-mantle' : 'bedrock';
  const access: Access = { service, region, credential, signingKeys: new Map() };
  const ownIds = withOwnIds(new Map(), [settings]);
  const serves = (model: string): boolean => bedrockId(settings, model) !== null;
  return {
    id,
    name: kind,
    weight,
    costCenters,
    priceMillionths,
    credentialId: await credentialId(credential),
    serves,
    lacks: (facts) => lackedOf(facts, accepted),
    send: async (request) =>
      listed(request, serves, accepted) ?? (await called({ settings, url, access }, request)),
    meter: (contentType) => meterOf(contentType, ownIds),
  };
}

/** Where Bedrock computes is in the provider's multiplier already: geography must not be charged on top of it. */
function meterOf(contentType: string, ownIds: ReadonlyMap<string, string>): Meter {
  return withUsage(createNamedMeter(contentType, ownIds), (usage) => ({ ...usage, inferenceGeo: null }));
}

function listed(request: ProviderRequest, serves: Provider['serves'], accepted: Accepted): Response | null {
  return request.method === 'GET' ? modelsAnswer(addressOf(request), serves, accepted) : null;
}

async function called(endpoint: Endpoint, request: ProviderRequest): Promise<Response> {
  const { pathname } = addressOf(request);
  const isCount = pathname === '/v1/messages/count_tokens';
  const { body, model } = request;
  if (request.method !== 'POST' || (!isCount && pathname !== '/v1/messages') || body === null) {
    return refused('not_found_error', 'Not found');
  }
  if (model === null) return refused('invalid_request_error', 'model: Field required');
  const { settings } = endpoint;
  const isMantle = settings.kind === 'bedrock-mantle';
  const id = isCount && !isMantle ? foundationId(settings, model) : bedrockId(settings, model);
  if (id === null) return refused('not_found_error', `model: ${model}`);
  const call = { endpoint, id, model, body, headers: request.headers, signal: request.signal };
  const answer = isMantle
    ? await sendMessages(call, pathname)
    : isCount
      ? await countInvoke(call)
      : await sendInvoke(call);
  return answer ?? refused('invalid_request_error', 'body: expected a JSON object');
}

function addressOf({ path }: ProviderRequest): URL {
  return new URL(path, 'http://bedrock');
}

function refused(type: 'not_found_error' | 'invalid_request_error', message: string): Response {
  return errorResponse(type, message, { requestId: `req_${crypto.randomUUID()}` });
}
