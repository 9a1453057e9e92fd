/**
 * The built-in upstream: plays the Anthropic API where no key is configured, and in tests. Messages streamed and
 * not, count_tokens, models; believable pace, an emulated prompt cache, errors in the API's words. The same
 * body and `x-bursar-simulate-seed` get the same text, ids and pace; only the cache remembers what came before.
 *
 * It can be told to fail, stall, cut and refuse by the request header `x-bursar-simulate`; directives.ts lists
 * what it understands. Both headers reach it only where it is the configured provider.
 */
import { canonicalId } from '../../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { LIST_MILLIONTHS, type ProviderSettings } from '../../../durable-objects/core/provider-settings.ts';
import { errorResponse } from '../../envelope.ts';
import { createMessagesMeter } from '../messages-meter.ts';
import { getModel, listModels, type Rejection } from '../models-list.ts';
import type { Provider, ProviderRequest } from '../provider.ts';
import { hashText, simulatedId } from './chance.ts';
import { DIRECTIVES_HEADER, type Directives, readDirectives, SEED_HEADER } from './directives.ts';
import { failResponse } from './failure.ts';
import { answerMessage, countTokens, type Exchange } from './messages.ts';
import { connectionCut } from './playback.ts';
import { createPromptCache, type PromptCache } from './prompt-cache.ts';
import { stall, wait } from './wait.ts';

/** One for the isolate: providers may come and go, a prompt cache stays warm. */
const isolateCache = createPromptCache();

type SimulatorSettings = Pick<
  ProviderSettings,
  'id' | 'weight' | 'costCenters' | 'priceMillionths' | 'onlyModels'
>;

const SOLE: SimulatorSettings = {
  id: 'simulator',
  weight: 1,
  costCenters: null,
  priceMillionths: LIST_MILLIONTHS,
  onlyModels: null,
};

export interface SimulatorOptions {
  /** Where prompts are cached; the isolate's own unless given. */
  cache?: PromptCache;
}

export function createSimulatorProvider(
  { cache = isolateCache }: SimulatorOptions = {},
  { id, weight, costCenters, priceMillionths, onlyModels }: SimulatorSettings = SOLE,
): Provider {
  return {
    id,
    name: 'simulator',
    weight,
    costCenters,
    priceMillionths,
    credentialId: null,
    serves: (model) => onlyModels === null || onlyModels.includes(canonicalId(builtinCatalogue, model)),
    lacks: () => null,
    send: (request) => simulate(request, cache),
    meter: createMessagesMeter,
  };
}

async function simulate(request: ProviderRequest, cache: PromptCache): Promise<Response> {
  const text = new TextDecoder().decode(request.body ?? undefined);
  const seed = hashText(`${request.headers.get(SEED_HEADER) ?? ''}\n${request.path}\n${text}`);
  const requestId = simulatedId('req', seed);
  const directives = readDirectives(request.headers.get(DIRECTIVES_HEADER));
  if (!directives.ok) return reject({ type: 'invalid_request_error', message: directives.error }, requestId);
  const failure = await obstruct(directives.value, request.signal, requestId);
  if (failure) return failure;
  const response = await route(request, {
    text,
    seed,
    directives: directives.value,
    catalogue: builtinCatalogue,
    cache,
    nowMs: Date.now(),
    signal: request.signal,
  });
  if (!(response instanceof Response)) return reject(response, requestId);
  response.headers.set('request-id', requestId);
  return response;
}

/** What happens before a request is even looked at; null where nothing does. */
async function obstruct(
  { delay, cut, stall: stalled, fail }: Directives,
  signal: AbortSignal,
  requestId: string,
): Promise<Response | null> {
  await wait(delay ?? 0, signal);
  if (stalled === 'head') return stall(signal);
  if (cut === 'head') throw connectionCut();
  return fail === undefined ? null : failResponse(fail, requestId);
}

async function route(request: ProviderRequest, exchange: Exchange): Promise<Response | Rejection> {
  const { pathname, searchParams } = new URL(request.path, 'http://simulator');
  if (request.method === 'POST' && pathname === '/v1/messages') return answerMessage(exchange);
  if (request.method === 'POST' && pathname === '/v1/messages/count_tokens') return countTokens(exchange);
  if (request.method === 'GET' && pathname === '/v1/models') {
    const page = listModels(exchange.catalogue, searchParams, exchange.nowMs);
    return page.ok ? Response.json(page.value) : page.error;
  }
  const id = /^\/v1\/models\/([^/]+)$/.exec(pathname)?.[1];
  if (request.method === 'GET' && id !== undefined) {
    const model = getModel(exchange.catalogue, id, exchange.nowMs);
    return model.ok ? Response.json(model.value) : model.error;
  }
  return { type: 'not_found_error', message: 'Not found' };
}

function reject({ type, message }: Rejection, requestId: string): Response {
  return errorResponse(type, message, { requestId });
}
