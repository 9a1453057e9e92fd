/** A whole Messages answer as a `chat.completion`. Thinking stays out of it, as in Anthropic's own layer. */
import { isJsonObject, type JsonObject } from '../../json-edit.ts';
import type { Asked } from './request.ts';
import { chatUsage } from './usage.ts';

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'function_call' | 'content_filter';

const FINISHED: ReadonlyMap<unknown, FinishReason> = new Map<unknown, FinishReason>([
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['tool_use', 'tool_calls'],
  ['refusal', 'content_filter'],
]);

/** Why an answer ended; whatever has no word of its own there is the end of what the model had to say. */
export function finishReason(
  stopReason: unknown,
  { areFunctions }: Pick<Asked, 'areFunctions'>,
): FinishReason {
  const reason = FINISHED.get(stopReason) ?? 'stop';
  return reason === 'tool_calls' && areFunctions ? 'function_call' : reason;
}

/** `createdS` is epoch seconds. Null where `message` is no Messages answer. */
export function chatCompletion(message: unknown, asked: Asked, createdS: number): JsonObject | null {
  if (!isJsonObject(message) || !Array.isArray(message.content)) return null;
  const blocks = message.content.filter(isJsonObject);
  const finish_reason = finishReason(message.stop_reason, asked);
  return {
    id: message.id,
    object: 'chat.completion',
    created: createdS,
    model: message.model,
    choices: [{ index: 0, message: chatMessage(blocks, asked), logprobs: null, finish_reason }],
    usage: chatUsage(isJsonObject(message.usage) ? message.usage : {}),
  };
}

function chatMessage(blocks: readonly JsonObject[], { areFunctions }: Asked): JsonObject {
  const texts = blocks.filter(({ type }) => type === 'text').map(({ text }) => String(text ?? ''));
  const calls = blocks
    .filter(({ type }) => type === 'tool_use')
    .map(({ id, name, input }) => ({
      id,
      type: 'function',
      function: { name, arguments: JSON.stringify(input ?? {}) },
    }));
  return {
    role: 'assistant',
    content: texts.length === 0 && calls.length > 0 ? null : texts.join(''),
    refusal: null,
    ...(calls.length === 0
      ? {}
      : areFunctions
        ? { function_call: calls[0]?.function }
        : { tool_calls: calls }),
  };
}
