/** The `Message` object of a simulated answer, with the usage that the API would report. */
import type { Message, Usage } from '@anthropic-ai/sdk/resources/messages';
import type { Model } from '../../../durable-objects/core/catalogue/types.ts';
import type { Answer } from './answer.ts';
import { simulatedId } from './chance.ts';
import type { Directives } from './directives.ts';
import type { Prompt } from './prompt.ts';
import type { CacheUse } from './prompt-cache.ts';
import type { MessageBody } from './request.ts';

export interface MessageParts {
  body: MessageBody;
  directives: Directives;
  model: Model;
  prompt: Prompt;
  cacheUse: CacheUse;
  answer: Answer;
  seed: number;
}

export function createMessage(parts: MessageParts): Message {
  const { answer, model, seed } = parts;
  const refused = answer.stopReason === 'refusal';
  return {
    id: simulatedId('msg', seed),
    type: 'message',
    role: 'assistant',
    model: model.id,
    content: answer.blocks,
    container: null,
    diagnostics: null,
    stop_details: refused ? { type: 'refusal', category: null, explanation: null } : null,
    stop_reason: answer.stopReason,
    stop_sequence: null,
    usage: createUsage(parts),
  };
}

function createUsage({ body, directives, prompt, cacheUse, answer }: MessageParts): Usage {
  const isTold = directives.input_tokens !== undefined;
  const { readTokens, write5mTokens, write1hTokens } = isTold
    ? { readTokens: 0, write5mTokens: 0, write1hTokens: 0 }
    : cacheUse;
  const cachedTokens = readTokens + write5mTokens + write1hTokens;
  return {
    input_tokens: directives.input_tokens ?? prompt.tokens - cachedTokens,
    cache_creation_input_tokens: write5mTokens + write1hTokens,
    cache_read_input_tokens: readTokens,
    cache_creation: { ephemeral_5m_input_tokens: write5mTokens, ephemeral_1h_input_tokens: write1hTokens },
    output_tokens: answer.outputTokens,
    output_tokens_details: { thinking_tokens: Math.min(answer.thinkingTokens, answer.outputTokens) },
    server_tool_use: null,
    service_tier: 'standard',
    inference_geo: body.inference_geo ?? 'global',
    speed: body.speed === 'fast' ? 'fast' : 'standard',
  };
}
