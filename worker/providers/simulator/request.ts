/**
 * The simulator's reading of a request, with the checks the API makes first and the wording it answers in. Loose
 * on purpose: unknown fields, block types and roles pass, as clients are ahead of any list.
 */
import { z } from 'zod';
import type { Model } from '../../../durable-objects/core/catalogue/types.ts';
import { err, ok, type Result } from '../../../durable-objects/core/result.ts';
import type { Rejection } from '../models-list.ts';

const cacheControl = z.looseObject({ ttl: z.string().optional() }).nullish();
const block = z.looseObject({ type: z.string(), cache_control: cacheControl });
const blocks = z.union([z.string(), z.array(block)], 'Input should be a string or a list of blocks');

const required = {
  error: (issue: { input?: unknown }) => (issue.input === undefined ? 'Field required' : undefined),
};

const prompt = z.looseObject({
  model: z.string(required).min(1),
  messages: z
    .array(z.looseObject({ role: z.string(), content: blocks.optional() }), required)
    .min(1, 'at least one message is required'),
  system: blocks.nullish(),
  tools: z.array(z.looseObject({ name: z.string().optional(), cache_control: cacheControl })).nullish(),
  cache_control: cacheControl,
});

const message = prompt.extend({
  max_tokens: z.int(required).min(1, 'Input should be greater than or equal to 1'),
  stream: z.boolean().nullish(),
  speed: z.string().nullish(),
  inference_geo: z.string().nullish(),
  output_config: z.looseObject({ format: z.unknown().optional() }).nullish(),
  output_format: z.unknown().optional(),
});

export type Block = z.infer<typeof block>;
export type PromptBody = z.infer<typeof prompt>;
export type MessageBody = z.infer<typeof message>;

/** Reads the body of `/v1/messages/count_tokens`. */
export function readPromptBody(text: string): Result<PromptBody, Rejection> {
  return readBody(prompt, text);
}

/** Reads the body of `/v1/messages`. */
export function readMessageBody(text: string): Result<MessageBody, Rejection> {
  return readBody(message, text);
}

/** Checks a message's sizes against its model; null where they fit. */
export function checkSizes(body: MessageBody, promptTokens: number, model: Model): Rejection | null {
  if (body.max_tokens > model.maxOutput) {
    return invalid(
      `max_tokens: ${body.max_tokens} > ${model.maxOutput}, which is the maximum allowed number of output tokens for ${model.id}`,
    );
  }
  if (promptTokens > model.contextWindow) {
    return invalid(`prompt is too long: ${promptTokens} tokens > ${model.contextWindow} maximum`);
  }
  return null;
}

function readBody<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
): Result<z.infer<Schema>, Rejection> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return err(invalid(`The request body is not valid JSON: ${error instanceof Error ? error.message : ''}`));
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return ok(parsed.data);
  const [issue] = parsed.error.issues;
  return err(invalid([issue?.path.join('.'), issue?.message].filter(Boolean).join(': ')));
}

function invalid(message: string): Rejection {
  return { type: 'invalid_request_error', message };
}
