/**
 * Looks at a turn's request once: what kind of turn it is and what a decision needs to know. It keeps no text
 * and is not strict: what only the upstream can judge is left to the upstream.
 */
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { modelNamed } from '../../durable-objects/core/catalogue/names.ts';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';
import { TURN_KINDS, type TurnFacts, type TurnKind } from '../../durable-objects/core/turn.ts';

type JsonObject = Record<string, unknown>;

/** A wrong field, for the error's message. */
export interface BodyProblem {
  path: string;
  message: string;
}

/** Names a client chooses are cut to this: they group rows, nothing more. */
const MAX_NAME_LENGTH = 200;
const MAX_MODEL_LENGTH = 256;
const MAX_FALLBACKS = 16;
const MAX_TOOL_NAMES = 400;
/** Messages hold blocks, tool results hold blocks again; what is nested deeper no upstream takes. */
const MAX_BLOCK_DEPTH = 8;

/** Tools that run at the provider and can loop or be billed beside the tokens. */
const SERVER_TOOL = /^(web_search|web_fetch|code_execution|bash_code_execution|tool_search|advisor|mcp)_?/;

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function objectsOf(value: unknown): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function stringOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function nameOf(value: string | null): string | null {
  return value === null || value === '' ? null : value.slice(0, MAX_NAME_LENGTH);
}

/**
 * Reads the body and the client's headers. `keyId` names the session of a client that sends none. The parsed
 * body is not kept: while turns wait for their wallet and upstream, it would take twice the room of its bytes.
 */
export function inspect(
  bytes: Uint8Array,
  headers: Headers,
  keyId: string,
  aliases: ReadonlyMap<string, string> = NO_ALIASES,
): Result<Inspected, BodyProblem> {
  const parsed = parseBody(bytes);
  if (!parsed.ok) return parsed;
  const { model, messages } = parsed.value;
  if (typeof model !== 'string' || model === '' || model.length > MAX_MODEL_LENGTH) {
    return err({
      path: 'model',
      message: `expected the name of a model, at most ${MAX_MODEL_LENGTH} characters`,
    });
  }
  if (!Array.isArray(messages)) return err({ path: 'messages', message: 'expected an array of messages' });
  const named = modelNamed(model, aliases, builtinCatalogue);
  const facts = factsOf(parsed.value, named, bytes.byteLength, headers, keyId);
  const fallbackModels = fallbacksOf(parsed.value, aliases);
  const withFallbacks = fallbackModels.length > 0 ? { ...facts, fallbackModels } : facts;
  return ok({ facts: withFallbacks, writtenModel: model });
}

const NO_ALIASES: ReadonlyMap<string, string> = new Map();

export interface Inspected {
  facts: TurnFacts;
  /** The model as the body names it; the facts have its first-party name. */
  writtenModel: string;
}

/** The object that a request's bytes are. */
export function parseBody(bytes: Uint8Array): Result<JsonObject, BodyProblem> {
  const parsed = parseJson(bytes);
  if (parsed === undefined) return err({ path: 'body', message: 'expected JSON in UTF-8' });
  return isObject(parsed) ? ok(parsed) : err({ path: 'body', message: 'expected a JSON object' });
}

/** Undefined where the bytes are no JSON. */
function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch {
    return undefined;
  }
}

function factsOf(
  body: JsonObject,
  model: string,
  bodyBytes: number,
  headers: Headers,
  keyId: string,
): TurnFacts {
  const messages = objectsOf(body.messages);
  const tools = objectsOf(body.tools);
  const agent = nameOf(headers.get('x-claude-code-agent-id'));
  const prompt = surveyPrompt(body);
  const needs = neededOf(body, messages);
  return {
    model,
    kind: kindOf(headers, agent, body.tools),
    session: sessionOf(headers, body.metadata) ?? keyId,
    agent,
    stream: body.stream === true,
    bodyBytes,
    maxTokens: positiveInteger(body.max_tokens),
    messageCount: messages.length,
    imageCount: prompt.images,
    prefill: isPrefilled(messages),
    cacheTtl: prompt.cacheTtl,
    modifiers: { speed: nameOf(stringOf(body.speed)), inferenceGeo: nameOf(stringOf(body.inference_geo)) },
    thinking: nameOf(isObject(body.thinking) ? stringOf(body.thinking.type) : null),
    effort: nameOf(isObject(body.output_config) ? stringOf(body.output_config.effort) : null),
    toolsOffered: namesOf(tools),
    toolsUsed: toolsUsed(messages),
    toolResultsFailed: toolResultsFailed(messages),
    unbounded: unboundedBy(body, tools, prompt),
    ...(needs.length > 0 ? { needs } : {}),
  };
}

/** Models that a list names by whichever name; a word leaves them to the provider, and nobody checks a longer list. */
function fallbacksOf({ fallbacks }: JsonObject, aliases: ReadonlyMap<string, string>): string[] {
  if (typeof fallbacks === 'string') return fallbacks === '' ? [] : ['default'];
  const names = objectsOf(fallbacks)
    .map(({ model }) => stringOf(model)?.slice(0, MAX_MODEL_LENGTH))
    .filter((name) => name !== undefined);
  if (names.length > MAX_FALLBACKS) return ['default'];
  return names.map((name) => modelNamed(name, aliases, builtinCatalogue));
}

function positiveInteger(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : null;
}

/** The client's hint, else: an agent id is a sub-agent, an empty tool list is auxiliary, the rest is the main loop. */
function kindOf(headers: Headers, agent: string | null, tools: unknown): TurnKind {
  const hint = headers.get('x-claude-code-request-class');
  const hinted = TURN_KINDS.find((kind) => kind === hint);
  if (hinted) return hinted;
  if (agent !== null) return 'subagent';
  return Array.isArray(tools) && tools.length === 0 ? 'auxiliary' : 'main';
}

/** The session's header, else the session in `metadata.user_id`, which is JSON or ends in `_session_<id>`. */
function sessionOf(headers: Headers, metadata: unknown): string | null {
  const header = nameOf(headers.get('x-claude-code-session-id'));
  if (header) return header;
  const userId = isObject(metadata) ? stringOf(metadata.user_id) : null;
  if (userId === null) return null;
  try {
    const parsed: unknown = JSON.parse(userId);
    return nameOf(isObject(parsed) ? stringOf(parsed.session_id) : null);
  } catch {
    return nameOf(/_session_([\w-]+)$/.exec(userId)?.[1] ?? null);
  }
}

function namesOf(tools: readonly JsonObject[]): string[] {
  const names = tools.map((tool) => nameOf(stringOf(tool.name)));
  return names.filter((name) => name !== null).slice(0, MAX_TOOL_NAMES);
}

/** Names of the tools called in the last assistant message. */
function toolsUsed(messages: readonly JsonObject[]): string[] {
  const last = messages.findLast((message) => message.role === 'assistant');
  return namesOf(objectsOf(last?.content).filter((block) => block.type === 'tool_use'));
}

function toolResultsFailed(messages: readonly JsonObject[]): boolean | null {
  const last = messages.findLast((message) => message.role === 'user');
  const results = objectsOf(last?.content).filter((block) => block.type === 'tool_result');
  return results.length === 0 ? null : results.some((result) => result.is_error === true);
}

/** Blocks of an answer that paused in a provider's own tool: it is sent back to go on, which every model takes. */
const PAUSED = /^(?:server_tool_use|mcp_tool_use|.+_tool_result)$/;

/** Effort messages say nothing: what stands before one is still the last word of the conversation. */
function isPrefilled(messages: readonly JsonObject[]): boolean {
  const isEmpty = ({ role, content }: JsonObject): boolean =>
    role === 'system' && (content === undefined || (Array.isArray(content) && content.length === 0));
  const last = messages.findLast((message) => !isEmpty(message));
  if (last?.role !== 'assistant') return false;
  return !PAUSED.test(stringOf(objectsOf(last.content).at(-1)?.type) ?? '');
}

interface PromptSurvey {
  cacheTtl: TurnFacts['cacheTtl'];
  images: number;
  documents: boolean;
  urlInputs: boolean;
}

/** Walks system, tools and messages, down into the content of tool results. */
function surveyPrompt(body: JsonObject): PromptSurvey {
  const survey: PromptSurvey = { cacheTtl: 'none', images: 0, documents: false, urlInputs: false };
  surveyBlock(body, survey);
  for (const part of [body.system, body.tools, body.messages]) surveyBlocks(part, survey, 1);
  return survey;
}

function surveyBlocks(blocks: unknown, survey: PromptSurvey, depth: number): void {
  if (depth > MAX_BLOCK_DEPTH) return;
  for (const block of objectsOf(blocks)) {
    surveyBlock(block, survey);
    surveyBlocks(block.content, survey, depth + 1);
  }
}

function surveyBlock(block: JsonObject, survey: PromptSurvey): void {
  if (isObject(block.cache_control)) {
    survey.cacheTtl = block.cache_control.ttl === '1h' || survey.cacheTtl === '1h' ? '1h' : '5m';
  }
  if (block.type === 'image') survey.images += 1;
  if (block.type === 'document') survey.documents = true;
  const source = isObject(block.source) ? block.source.type : null;
  if (source === 'url' || source === 'file') survey.urlInputs = true;
}

/** What in a request makes its highest cost unknowable before it runs. */
function unboundedBy(body: JsonObject, tools: readonly JsonObject[], prompt: PromptSurvey): string[] {
  const causes: [string, boolean][] = [
    ['url_input', prompt.urlInputs],
    ['document', prompt.documents],
    ['server_tools', tools.some((tool) => SERVER_TOOL.test(stringOf(tool.type) ?? ''))],
    ['mcp_servers', objectsOf(body.mcp_servers).length > 0],
    // A list, or "default": what the provider would fall back to is not the request's to say.
    [
      'fallbacks',
      (Array.isArray(body.fallbacks) || typeof body.fallbacks === 'string') && body.fallbacks.length > 0,
    ],
    ['container', body.container !== undefined && body.container !== null],
  ];
  return causes.filter(([, applies]) => applies).map(([name]) => name);
}

/** What in a request the answer rests on that not every provider has. */
function neededOf(body: JsonObject, messages: readonly JsonObject[]): string[] {
  const format = isObject(body.output_config) ? body.output_config.format : undefined;
  const changes = messages
    .filter(({ role }) => role === 'system')
    .flatMap(({ content }) => objectsOf(content))
    .some(({ type }) => type === 'tool_addition' || type === 'tool_removal');
  const needs: [string, boolean][] = [
    ['structured_output', isObject(format)],
    ['output_format', isObject(body.output_format)],
    ['tool_changes', changes],
  ];
  return needs.filter(([, applies]) => applies).map(([name]) => name);
}
