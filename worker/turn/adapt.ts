/**
 * Fits a Messages request to the model the decision chose, from that model's capabilities: what it accepts stays
 * as asked, what it does not is brought to the nearest thing it accepts, or left to the model's default.
 *
 * The rest of the body stays byte for byte: system, tools and history are never rewritten (a thinking block is
 * bound to the prefix before it, and the cache to its bytes), but for effort messages that the model refuses.
 * What cannot be fitted without touching the conversation (a prefilled answer, text in system messages between
 * turns) goes as it is, and the upstream says so.
 */
import {
  type Capabilities,
  EFFORTS,
  type Model,
  type ThinkingForm,
} from '../../durable-objects/core/catalogue/types.ts';
import { applyEdits, type Edit, isJsonObject, type JsonObject, remove, replace } from './adapt-edit.ts';
import { spliceJson } from './adapt-splice.ts';
import { fitThinking } from './adapt-thinking.ts';

const encoder = new TextEncoder();

/**
 * The body to send to `targetId`. `body` is `bytes` parsed, with its `model`, and neither is changed. A null
 * `target` is a model the catalogue doesn't know: then only the name changes.
 */
export function adaptBody(
  bytes: Uint8Array,
  body: Record<string, unknown>,
  target: Model | null,
  targetId: string,
): Uint8Array {
  const edits = [replace(['model'], targetId), ...(target ? fitRequest(body, target) : [])];
  return spliceJson(bytes, edits) ?? encoder.encode(JSON.stringify(applyEdits(body, edits)));
}

function fitRequest(body: JsonObject, { capabilities, maxOutput }: Model): Edit[] {
  const asked = typeof body.max_tokens === 'number' ? body.max_tokens : null;
  const maxTokens = asked && Math.min(asked, maxOutput);
  const thinking = fitThinking(body, capabilities, maxTokens);
  return [
    ...(maxTokens === asked ? [] : [replace(['max_tokens'], maxTokens)]),
    ...thinking.edits,
    ...fitEffort(body, capabilities, thinking.form),
    ...fitToolChoice(body, capabilities),
    ...fitEffortMessages(body, capabilities),
    ...(capabilities.fast ? [] : withoutMembers(body, ['speed'])),
    ...(capabilities.sampling ? [] : withoutMembers(body, ['temperature', 'top_p', 'top_k'])),
  ];
}

function withoutMembers(body: JsonObject, names: readonly string[]): Edit[] {
  return names.filter((name) => Object.hasOwn(body, name)).map((name) => remove([name]));
}

/** Brings the effort down to the nearest the model accepts with this form of thinking (up, where all are above). */
function fitEffort(body: JsonObject, capabilities: Capabilities, form: ThinkingForm | null): Edit[] {
  const config = body.output_config;
  if (!isJsonObject(config) || !Object.hasOwn(config, 'effort')) return [];
  if (capabilities.efforts.length === 0) {
    return [remove(Object.keys(config).length === 1 ? ['output_config'] : ['output_config', 'effort'])];
  }
  const asked = EFFORTS.find((effort) => effort === config.effort);
  if (!asked) return [];
  const isOff = form === 'disabled' || form === 'between_tools';
  const allowed = (isOff && capabilities.thinkingOffEfforts) || capabilities.efforts;
  const nearest =
    allowed.findLast((effort) => EFFORTS.indexOf(effort) <= EFFORTS.indexOf(asked)) ?? allowed[0];
  return nearest === asked ? [] : [replace(['output_config', 'effort'], nearest)];
}

/** A model that cannot be made to use a tool is left to choose; the rest of the choice stays. */
function fitToolChoice(body: JsonObject, capabilities: Capabilities): Edit[] {
  const choice = body.tool_choice;
  if (capabilities.forcedToolChoice || !isJsonObject(choice)) return [];
  if (choice.type !== 'any' && choice.type !== 'tool') return [];
  const named = Object.hasOwn(choice, 'name') ? [remove(['tool_choice', 'name'])] : [];
  return [replace(['tool_choice', 'type'], 'auto'), ...named];
}

/** An effort message goes as a whole where it says nothing else; one that carries text keeps the text. */
function fitEffortMessages(body: JsonObject, capabilities: Capabilities): Edit[] {
  if (capabilities.messageEffort || !Array.isArray(body.messages)) return [];
  return body.messages.flatMap((message: unknown, index): Edit[] => {
    if (!isJsonObject(message) || message.role !== 'system' || !Object.hasOwn(message, 'output_config'))
      return [];
    const path = ['messages', index];
    return [isEmpty(message.content) ? remove(path) : remove([...path, 'output_config'])];
  });
}

function isEmpty(content: unknown): boolean {
  return content === undefined || content === '' || (Array.isArray(content) && content.length === 0);
}
