/** Bedrock lists no models in the API's terms: what a provider serves is told from the built-in catalogue. */
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import type { Model } from '../../../durable-objects/core/catalogue/types.ts';
import { errorResponse } from '../../envelope.ts';
import { support } from '../model-capabilities.ts';
import { type Described, getModel, listModels } from '../models-list.ts';
import type { Accepted } from './accepted.ts';

const ONE_MODEL = /^\/v1\/models\/([^/]+)$/;

/** Answers `GET /v1/models` and `/v1/models/{id}`; null: another path. */
export function modelsAnswer(
  { pathname, searchParams }: URL,
  serves: (model: string) => boolean,
  accepted: Accepted,
): Response | null {
  const id = ONE_MODEL.exec(pathname)?.[1];
  if (id === undefined && pathname !== '/v1/models') return null;
  const served = { ...builtinCatalogue, models: builtinCatalogue.models.filter(({ id }) => serves(id)) };
  const described = describedBy(accepted);
  const nowMs = Date.now();
  const answer =
    id === undefined
      ? listModels(served, searchParams, nowMs, described)
      : getModel(served, decoded(id), nowMs, described);
  const requestId = `req_${crypto.randomUUID()}`;
  if (answer.ok) return Response.json(answer.value, { headers: { 'request-id': requestId } });
  return errorResponse(answer.error.type, answer.error.message, { requestId });
}

/** An id that is no well-formed encoding is one that no model has. */
function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

/** What the first-party API has and Bedrock has not. */
function describedBy({ structuredOutputs }: Accepted): Described {
  const none = support(false);
  return ({ bedrock }: Model) => ({
    batch: none,
    code_execution: none,
    server_tools: { supported: false, code_execution: none, web_search: none },
    structured_outputs: support(structuredOutputs && (bedrock?.structuredOutputs ?? false)),
  });
}
