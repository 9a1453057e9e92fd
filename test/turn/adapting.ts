/** Bodies on their way to another model, as text and as members. */
import { expect } from 'vitest';
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import type { Model } from '../../durable-objects/core/catalogue/types.ts';
import { adaptBody } from '../../worker/turn/adapt.ts';

export type Body = Record<string, unknown>;

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
export const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

export function model(id: string): Model {
  const found = findModel(builtinCatalogue, id);
  if (!found) throw new Error(`${id} is not in the catalogue`);
  return found;
}

/** The text sent to a model of the catalogue in place of the given one. */
export function adaptText(text: string, targetId: string, maxTokens: number | null = null): string {
  return decode(adaptBody(encode(text), JSON.parse(text), model(targetId), targetId, maxTokens));
}

/** What is sent in place of a body with these members; the ones every body has are left out of the result. */
export function adapted(members: Body, targetId: string, maxTokens: number | null = null): Body {
  const text = JSON.stringify({ model: 'claude-as-asked', max_tokens: 32_000, messages: [], ...members });
  const { model: sentTo, messages, max_tokens, ...rest } = JSON.parse(adaptText(text, targetId, maxTokens));
  expect(sentTo).toBe(targetId);
  return {
    ...rest,
    ...('messages' in members ? { messages } : {}),
    ...(max_tokens === 32_000 ? {} : { max_tokens }),
  };
}
