/** The tools a chat offers and which of them the model may use, from `tools` or the older `functions`. */
import type { JsonObject } from '../../json-edit.ts';
import { flagAt, isGiven, listAt, nameAt, objectAt, textAt, WrongField } from './field.ts';
import type { Tool, ToolChoice } from './messages-body.ts';

export interface OfferedTools {
  tools: Tool[];
  /** Null: the API's own default, auto. */
  choice: ToolChoice | null;
  /** Whether they came as `functions`: the answer then has a `function_call`. */
  areFunctions: boolean;
}

export function readTools(body: JsonObject): OfferedTools {
  const areFunctions = !isGiven(body.tools) && isGiven(body.functions);
  const tools = areFunctions
    ? listAt(body.functions, 'functions').map((each, index) => readFunction(each, `functions[${index}]`))
    : listAt(body.tools ?? [], 'tools').map((each, index) => readTool(each, `tools[${index}]`));
  const field = areFunctions ? 'function_call' : 'tool_choice';
  const choice = readChoice(body[field], field);
  const isSerial = areFunctions || isSerialAsked(body);
  if (tools.length > 0) return { tools, choice: limited(choice, isSerial), areFunctions };
  if (choice?.type === 'any' || choice?.type === 'tool') {
    throw new WrongField(field, 'expected tools to choose from');
  }
  return { tools, choice: null, areFunctions };
}

function isSerialAsked({ parallel_tool_calls: parallel }: JsonObject): boolean {
  return isGiven(parallel) && !flagAt(parallel, 'parallel_tool_calls');
}

/** At most one call at a time. */
function limited(choice: ToolChoice | null, isSerial: boolean): ToolChoice | null {
  if (!isSerial || choice?.type === 'none') return choice;
  return { ...(choice ?? { type: 'auto' }), disable_parallel_tool_use: true };
}

function readTool(value: unknown, path: string): Tool {
  const tool = objectAt(value, path);
  if (tool.type !== 'function') {
    throw new WrongField(`${path}.type`, 'expected "function"; other kinds of tools are not understood');
  }
  const read = readFunction(tool.function, `${path}.function`);
  return isGiven(tool.cache_control) ? { ...read, cache_control: tool.cache_control } : read;
}

function readFunction(value: unknown, path: string): Tool {
  const { name, description, parameters, cache_control } = objectAt(value, path);
  return {
    name: nameAt(name, `${path}.name`),
    ...(isGiven(description) ? { description: textAt(description, `${path}.description`) } : {}),
    input_schema: readSchema(parameters, `${path}.parameters`),
    ...(isGiven(cache_control) ? { cache_control } : {}),
  };
}

/** The API takes schemas of objects only, and asks that they say so. */
function readSchema(value: unknown, path: string): JsonObject {
  if (!isGiven(value)) return { type: 'object', properties: {} };
  const schema = objectAt(value, path);
  if (!isGiven(schema.type)) return { ...schema, type: 'object' };
  if (schema.type !== 'object') {
    throw new WrongField(`${path}.type`, 'expected "object": a tool is called with an object');
  }
  return schema;
}

const CHOICES: ReadonlyMap<unknown, ToolChoice> = new Map<unknown, ToolChoice>([
  ['auto', { type: 'auto' }],
  ['none', { type: 'none' }],
  ['required', { type: 'any' }],
]);

function readChoice(value: unknown, path: string): ToolChoice | null {
  if (!isGiven(value)) return null;
  const plain = CHOICES.get(value);
  if (plain) return plain;
  const expected = 'expected "auto", "none", "required" or one function by its name';
  if (typeof value === 'string') throw new WrongField(path, expected);
  const choice = objectAt(value, path);
  if (path === 'function_call') return { type: 'tool', name: nameAt(choice.name, `${path}.name`) };
  if (choice.type !== 'function') throw new WrongField(`${path}.type`, expected);
  const { name } = objectAt(choice.function, `${path}.function`);
  return { type: 'tool', name: nameAt(name, `${path}.function.name`) };
}
