/** The simulator as Anthropic's own client sees it: the SDK parses what it answers, streamed and not. */
import Anthropic from '@anthropic-ai/sdk';
import { describe, expect, test } from 'vitest';
import type { ProviderRequest } from '../../../worker/providers/provider.ts';
import { freshSimulator, MODEL } from './asking.ts';

function client(simulate = 'pace=0'): Anthropic {
  const provider = freshSimulator();
  return new Anthropic({
    apiKey: 'none',
    baseURL: 'http://simulator',
    maxRetries: 0,
    defaultHeaders: { 'x-bursar-simulate': simulate },
    fetch: async (input, init) => {
      const request = new Request(input, init);
      const { pathname, search } = new URL(request.url);
      return provider.send({
        path: pathname + search,
        method: request.method as ProviderRequest['method'],
        model: null,
        headers: request.headers,
        body: request.body ? new Uint8Array(await request.arrayBuffer()) : null,
        signal: request.signal,
      });
    },
  });
}

const PROMPT = { model: MODEL, max_tokens: 500, messages: [{ role: 'user' as const, content: 'say hi' }] };
const BASH = { name: 'Bash', input_schema: { type: 'object' as const } };

describe('the Anthropic SDK', () => {
  test('parses an answer in one piece', async () => {
    const message = await client().messages.create(PROMPT);
    expect(message).toMatchObject({
      type: 'message',
      role: 'assistant',
      model: MODEL,
      stop_reason: 'end_turn',
    });
    expect(message.content[0]).toMatchObject({ type: 'text', text: expect.stringContaining('simulator') });
    expect(message.usage.input_tokens).toBeGreaterThan(0);
  });

  test('puts a stream together to the same message', async () => {
    const streamed = await client()
      .messages.stream({ ...PROMPT })
      .finalMessage();
    const whole = await client().messages.create({ ...PROMPT, stream: false });
    expect(streamed.content).toMatchObject([{ type: 'text' }]);
    expect(streamed.stop_reason).toBe('end_turn');
    expect(Object.keys(streamed)).toEqual(expect.arrayContaining(Object.keys(whole)));
    expect(streamed.usage.output_tokens).toBeGreaterThan(1);
  });

  test('sees every event of a stream in order', async () => {
    const types: string[] = [];
    for await (const event of await client().messages.create({ ...PROMPT, stream: true }))
      types.push(event.type);
    expect(types.filter((type, index) => type !== types[index - 1])).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
  });

  test('runs a tool and gets its text', async () => {
    const anthropic = client();
    const question = { role: 'user' as const, content: 'please [tool:Bash echo "hi there"]' };
    const first = await anthropic.messages
      .stream({ ...PROMPT, tools: [BASH], messages: [question] })
      .finalMessage();
    const [call] = first.content;
    expect(first.stop_reason).toBe('tool_use');
    if (call?.type !== 'tool_use') throw new Error('expected a tool call');
    expect(call).toMatchObject({ name: 'Bash', input: { command: 'echo "hi there"' } });
    const result = { type: 'tool_result' as const, tool_use_id: call.id, content: 'hi there' };
    const second = await anthropic.messages.create({
      ...PROMPT,
      tools: [BASH],
      messages: [
        question,
        { role: 'assistant', content: first.content },
        { role: 'user', content: [result] },
      ],
    });
    expect(second).toMatchObject({ stop_reason: 'end_turn', content: [{ type: 'text' }] });
  });

  test('gets thinking, then text', async () => {
    const message = await client('pace=0;thinking_silence=1').messages.stream(PROMPT).finalMessage();
    expect(message.content.map((block) => block.type)).toEqual(['thinking', 'text']);
  });

  test('gets structured output that fits its schema', async () => {
    const schema = {
      type: 'object',
      properties: { title: { type: 'string' }, isNewTopic: { type: 'boolean' } },
      required: ['title', 'isNewTopic'],
      additionalProperties: false,
    };
    const message = await client().messages.parse({
      ...PROMPT,
      output_config: { format: { type: 'json_schema', schema } },
    });
    const [block] = message.content;
    expect(block?.type === 'text' && JSON.parse(block.text)).toEqual({
      title: 'Simulated session',
      isNewTopic: true,
    });
  });

  test('counts what the message is then charged for', async () => {
    const anthropic = client();
    const { max_tokens: _, ...prompt } = PROMPT;
    const { input_tokens } = await anthropic.messages.countTokens(prompt);
    expect((await anthropic.messages.create(PROMPT)).usage.input_tokens).toBe(input_tokens);
  });

  test('pages through the models and gets each of them', async () => {
    const anthropic = client();
    const ids: string[] = [];
    for await (const model of anthropic.models.list({ limit: 3 })) ids.push(model.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain(MODEL);
    expect(ids.length).toBeGreaterThan(6);
    expect(await anthropic.models.retrieve(MODEL)).toMatchObject({
      type: 'model',
      display_name: 'Claude Sonnet 5.5',
      line: 'sonnet',
      max_input_tokens: 1_000_000,
      max_tokens: 128_000,
    });
  });

  test.each([
    ['fail=529', Anthropic.APIError, 529, 'overloaded_error'],
    ['fail=429', Anthropic.RateLimitError, 429, 'rate_limit_error'],
    ['fail=500', Anthropic.InternalServerError, 500, 'api_error'],
    ['fail=401', Anthropic.AuthenticationError, 401, 'authentication_error'],
    ['fail=418', Anthropic.APIError, 418, 'invalid_request_error'],
    ['nonsense', Anthropic.BadRequestError, 400, 'invalid_request_error'],
  ])('told %s throws its error of the kind', async (simulate, kind, status, type) => {
    const failure = await client(simulate)
      .messages.create(PROMPT)
      .catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(kind);
    expect(failure).toMatchObject({ status, error: { type: 'error', error: { type } } });
  });

  test('throws on an error event in mid-stream', async () => {
    const stream = client('pace=0,error=text').messages.stream(PROMPT);
    await expect(stream.finalMessage()).rejects.toThrow(/overloaded_error/);
  });

  test('throws on a cut stream', async () => {
    const stream = client('pace=0,cut=text').messages.stream(PROMPT);
    await expect(stream.finalMessage()).rejects.toThrow();
  });

  test('is told of an unknown model', async () => {
    const failure = client().messages.create({ ...PROMPT, model: 'claude-opus-9' });
    await expect(failure).rejects.toBeInstanceOf(Anthropic.NotFoundError);
    await expect(client().models.retrieve('claude-opus-9')).rejects.toBeInstanceOf(Anthropic.NotFoundError);
  });
});
