/**
 * The messages of a chat as a Messages conversation: system and developer messages hoisted out of it, tool calls and
 * their results as blocks. Consecutive results become one user message, as the API wants the results of parallel calls.
 */
import { isJsonObject, type JsonObject } from '../../json-edit.ts';
import { parseJson } from '../../message-event.ts';
import { readContent, readText } from './content.ts';
import { isGiven, listAt, nameAt, objectAt, WrongField } from './field.ts';
import type { Message, TextBlock, ToolResultBlock, ToolUseBlock } from './messages-body.ts';

export interface Conversation {
  system: TextBlock[];
  messages: Message[];
  /** The client's index of each message's first part. */
  origins: number[];
}

export function readConversation(value: unknown): Conversation {
  const list = listAt(value, 'messages');
  const chat: Conversation = { system: [], messages: [], origins: [] };
  for (const [index, message] of list.entries()) {
    addMessage(chat, objectAt(message, `messages[${index}]`), index);
  }
  if (chat.messages.length === 0) {
    throw new WrongField('messages', 'expected at least one message of role user');
  }
  return { ...chat, system: joinSystem(chat.system) };
}

function addMessage(chat: Conversation, message: JsonObject, index: number): void {
  const path = `messages[${index}]`;
  switch (message.role) {
    case 'system':
    case 'developer':
      chat.system.push(...readText(message.content, `${path}.content`));
      return;
    case 'user':
      add(chat, { role: 'user', content: userContent(message, path) }, index);
      return;
    case 'assistant':
      addAnswer(chat, message, index);
      return;
    case 'tool': {
      const id = nameAt(message.tool_call_id, `${path}.tool_call_id`);
      addResult(chat, resultOf(id, message.content, path), index);
      return;
    }
    case 'function':
      addResult(chat, resultOf(calledBefore(chat, message, path), message.content, path), index);
      return;
    default:
      throw new WrongField(`${path}.role`, 'expected system, developer, user, assistant or tool');
  }
}

function add(chat: Conversation, message: Message, index: number): void {
  chat.messages.push(message);
  chat.origins.push(index);
}

function userContent({ content }: JsonObject, path: string): Message['content'] {
  const blocks = readContent(content, `${path}.content`);
  if (blocks.length === 0) throw new WrongField(`${path}.content`, 'expected text that is not empty');
  return blocks;
}

/** What the model said; an answer that says nothing is left out, since the API takes no empty message. */
function addAnswer(chat: Conversation, message: JsonObject, index: number): void {
  const path = `messages[${index}]`;
  const said = readText(message.content, `${path}.content`);
  const calls = isGiven(message.tool_calls) ? listAt(message.tool_calls, `${path}.tool_calls`) : [];
  const uses = calls.map((call, at) => readCall(call, `${path}.tool_calls[${at}]`));
  if (isGiven(message.function_call)) {
    uses.push(functionUse(`call_${index}`, message.function_call, `${path}.function_call`));
  }
  if (said.length + uses.length > 0) add(chat, { role: 'assistant', content: [...said, ...uses] }, index);
}

function readCall(value: unknown, path: string): ToolUseBlock {
  const call = objectAt(value, path);
  if (isGiven(call.type) && call.type !== 'function') {
    throw new WrongField(`${path}.type`, 'expected "function"; custom tools are not understood');
  }
  return functionUse(nameAt(call.id, `${path}.id`), call.function, `${path}.function`);
}

function functionUse(id: string, value: unknown, path: string): ToolUseBlock {
  const called = objectAt(value, path);
  const name = nameAt(called.name, `${path}.name`);
  return { type: 'tool_use', id, name, input: readArguments(called.arguments, `${path}.arguments`) };
}

/** JSON as text; nothing stands for no arguments. */
function readArguments(value: unknown, path: string): JsonObject {
  if (!isGiven(value) || value === '') return {};
  const input = typeof value === 'string' ? parseJson(value) : undefined;
  if (!isJsonObject(input)) throw new WrongField(path, 'expected a JSON object, as text');
  return input;
}

function resultOf(id: string, content: unknown, path: string): ToolResultBlock {
  const blocks = readContent(content, `${path}.content`);
  return { type: 'tool_result', tool_use_id: id, ...(blocks.length > 0 ? { content: blocks } : {}) };
}

function addResult(chat: Conversation, result: ToolResultBlock, index: number): void {
  const last = chat.messages.at(-1);
  if (last?.role === 'user' && last.content.every(({ type }) => type === 'tool_result')) {
    last.content.push(result);
  } else {
    add(chat, { role: 'user', content: [result] }, index);
  }
}

/** The id of the call that a legacy function message answers by its name. */
function calledBefore({ messages }: Conversation, { name }: JsonObject, path: string): string {
  const last = messages.findLast(({ role }) => role === 'assistant');
  const call = last?.content.find((block) => block.type === 'tool_use' && block.name === name);
  if (call?.type !== 'tool_use') {
    throw new WrongField(`${path}.name`, 'expected the name of the function called just before');
  }
  return call.id;
}

/** One text, a newline between messages, as Anthropic joins them; a block ends where the client marked the cache. */
function joinSystem(texts: readonly TextBlock[]): TextBlock[] {
  const blocks: TextBlock[] = [];
  for (const block of texts) {
    const last = blocks.at(-1);
    if (!last || last.cache_control !== undefined) blocks.push({ ...block });
    else Object.assign(last, block, { text: `${last.text}\n${block.text}` });
  }
  return blocks;
}
