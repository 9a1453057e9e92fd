import { describe, expect, test } from 'vitest';
import { chatCompletion, finishReason } from '../../../../worker/providers/dialects/openai/completion.ts';
import { chatError } from '../../../../worker/providers/dialects/openai/error.ts';
import { modelsReply } from '../../../../worker/providers/dialects/openai/models.ts';
import { chatErrorReply, chatReply } from '../../../../worker/providers/dialects/openai/reply.ts';
import { ASKED, OPUS, text } from './chat.ts';

const USAGE = {
  input_tokens: 10,
  cache_creation_input_tokens: 200,
  cache_read_input_tokens: 3_000,
  output_tokens: 50,
  output_tokens_details: { thinking_tokens: 20 },
};

function message(content: object[], changes: object = {}): object {
  return { id: 'msg_1', model: OPUS, content, stop_reason: 'end_turn', usage: USAGE, ...changes };
}

describe('a completion', () => {
  test('has the text, without the thinking, and the usage in OpenAI’s sums', () => {
    const content = [
      { type: 'thinking', thinking: 'hm' },
      text('one '),
      { type: 'redacted_thinking' },
      text('two'),
    ];
    expect(chatCompletion(message(content), ASKED, 7)).toEqual({
      id: 'msg_1',
      object: 'chat.completion',
      created: 7,
      model: OPUS,
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'one two', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: {
        prompt_tokens: 3_210,
        completion_tokens: 50,
        total_tokens: 3_260,
        prompt_tokens_details: { cached_tokens: 3_000, cache_write_tokens: 200 },
        completion_tokens_details: { reasoning_tokens: 20 },
      },
    });
  });

  test('has tool calls, or the one function call', () => {
    const content = [{ type: 'tool_use', id: 'a', name: 'ls', input: { at: '/' } }];
    const called = { name: 'ls', arguments: '{"at":"/"}' };
    const answer = message(content, { stop_reason: 'tool_use' });
    expect(chatCompletion(answer, ASKED, 7)?.choices).toMatchObject([
      {
        finish_reason: 'tool_calls',
        message: { content: null, tool_calls: [{ id: 'a', type: 'function', function: called }] },
      },
    ]);
    expect(chatCompletion(answer, { ...ASKED, areFunctions: true }, 7)?.choices).toMatchObject([
      { finish_reason: 'function_call', message: { content: null, function_call: called } },
    ]);
  });

  test('of nothing is empty text', () => {
    expect(chatCompletion(message([], { stop_reason: 'refusal' }), ASKED, 7)?.choices).toMatchObject([
      { finish_reason: 'content_filter', message: { content: '' } },
    ]);
  });

  test.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['tool_use', 'tool_calls'],
    ['refusal', 'content_filter'],
    ['pause_turn', 'stop'],
    [null, 'stop'],
  ])('ends with %s as %s', (stopReason, expected) => {
    expect(finishReason(stopReason, ASKED)).toBe(expected);
  });
});

describe('an error', () => {
  const envelope = (type: string, message: string, more: object = {}): string =>
    JSON.stringify({ type: 'error', error: { type, message, ...more } });

  test.each<[type: string, expected: object]>([
    ['invalid_request_error', { type: 'invalid_request_error', code: null }],
    ['request_too_large', { type: 'invalid_request_error', code: 'request_too_large' }],
    ['authentication_error', { type: 'invalid_request_error', code: 'invalid_api_key' }],
    ['permission_error', { type: 'invalid_request_error', code: 'permission_denied' }],
    ['not_found_error', { type: 'invalid_request_error', code: 'model_not_found' }],
    ['rate_limit_error', { type: 'rate_limit_error', code: 'rate_limit_exceeded' }],
    ['billing_error', { type: 'insufficient_quota', code: 'insufficient_quota' }],
    ['overloaded_error', { type: 'service_unavailable_error', code: 'server_is_overloaded' }],
    ['api_error', { type: 'server_error', code: null }],
    ['something_new', { type: 'server_error', code: null }],
  ])('of type %s', (type, expected) => {
    expect(chatError(envelope(type, 'because'), '', ASKED)).toEqual({
      message: 'because',
      param: null,
      ...expected,
    });
  });

  test('of the organisation’s spend limit is a quota that is used up', () => {
    const details = { details: { error_code: 'enforced_spend_limit_reached' } };
    expect(chatError(envelope('rate_limit_error', 'spent', details), '', ASKED)).toMatchObject({
      code: 'insufficient_quota',
    });
  });

  test('of a prompt too long says so', () => {
    const error = chatError(envelope('invalid_request_error', 'prompt is too long: 9 tokens > 8'), '', ASKED);
    expect(error).toMatchObject({ code: 'context_length_exceeded', param: null });
  });

  test.each<[message: string, param: string | null]>([
    ['messages.1.content.0.text.text: because', 'messages[4]'],
    ['messages.9.content: because', 'messages'],
    ['messages: because', 'messages'],
    ['max_tokens: 9 > 8', 'max_completion_tokens'],
    ['stop_sequences.0: because', 'stop'],
    ['system.0.text: because', 'messages'],
    ['tools.2.custom.input_schema.type: because', 'tools[2].function.parameters'],
    ['tools.2.custom.name: because', 'tools[2].function.name'],
    ['tool_choice: because', 'tool_choice'],
    ['model: claude-x', 'model'],
    ['temperature: because', 'temperature'],
    ['messages[2].content[0].text: because', 'messages[2].content[0].text'],
    ['metadata.user_id: because', null],
    ['no field at all', null],
  ])('names the field: %s', (message, param) => {
    const asked = { ...ASKED, limitField: 'max_completion_tokens' as const, origins: [0, 4] };
    expect(chatError(envelope('invalid_request_error', message), '', asked).param).toBe(param);
  });

  test('that is no envelope has a sentence all the same', async () => {
    const reply = await chatErrorReply(new Response('<html>', { status: 504 }), ASKED);
    expect(reply.status).toBe(504);
    expect(await reply.json()).toEqual({
      error: { message: 'The model provider answered 504.', type: 'server_error', param: null, code: null },
    });
  });
});

describe('a reply', () => {
  test('keeps its headers but for the budget’s, and has the request’s id twice', async () => {
    const headers = {
      'request-id': 'req_1',
      'x-bursar-turn-id': 'turn_1',
      'anthropic-ratelimit-unified-status': 'allowed',
      'content-length': '5',
    };
    const reply = await chatReply(Response.json(message([text('hi')]), { headers }), ASKED, () => 7_500);
    expect(Object.fromEntries(reply.headers)).toEqual({
      'content-type': 'application/json',
      'request-id': 'req_1',
      'x-request-id': 'req_1',
      'x-bursar-turn-id': 'turn_1',
    });
    expect(await reply.json()).toMatchObject({ created: 7 });
  });

  test.each<[what: string, body: BodyInit]>([
    ['broke off', new ReadableStream({ start: (controller) => controller.error(new Error('cut')) })],
    ['is half a document', '{"id":"msg_1","content":[{"ty'],
    ['is no message', '{}'],
  ])('that %s is a 502', async (_what, body) => {
    const reply = await chatReply(new Response(body), ASKED, () => 0);
    expect(reply.status).toBe(502);
    expect(await reply.json()).toMatchObject({ error: { type: 'server_error', code: null } });
  });
});

describe('models for both kinds of clients', () => {
  test('keep the Models API’s fields', async () => {
    const model = { type: 'model', id: 'm', created_at: 'never', display_name: 'M' };
    const reply = await modelsReply(
      Response.json({ data: [model], has_more: false, first_id: 'm', last_id: 'm' }),
    );
    expect(await reply.json()).toEqual({
      object: 'list',
      data: [{ ...model, object: 'model', created: 0, owned_by: 'anthropic' }],
      has_more: false,
      first_id: 'm',
      last_id: 'm',
    });
  });

  test('are an error in both shapes', async () => {
    const error = { type: 'not_found_error', message: 'model: gpt-5' };
    const reply = await modelsReply(Response.json({ type: 'error', error }, { status: 404 }));
    expect(reply.status).toBe(404);
    expect(await reply.json()).toEqual({
      type: 'error',
      error: { ...error, param: 'model', code: 'model_not_found' },
    });
  });

  test('are whatever else came', async () => {
    expect(await (await modelsReply(new Response('oh'))).text()).toBe('oh');
    expect(await (await modelsReply(Response.json({ asked: 1 }))).json()).toEqual({ asked: 1 });
  });
});
