/**
 * What has to go from a request for Bedrock to take it, as edits: the rest of the body stays byte for byte, so that a
 * prompt cache finds the prefix it knows. Only what tunes an answer is taken out here; a turn that needs what is not
 * accepted never comes here (lacking.ts).
 */
import { type Edit, isJsonObject, type JsonObject, type Path, remove } from '../json-edit.ts';
import {
  type Accepted,
  CACHE_FIELDS,
  MESSAGE_FIELDS,
  METADATA_FIELDS,
  OUTPUT_FIELDS,
  TOOL_FIELDS,
} from './accepted.ts';

/** Messages hold blocks, tool results hold blocks again; what is nested deeper no upstream takes. */
const MAX_DEPTH = 8;

/** `betas` are those that will be sent; `structured` whether the model has structured outputs here. */
export function bridgeEdits(
  body: JsonObject,
  accepted: Accepted,
  betas: readonly string[],
  structured: boolean,
): Edit[] {
  const { fields, fieldsByBeta } = accepted;
  const kept = (name: string): boolean => fields.has(name) || isLetIn(fieldsByBeta, name, betas);
  const removed = Object.keys(body).filter((name) => !kept(name));
  const outputs = structured ? new Set([...OUTPUT_FIELDS, 'format']) : OUTPUT_FIELDS;
  return [
    ...removed.map((name) => remove([name])),
    ...others(body.metadata, ['metadata'], METADATA_FIELDS),
    ...others(body.output_config, ['output_config'], outputs),
    ...toolEdits(body.tools, accepted, betas, structured),
    ...blockEdits(body.system, ['system'], 1),
    ...messageEdits(body.messages, accepted, betas),
  ];
}

function isLetIn(byBeta: ReadonlyMap<string, string>, name: string, betas: readonly string[]): boolean {
  const beta = byBeta.get(name);
  return beta !== undefined && betas.includes(beta);
}

/** Every member but those that are known; all of the object where it has none of these. */
function others(value: unknown, path: Path, known: ReadonlySet<string>): Edit[] {
  if (!isJsonObject(value)) return [];
  const names = Object.keys(value);
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0 && unknown.length === names.length) return [remove(path)];
  return unknown.map((name) => remove([...path, name]));
}

/** Tools with a type of their own are the client's known ones, which take what they take. */
function toolEdits(
  tools: unknown,
  { toolFieldsByBeta }: Accepted,
  betas: readonly string[],
  structured: boolean,
): Edit[] {
  if (!Array.isArray(tools)) return [];
  return tools.flatMap((tool: unknown, index): Edit[] => {
    if (!isJsonObject(tool)) return [];
    const path = ['tools', index];
    const isCustom = tool.type === undefined || tool.type === null || tool.type === 'custom';
    const kept = (name: string): boolean =>
      TOOL_FIELDS.has(name) || isLetIn(toolFieldsByBeta, name, betas) || (structured && name === 'strict');
    const extra = isCustom ? Object.keys(tool).filter((name) => !kept(name)) : [];
    return [
      ...extra.map((name) => remove([...path, name])),
      ...others(tool.cache_control, [...path, 'cache_control'], CACHE_FIELDS),
    ];
  });
}

function messageEdits(messages: unknown, accepted: Accepted, betas: readonly string[]): Edit[] {
  if (!Array.isArray(messages)) return [];
  const { messageEffortBeta } = accepted;
  const takesEffort = messageEffortBeta !== null && betas.includes(messageEffortBeta);
  return messages.flatMap((message: unknown, index): Edit[] => {
    if (!isJsonObject(message)) return [];
    const path = ['messages', index];
    if (message.role !== 'system') return blockEdits(message.content, [...path, 'content'], 1);
    // A message that only sets the effort goes as a whole where it can't.
    if (!takesEffort && isEmpty(message.content)) return [remove(path)];
    const known = takesEffort ? new Set([...MESSAGE_FIELDS, 'output_config']) : MESSAGE_FIELDS;
    return [...others(message, path, known), ...blockEdits(message.content, [...path, 'content'], 1)];
  });
}

function blockEdits(blocks: unknown, path: Path, depth: number): Edit[] {
  if (!Array.isArray(blocks) || depth > MAX_DEPTH) return [];
  return blocks.flatMap((block: unknown, index): Edit[] => {
    if (!isJsonObject(block)) return [];
    const here = [...path, index];
    return [
      ...others(block.cache_control, [...here, 'cache_control'], CACHE_FIELDS),
      ...blockEdits(block.content, [...here, 'content'], depth + 1),
    ];
  });
}

function isEmpty(content: unknown): boolean {
  return content === undefined || content === '' || (Array.isArray(content) && content.length === 0);
}
