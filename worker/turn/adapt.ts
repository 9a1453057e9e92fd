/**
 * Fits a Messages request to the model the decision chose, from that model's capabilities: what it accepts stays
 * as asked, what it does not is brought to the nearest thing it accepts, or left to the model's default.
 *
 * The rest of the body stays byte for byte: system, tools and history are never rewritten, but for system messages
 * between the turns that the model refuses. What cannot be fitted without touching the conversation (a prefilled
 * answer, too many images, too long a prompt) is for the decision to pass over; it goes as it is, and the upstream
 * says so.
 */
import type { Capabilities, Model } from '../../durable-objects/core/catalogue/types.ts';
import { type Edit, isJsonObject, type JsonObject, remove, replace } from '../providers/json-edit.ts';
import { editJson } from '../providers/json-splice.ts';
import { fitContext } from './adapt-context.ts';
import { effortsWith, fitOutputConfig } from './adapt-effort.ts';
import { fitMessages } from './adapt-messages.ts';
import { fitThinking, lowerBudget } from './adapt-thinking.ts';

/**
 * The body to send to `targetId`, with at most `maxTokens` of output (null: as many as asked for). `body` is
 * `bytes` parsed, with its `model`, and neither is changed. A null `target` is a model the catalogue doesn't know:
 * then only the name, the fallbacks and the limit change. Where the model stays, only the limit does, and without
 * one the very bytes come back.
 */
export function adaptBody(
  bytes: Uint8Array,
  body: Record<string, unknown>,
  target: Model | null,
  targetId: string,
  maxTokens: number | null = null,
): Uint8Array {
  const edits =
    body.model === targetId
      ? limitOutput(body, maxTokens)
      : [replace(['model'], targetId), ...withoutFallbacks(body), ...fitTo(target, body, maxTokens)];
  return editJson(bytes, edits, () => body);
}

function fitTo(target: Model | null, body: JsonObject, maxTokens: number | null): Edit[] {
  return target ? fitRequest(body, target, maxTokens) : limitOutput(body, maxTokens);
}

function fitRequest(body: JsonObject, { capabilities, maxOutput }: Model, limit: number | null): Edit[] {
  const asked = askedOutput(body);
  const maxTokens = asked && Math.min(asked, maxOutput, limit ?? maxOutput);
  const thinking = fitThinking(body, capabilities, maxTokens);
  return [
    ...lowerTo(maxTokens, body),
    ...thinking.edits,
    ...fitContext(body, capabilities, thinking.turnedOff),
    ...fitOutputConfig(body, capabilities, thinking.form),
    ...fitToolChoice(body, capabilities),
    ...fitMessages(body, capabilities, effortsWith(capabilities, thinking.form)),
    ...(capabilities.fast ? [] : withoutMembers(body, ['speed'])),
    ...(capabilities.sampling ? [] : withoutMembers(body, ['temperature', 'top_p', 'top_k'])),
  ];
}

/** Lowers the limit of output of a request that otherwise stays as it is. */
function limitOutput(body: JsonObject, maxTokens: number | null): Edit[] {
  const asked = askedOutput(body);
  if (maxTokens === null || asked === null || asked <= maxTokens) return [];
  const thinking = lowerBudget(body, maxTokens);
  return [
    ...lowerTo(maxTokens, body),
    ...thinking.edits,
    ...fitContext(body, { compaction: true }, thinking.turnedOff),
  ];
}

function askedOutput(body: JsonObject): number | null {
  return typeof body.max_tokens === 'number' ? body.max_tokens : null;
}

function lowerTo(maxTokens: number | null, body: JsonObject): Edit[] {
  return maxTokens === null || body.max_tokens === maxTokens ? [] : [replace(['max_tokens'], maxTokens)];
}

/** What a fallback names may be dearer than the model asked for; its credit is only good for the same request. */
function withoutFallbacks(body: JsonObject): Edit[] {
  return withoutMembers(body, ['fallbacks', 'fallback_credit_token']);
}

function withoutMembers(body: JsonObject, names: readonly string[]): Edit[] {
  return names.filter((name) => Object.hasOwn(body, name)).map((name) => remove([name]));
}

/** A model that cannot be made to use a tool is left to choose; the rest of the choice stays. */
function fitToolChoice(body: JsonObject, capabilities: Capabilities): Edit[] {
  const choice = body.tool_choice;
  if (capabilities.forcedToolChoice || !isJsonObject(choice)) return [];
  if (choice.type !== 'any' && choice.type !== 'tool') return [];
  const named = Object.hasOwn(choice, 'name') ? [remove(['tool_choice', 'name'])] : [];
  return [replace(['tool_choice', 'type'], 'auto'), ...named];
}
