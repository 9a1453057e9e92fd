/** Checks of the messages: their roles and order, and how many tokens and images they hold. */
import {
  type ModelName,
  SMALL,
  TAKES_EFFORT_BY_MESSAGE,
  TAKES_PREFILL_WITHOUT_THINKING,
  TAKES_SYSTEM_MESSAGES,
} from './models.ts';
import { badRequest, type Refusal, type StrictRequest } from './refusal.ts';
import { checkEffort, thinks } from './thinking.ts';

type Message = StrictRequest['messages'][number];

/** A guess at the tokens of JSON text, high rather than low. */
const BYTES_PER_TOKEN = 3;

const OF_SYSTEM = ['role', 'content', 'output_config', 'clear_at'];
const OF_OTHERS = ['role', 'content'];
const SYSTEM_BLOCKS = ['text', 'tool_addition', 'tool_removal'];

export function checkMessages(request: StrictRequest, model: ModelName): Refusal | null {
  const { messages } = request;
  if (messages.length === 0) return badRequest('messages: at least one message is required');
  for (const [index, message] of messages.entries()) {
    const refusal =
      checkMembers(message, index) ??
      (message.role === 'system'
        ? checkSystem(request, index, message, model)
        : checkContent(message, index)) ??
      checkResults(message, messages.slice(index + 1), index);
    if (refusal) return refusal;
  }
  return checkEnd(request, model);
}

function checkMembers(message: Message, index: number): Refusal | null {
  const allowed = message.role === 'system' ? OF_SYSTEM : OF_OTHERS;
  const extra = Object.keys(message).find((name) => !allowed.includes(name));
  return extra === undefined
    ? null
    : badRequest(`messages.${index}.${extra}: Extra inputs are not permitted`);
}

function isEmpty({ content }: Message): boolean {
  return content === undefined || content.length === 0;
}

function checkContent(message: Message, index: number): Refusal | null {
  if (message.role !== 'user' && message.role !== 'assistant') {
    return badRequest(`messages.${index}.role: Input should be 'user' or 'assistant'`);
  }
  if (isEmpty(message)) {
    return badRequest(
      `messages.${index}: all messages must have non-empty content except for the optional final assistant message`,
    );
  }
  const blocks = typeof message.content === 'string' ? [] : (message.content ?? []);
  const foreign = blocks.find(({ type }) => type === 'tool_addition' || type === 'tool_removal');
  if (!foreign) return null;
  return badRequest(
    `messages.${index}.content: Input tag '${foreign.type}' found using 'type' does not match any of the expected tags`,
  );
}

/** Words of a system message follow a user's turn; one that only sets the effort may stand anywhere. */
function checkSystem(
  request: StrictRequest,
  index: number,
  message: Message,
  model: ModelName,
): Refusal | null {
  const { output_config: config } = message;
  if (config && !TAKES_EFFORT_BY_MESSAGE.includes(model)) {
    return badRequest(`messages.${index}.output_config: Extra inputs are not permitted`);
  }
  const effort = config?.effort && checkEffort(config.effort, request, model);
  if (effort) return effort;
  if (isEmpty(message)) {
    return config ? null : badRequest(`messages.${index}: content or output_config is required`);
  }
  if (!TAKES_SYSTEM_MESSAGES.includes(model))
    return badRequest("role 'system' is not supported on this model");
  const before = request.messages.slice(0, index).findLast((each) => !isDirective(each));
  const after = request.messages.slice(index + 1).find((each) => !isDirective(each));
  if (before?.role !== 'user' || (after && after.role !== 'assistant')) {
    return badRequest(
      `messages.${index}: use the top-level 'system' parameter for the initial system prompt; the directive-only form (content: [] with output_config) is accepted at any position`,
    );
  }
  const blocks = typeof message.content === 'string' ? [] : (message.content ?? []);
  const foreign = blocks.find(({ type }) => !SYSTEM_BLOCKS.includes(type));
  return foreign
    ? badRequest(`messages.${index}.content: Input tag '${foreign.type}' is not allowed here`)
    : null;
}

function isDirective(message: Message): boolean {
  return message.role === 'system' && isEmpty(message);
}

/** Every tool call is answered in the message right after it. */
function checkResults(message: Message, rest: readonly Message[], index: number): Refusal | null {
  if (message.role !== 'assistant' || typeof message.content === 'string') return null;
  const calls = (message.content ?? []).filter(({ type }) => type === 'tool_use').map(({ id }) => id);
  const next = rest.find((each) => !isDirective(each));
  const content = next?.role === 'user' && typeof next.content !== 'string' ? (next.content ?? []) : [];
  const answered = content.filter(({ type }) => type === 'tool_result').map(({ tool_use_id: id }) => id);
  const missing = calls.filter((id) => !answered.includes(id));
  if (missing.length === 0) return null;
  return badRequest(
    `messages.${index}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`,
  );
}

/** An answer begun by the client. */
function checkEnd(request: StrictRequest, model: ModelName): Refusal | null {
  const last = request.messages.findLast((message) => !isDirective(message));
  if (last?.role !== 'assistant') return null;
  if (TAKES_PREFILL_WITHOUT_THINKING.includes(model) && !thinks(request, model)) return null;
  return badRequest(
    'This model does not support assistant message prefill. The conversation must end with a user message.',
  );
}

/** `bytes` is the length of the request's text. */
export function checkSize(request: StrictRequest, bytes: number, model: ModelName): Refusal | null {
  const small = SMALL.includes(model);
  const maxOutput = small ? 64_000 : 128_000;
  if (request.max_tokens > maxOutput) {
    return badRequest(
      `max_tokens: ${request.max_tokens} > ${maxOutput}, which is the maximum allowed number of output tokens for ${request.model}`,
    );
  }
  const maxImages = small ? 100 : 600;
  const images = JSON.stringify(request.messages).split('"type":"image"').length - 1;
  if (images > maxImages) return badRequest(`too many images and documents: ${images} + 0 > ${maxImages}`);
  const window = small ? 200_000 : 1_000_000;
  const tokens = Math.ceil(bytes / BYTES_PER_TOKEN);
  return tokens > window ? badRequest(`prompt is too long: ${tokens} tokens > ${window} maximum`) : null;
}
