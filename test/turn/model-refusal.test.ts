import { describe, expect, test } from 'vitest';
import { isAboutModel, type RefusedFor } from '../../worker/turn/model-refusal.ts';

const TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  403: 'permission_error',
  404: 'not_found_error',
  429: 'rate_limit_error',
};

function envelope(message: string, type: string | undefined): string {
  return JSON.stringify({ type: 'error', error: { type, message }, request_id: 'req_1' });
}

describe('an error about the model', () => {
  test.each<[status: number, message: string, refusedFor: RefusedFor]>([
    [404, 'model: claude-haiku-9', 'model'],
    [404, 'The model `claude-haiku-9` does not exist or you do not have access to it.', 'model'],
    [403, 'Your organization does not have access to the model claude-mythos-5-2.', 'model'],
    [403, "This model isn't available right now. You can switch to another model.", 'model'],
    [400, 'model: claude-3-5-haiku-20241022', 'model'],
    [400, 'The requested model has been retired.', 'model'],
    [
      400,
      '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.',
      'field',
    ],
    [400, 'adaptive thinking is not supported on this model', 'field'],
    [400, 'tool_choice: type "tool" and "any" are not supported for this model.', 'field'],
    [400, 'messages.2.output_config: Extra inputs are not permitted', 'field'],
    [400, 'context_management: Extra inputs are not permitted', 'field'],
    [400, 'temperature is deprecated for this model', 'field'],
    [400, '`temperature` is deprecated for this model.', 'field'],
    [400, "role 'system' is not supported on this model", 'field'],
    [400, 'This model does not support the effort parameter.', 'field'],
    [400, "'claude-opus-4-7' does not support the `speed` parameter.", 'field'],
    [
      400,
      'This model does not support assistant message prefill. The conversation must end with a user message.',
      'field',
    ],
    [
      400,
      "output_config.effort 'xhigh' is not supported when thinking is disabled on this model. Use effort 'high' or below, or enable thinking.",
      'field',
    ],
    [
      400,
      'max_tokens: 128000 > 64000, which is the maximum allowed number of output tokens for claude-haiku-4-5-20251001',
      'field',
    ],
    [400, 'prompt is too long: 214,431 tokens > 200,000 maximum', 'size'],
    [400, 'too many images and documents: 120 + 0 > 100', 'size'],
    [400, 'Too much media: 0 document pages + 107 images > 100', 'size'],
    [400, 'messages.1.content.0: Invalid `signature` in `thinking` block', 'history'],
    [
      400,
      'messages.3.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. When `thinking` is enabled, a final `assistant` message must start with a thinking block',
      'history',
    ],
  ])('%i %s', (status, message, refusedFor) => {
    const remember = refusedFor === 'model' || refusedFor === 'field';
    expect(isAboutModel(status, envelope(message, TYPES[status]))).toEqual({ for: refusedFor, remember });
  });

  test.each<[provider: string, status: number, body: object, refusedFor: RefusedFor]>([
    ['Bedrock', 400, { message: 'Input is too long for requested model.' }, 'size'],
    ['Bedrock', 400, { message: 'The provided model identifier is invalid.' }, 'model'],
    [
      'Bedrock',
      400,
      {
        message:
          'Invocation of model ID anthropic.claude-opus-5-5 with on-demand throughput isn’t supported. Retry your request with the ID or ARN of an inference profile that contains this model.',
      },
      'model',
    ],
    ['Bedrock', 403, { message: "You don't have access to the model with the specified model ID." }, 'model'],
    ['Bedrock', 404, { message: 'This model version has reached the end of its life.' }, 'model'],
    [
      'Vertex',
      404,
      {
        error: {
          code: 404,
          message:
            'Publisher Model `projects/p/locations/l/publishers/anthropic/models/claude-x` was not found',
          status: 'NOT_FOUND',
        },
      },
      'model',
    ],
  ])('at %s, %i %j', (_provider, status, body, refusedFor) => {
    expect(isAboutModel(status, JSON.stringify(body))?.for).toBe(refusedFor);
  });
});

describe('an error that is not', () => {
  test.each([
    [400, 'messages: at least one message is required'],
    [400, 'max_tokens: Field required'],
    [400, 'messages.0.content.0.image.source.base64: invalid base64 data'],
    [400, 'tools.0.custom.name: String should match pattern ^[a-zA-Z0-9_-]{1,128}$'],
    [400, 'messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: toolu_1.'],
    [400, 'Your credit balance is too low to access the Anthropic API.'],
    [400, 'max_tokens: Input should be greater than or equal to 1'],
    [401, 'invalid x-api-key'],
    [403, 'Your API key does not have permission to use the specified resource.'],
    [403, 'OAuth authentication is currently not allowed for this organization.'],
    [404, 'Not Found'],
    [404, 'file_1 was not found'],
    [429, 'This model does not support so many requests'],
    [500, 'prompt is too long'],
  ])('%i %s', (status, message) => {
    expect(isAboutModel(status, envelope(message, TYPES[status]))).toBeNull();
  });

  test.each([
    ['of another type', envelope('model: claude-x', 'authentication_error')],
    ['in HTML', '<html>model not found</html>'],
    ['empty', ''],
    ['null', 'null'],
    ['without a message', '{"error":{"type":"not_found_error"}}'],
    ['with a message that is no text', '{"error":{"type":"not_found_error","message":{"model":1}}}'],
  ])('404 %s', (_what, body) => {
    expect(isAboutModel(404, body)).toBeNull();
  });
});
