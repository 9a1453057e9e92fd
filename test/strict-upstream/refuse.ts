/**
 * A stand-in for how strict the API is: what it would refuse of a Messages request, model by model, in the order
 * and words it does. Written from its documentation and from errors seen, and from nothing of Bursar's, so that
 * it can be the check on Bursar's fitting. What it doesn't know it lets pass.
 */
import { checkMessages, checkSize } from './conversation.ts';
import {
  type ModelName,
  modelName,
  REFUSES_FALLBACKS,
  REFUSES_FORCED_TOOLS,
  TAKES_FAST,
  TAKES_SAMPLING,
} from './models.ts';
import { badRequest, type Refusal, requestSchema, type StrictRequest } from './refusal.ts';
import { checkContextManagement, checkOutputConfig, checkThinking, thinks } from './thinking.ts';

/** The refusal of a parsed request to `modelId`; null where the model would answer. */
export function refusalOf(body: unknown, modelId: string): Refusal | null {
  const model = modelName(modelId);
  if (!model) return { status: 404, type: 'not_found_error', message: `model: ${modelId}` };
  const parsed = requestSchema.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return badRequest(`${issue?.path.join('.')}: ${issue?.message}`);
  }
  const request = parsed.data;
  return (
    checkThinking(request, model) ??
    checkOutputConfig(request, model) ??
    checkContextManagement(request, model) ??
    checkToolChoice(request, model) ??
    checkSampling(request, model) ??
    checkServing(request, model) ??
    checkMessages(request, model) ??
    checkSize(request, JSON.stringify(body).length, model)
  );
}

function checkToolChoice(request: StrictRequest, model: ModelName): Refusal | null {
  const type = request.tool_choice?.type;
  if (type !== 'any' && type !== 'tool') return null;
  if (REFUSES_FORCED_TOOLS.includes(model)) {
    return badRequest('tool_choice: type "tool" and "any" are not supported for this model.');
  }
  // Thinking by budget; the table has adaptive thinking beside a forced tool accepted.
  if (request.thinking?.type !== 'enabled') return null;
  return badRequest('Thinking may not be enabled when tool_choice forces tool use.');
}

function checkSampling(request: StrictRequest, model: ModelName): Refusal | null {
  const { temperature, top_p, top_k } = request;
  if (!TAKES_SAMPLING.includes(model)) {
    const named = Object.entries({ temperature, top_p, top_k }).find(
      ([name, value]) => typeof value === 'number' && !(name !== 'top_k' && value === 1),
    );
    return named ? badRequest(`\`${named[0]}\` is deprecated for this model.`) : null;
  }
  if (!thinks(request, model) || typeof temperature !== 'number' || temperature === 1) return null;
  return badRequest('`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.');
}

function checkServing({ speed, fallbacks, model: id }: StrictRequest, model: ModelName): Refusal | null {
  if (speed === 'fast' && !TAKES_FAST.includes(model)) {
    return badRequest(`'${id}' does not support the \`speed\` parameter.`);
  }
  if (Array.isArray(fallbacks) && fallbacks.length > 0 && REFUSES_FALLBACKS.includes(model)) {
    return badRequest('fallbacks: not supported for this model');
  }
  return null;
}
