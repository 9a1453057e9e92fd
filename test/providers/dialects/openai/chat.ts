/** Chats for the tests of their translation. */
import { findModel } from '../../../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../../../durable-objects/core/catalogue/models.ts';
import {
  type Asked,
  type ChatRequest,
  translateChatRequest,
} from '../../../../worker/providers/dialects/openai/request.ts';

export const OPUS = 'claude-opus-5-5';
/** A model that takes sampling parameters. */
export const HAIKU_4_5 = 'claude-haiku-4-5';

export const ASKED: Asked = {
  includeUsage: false,
  areFunctions: false,
  limitField: 'max_tokens',
  origins: [0],
};

const modelOf = (name: string) => findModel(builtinCatalogue, name);

export function translate(fields: object): ReturnType<typeof translateChatRequest> {
  const body = { model: OPUS, messages: [{ role: 'user', content: 'hi' }], ...fields };
  return translateChatRequest(new TextEncoder().encode(JSON.stringify(body)), modelOf);
}

export function translated(fields: object): ChatRequest {
  const result = translate(fields);
  if (!result.ok) throw new Error(`${result.error.path}: ${result.error.message}`);
  return result.value;
}

/** The body that goes to the Messages API. */
export function bodyOf(fields: object): Record<string, unknown> {
  return JSON.parse(new TextDecoder().decode(translated(fields).bytes));
}

export function text(content: string): { type: 'text'; text: string } {
  return { type: 'text', text: content };
}

export function call(id: string, name: string, input: string): object {
  return { id, type: 'function', function: { name, arguments: input } };
}

export function tool(name: string, parameters: unknown = { type: 'object', properties: {} }): object {
  return { type: 'function', function: { name, parameters } };
}
