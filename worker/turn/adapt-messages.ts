/**
 * Fits the system messages between the turns, and nothing else of the conversation: a thinking block is bound to
 * the prefix before it, and the cache to its bytes. So a message is only touched where the model would refuse the
 * whole request for it. Models that check such prefixes accept system messages and efforts by message.
 */
import type { Capabilities, Effort } from '../../durable-objects/core/catalogue/types.ts';
import {
  type Edit,
  isJsonObject,
  type JsonObject,
  type Path,
  remove,
  replace,
} from '../providers/json-edit.ts';
import { nearestEffort } from './adapt-effort.ts';

/** `efforts` are those the model accepts with the request's form of thinking. */
export function fitMessages(
  body: JsonObject,
  capabilities: Capabilities,
  efforts: readonly Effort[],
): Edit[] {
  if (!Array.isArray(body.messages)) return [];
  return body.messages.flatMap((message: unknown, index): Edit[] => {
    if (!isJsonObject(message) || message.role !== 'system') return [];
    const path = ['messages', index];
    if (isEmpty(message.content)) return fitDirective(message, path, capabilities, efforts);
    if (!capabilities.systemMessages) return asUser(message, path);
    return fitEffort(message, path, capabilities, efforts);
  });
}

/** A message that only sets the effort goes as a whole where it can't. */
function fitDirective(
  message: JsonObject,
  path: Path,
  capabilities: Capabilities,
  efforts: readonly Effort[],
): Edit[] {
  if (!capabilities.messageEffort) return [remove(path)];
  return fitEffort(message, path, capabilities, efforts);
}

function fitEffort(
  message: JsonObject,
  path: Path,
  { messageEffort }: Capabilities,
  efforts: readonly Effort[],
): Edit[] {
  const config = message.output_config;
  if (!Object.hasOwn(message, 'output_config')) return [];
  if (!messageEffort) return [remove([...path, 'output_config'])];
  const asked = isJsonObject(config) ? config.effort : undefined;
  const nearest = nearestEffort(asked, efforts);
  return nearest && nearest !== asked ? [replace([...path, 'output_config', 'effort'], nearest)] : [];
}

/**
 * The same words as a user message, which the models before had them in; consecutive user messages are one turn to
 * the API. What only a system message can have goes: its other members, and blocks that add and remove tools.
 */
function asUser(message: JsonObject, path: Path): Edit[] {
  const { content } = message;
  const isText = (block: unknown): boolean => isJsonObject(block) && block.type === 'text';
  const blocks = Array.isArray(content)
    ? content.map((block, index) => ({ index, kept: isText(block) }))
    : [];
  if (Array.isArray(content) && !blocks.some(({ kept }) => kept)) return [remove(path)];
  const foreign = Object.keys(message).filter((name) => name !== 'role' && name !== 'content');
  return [
    replace([...path, 'role'], 'user'),
    ...foreign.map((name) => remove([...path, name])),
    ...blocks.filter(({ kept }) => !kept).map(({ index }) => remove([...path, 'content', index])),
  ];
}

function isEmpty(content: unknown): boolean {
  return content === undefined || content === '' || (Array.isArray(content) && content.length === 0);
}
