/** `POST /v1/chat/completions` as a request of the Messages API. What neither has a place for is left out. */
import type { Model } from '../../../../durable-objects/core/catalogue/types.ts';
import { err, ok, type Result } from '../../../../durable-objects/core/result.ts';
import { isJsonObject, type JsonObject } from '../../json-edit.ts';
import { markCache } from './cache-marks.ts';
import { readConversation } from './conversation.ts';
import { type FieldProblem, flagAt, isGiven, nameAt, objectAt, WrongField } from './field.ts';
import { type LimitField, limitField, readMaxTokens, readSampling, readStops } from './generation.ts';
import { readTools } from './tools.ts';

/** What of a request its answer depends on. */
export interface Asked {
  /** Whether a stream ends with its usage. */
  includeUsage: boolean;
  /** Whether tools came as `functions`. */
  areFunctions: boolean;
  limitField: LimitField;
  /** The client's index of each message that went to the API. */
  origins: readonly number[];
}

export interface ChatRequest {
  /** The body for `/v1/messages`. */
  bytes: Uint8Array;
  asked: Asked;
  /** What the client groups its requests by; null: nothing. */
  session: string | null;
}

/**
 * Translates a request's body; a problem names the field as the client calls it. `modelOf` finds a model by whatever
 * name it has; null where it is unknown, and then it goes on by that name, for the provider to judge.
 */
export function translateChatRequest(
  bytes: Uint8Array,
  modelOf: (name: string) => Model | null,
): Result<ChatRequest, FieldProblem> {
  try {
    return ok(translated(parsed(bytes), bytes.byteLength, modelOf));
  } catch (error) {
    if (error instanceof WrongField) return err(error.problem);
    throw error;
  }
}

function parsed(bytes: Uint8Array): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes));
  } catch {
    throw new WrongField('body', 'expected JSON in UTF-8');
  }
  if (!isJsonObject(value)) throw new WrongField('body', 'expected a JSON object');
  return value;
}

function translated(body: JsonObject, size: number, modelOf: (name: string) => Model | null): ChatRequest {
  const name = nameAt(body.model, 'model');
  const model = modelOf(name);
  if (isGiven(body.n) && body.n !== 1) throw new WrongField('n', 'expected 1: an answer has one choice');
  const stream = flagAt(body.stream, 'stream');
  const conversation = readConversation(body.messages);
  const { tools, choice, areFunctions } = readTools(body);
  const stops = readStops(body);
  if (body.cache_control === undefined) markCache(conversation, { tools, choice }, model, size);
  const request = {
    model: name,
    messages: conversation.messages,
    ...(conversation.system.length > 0 ? { system: conversation.system } : {}),
    ...(tools.length > 0 ? { tools } : {}),
    ...(choice ? { tool_choice: choice } : {}),
    max_tokens: readMaxTokens(body, model),
    ...readSampling(body, model),
    ...(stops.length > 0 ? { stop_sequences: stops } : {}),
    // Not OpenAI's, but taken by Anthropic's own layer, or of worth to whoever pays.
    ...(isGiven(body.thinking) ? { thinking: objectAt(body.thinking, 'thinking') } : {}),
    ...(isGiven(body.cache_control) ? { cache_control: body.cache_control } : {}),
    stream,
  };
  return {
    bytes: new TextEncoder().encode(JSON.stringify(request)),
    asked: {
      includeUsage: includesUsage(body),
      areFunctions,
      limitField: limitField(body),
      origins: conversation.origins,
    },
    session: sessionOf(body),
  };
}

function includesUsage({ stream_options: options }: JsonObject): boolean {
  if (!isGiven(options)) return false;
  return flagAt(objectAt(options, 'stream_options').include_usage, 'stream_options.include_usage');
}

/** A conversation's or an application's key for caching, else whoever uses the application. */
function sessionOf({
  prompt_cache_key: key,
  safety_identifier: user,
  user: older,
}: JsonObject): string | null {
  const given = [key, user, older].find((each): each is string => typeof each === 'string' && each !== '');
  return given ?? null;
}
