import { describe, expect, test } from 'vitest';
import { translateChatRequest } from '../../../../worker/providers/dialects/openai/request.ts';
import { messagesHeaders } from '../../../../worker/providers/dialects/openai/request-headers.ts';
import { bodyOf, call, HAIKU_4_5, OPUS, text, tool, translate, translated } from './chat.ts';

const IMAGE = `data:image/png;base64,${btoa('picture')}`;

describe('a request', () => {
  test('of the least there is gets the limit the API asks for', () => {
    expect(bodyOf({})).toEqual({
      model: OPUS,
      messages: [{ role: 'user', content: [text('hi')] }],
      max_tokens: 32_000,
      stream: false,
    });
  });

  test.each<[what: string, fields: object, expected: object]>([
    ['max_tokens', { max_tokens: 5 }, { max_tokens: 5 }],
    ['max_completion_tokens', { max_completion_tokens: 6 }, { max_tokens: 6 }],
    ['both, of which the newer counts', { max_tokens: 5, max_completion_tokens: 6 }, { max_tokens: 6 }],
    ['a model that writes less', { model: 'claude-3-5-haiku-latest' }, { max_tokens: 8_192 }],
    ['a model nobody knows', { model: 'gpt-4o' }, { model: 'gpt-4o', max_tokens: 32_000 }],
    [
      'null for what is left out',
      { max_tokens: null, stop: null, tools: null, n: null },
      { max_tokens: 32_000 },
    ],
    ['stream', { stream: true, stream_options: { include_usage: true } }, { stream: true }],
    ['one choice', { n: 1 }, { max_tokens: 32_000 }],
    ['one stop', { stop: 'END' }, { stop_sequences: ['END'] }],
    ['several stops', { stop: ['a', 'b'] }, { stop_sequences: ['a', 'b'] }],
    ['no stops', { stop: [] }, { stop_sequences: undefined }],
    ['temperature', { model: HAIKU_4_5, temperature: 0.2 }, { temperature: 0.2 }],
    ['temperature over 1', { model: HAIKU_4_5, temperature: 1.7 }, { temperature: undefined }],
    [
      'temperature of a model that takes none',
      { temperature: 0.2, top_p: 0.5 },
      { temperature: undefined, top_p: undefined },
    ],
    ['top_p', { model: HAIKU_4_5, top_p: 0.5, temperature: 1 }, { top_p: 0.5, temperature: undefined }],
    ['thinking', { thinking: { type: 'adaptive' } }, { thinking: { type: 'adaptive' } }],
    [
      'a cache of its own',
      { cache_control: { type: 'ephemeral' } },
      { cache_control: { type: 'ephemeral' } },
    ],
  ])('keeps %s', (_what, fields, expected) => {
    const plain = bodyOf('model' in fields ? { model: fields.model } : {});
    expect(bodyOf(fields)).toEqual({ ...plain, ...expected });
  });

  test('leaves out what only OpenAI knows', () => {
    const body = bodyOf({
      audio: {},
      frequency_penalty: 1,
      logit_bias: {},
      logprobs: true,
      metadata: {},
      modalities: ['text'],
      prediction: {},
      presence_penalty: 1,
      reasoning_effort: 'high',
      response_format: { type: 'json_object' },
      seed: 1,
      service_tier: 'auto',
      store: true,
      top_logprobs: 2,
      user: 'u',
      verbosity: 'low',
      never_heard_of: 1,
    });
    expect(Object.keys(body).sort()).toEqual(['max_tokens', 'messages', 'model', 'stream']);
  });
});

describe('a conversation', () => {
  test('has its system and developer messages hoisted and joined', () => {
    const messages = [
      { role: 'system', content: 'One.' },
      { role: 'user', content: 'hi' },
      { role: 'developer', content: [text('Two.'), text('')] },
      { role: 'user', content: 'there', name: 'ann' },
    ];
    expect(bodyOf({ messages })).toMatchObject({
      system: [text('One.\nTwo.')],
      messages: [
        { role: 'user', content: [text('hi')] },
        { role: 'user', content: [text('there')] },
      ],
    });
  });

  test('keeps a cache mark where the client set it, and then no other is set', () => {
    const marked = { ...text('long'), cache_control: { type: 'ephemeral', ttl: '1h' } };
    const messages = [
      { role: 'system', content: [marked] },
      { role: 'system', content: 'today' },
      { role: 'user', content: 'x'.repeat(20_000) },
      { role: 'assistant', content: 'y' },
      { role: 'user', content: 'z' },
    ];
    const body = bodyOf({ messages });
    expect(body.system).toEqual([marked, text('today')]);
    expect(JSON.stringify(body).split('cache_control')).toHaveLength(2);
  });

  test('has tool calls and their results as blocks, the results of parallel calls together and in order', () => {
    const messages = [
      { role: 'user', content: 'look' },
      { role: 'assistant', content: 'ok', tool_calls: [call('a', 'ls', '{"at":"/"}'), call('b', 'pwd', '')] },
      { role: 'tool', tool_call_id: 'a', content: 'bin' },
      { role: 'tool', tool_call_id: 'b', content: [text('/'), text('home')] },
      { role: 'user', content: 'and?' },
      { role: 'assistant', content: null, tool_calls: [call('c', 'ls', '{}')] },
      { role: 'tool', tool_call_id: 'c', content: '' },
    ];
    expect(bodyOf({ messages }).messages).toEqual([
      { role: 'user', content: [text('look')] },
      {
        role: 'assistant',
        content: [
          text('ok'),
          { type: 'tool_use', id: 'a', name: 'ls', input: { at: '/' } },
          { type: 'tool_use', id: 'b', name: 'pwd', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'a', content: [text('bin')] },
          { type: 'tool_result', tool_use_id: 'b', content: [text('/'), text('home')] },
        ],
      },
      { role: 'user', content: [text('and?')] },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'ls', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c' }] },
    ]);
  });

  test('leaves out an answer that says nothing', () => {
    const messages = [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: '', refusal: 'no' },
      { role: 'user', content: 'hi?' },
    ];
    const { asked, bytes } = translated({ messages });
    expect(JSON.parse(new TextDecoder().decode(bytes)).messages).toHaveLength(2);
    expect(asked.origins).toEqual([0, 2]);
  });

  test('of functions has their calls and results matched by name', () => {
    const messages = [
      { role: 'user', content: 'look' },
      { role: 'assistant', content: null, function_call: { name: 'ls', arguments: '{}' } },
      { role: 'function', name: 'ls', content: 'bin' },
    ];
    const body = bodyOf({
      messages,
      functions: [{ name: 'ls', parameters: {} }],
      function_call: { name: 'ls' },
    });
    expect(body).toMatchObject({
      tools: [{ name: 'ls', input_schema: { type: 'object' } }],
      tool_choice: { type: 'tool', name: 'ls', disable_parallel_tool_use: true },
      messages: [
        {},
        { content: [{ type: 'tool_use', id: 'call_1', name: 'ls' }] },
        { content: [{ type: 'tool_result', tool_use_id: 'call_1' }] },
      ],
    });
    expect(translated({ functions: [{ name: 'ls' }] }).asked.areFunctions).toBe(true);
  });

  test.each([
    ['png', IMAGE, 'image/png'],
    ['jpg by its other name', IMAGE.replace('png', 'jpg'), 'image/jpeg'],
    ['webp with parameters', IMAGE.replace('png', 'webp;charset=utf-8'), 'image/webp'],
  ])('shows an image: %s', (_what, url, mediaType) => {
    const content = [text('see'), { type: 'image_url', image_url: { url, detail: 'high' } }];
    const source = { type: 'base64', media_type: mediaType, data: btoa('picture') };
    expect(bodyOf({ messages: [{ role: 'user', content }] }).messages).toEqual([
      { role: 'user', content: [text('see'), { type: 'image', source }] },
    ]);
  });
});

describe('the tools', () => {
  const tools = [tool('ls')];
  test.each<[what: string, fields: object, expected: object | undefined]>([
    ['auto', { tools, tool_choice: 'auto' }, { type: 'auto' }],
    ['none', { tools, tool_choice: 'none', parallel_tool_calls: false }, { type: 'none' }],
    ['required', { tools, tool_choice: 'required' }, { type: 'any' }],
    [
      'one by name',
      { tools, tool_choice: { type: 'function', function: { name: 'ls' } } },
      { type: 'tool', name: 'ls' },
    ],
    ['not said', { tools }, undefined],
    [
      'not said, one at a time',
      { tools, parallel_tool_calls: false },
      { type: 'auto', disable_parallel_tool_use: true },
    ],
    ['many at a time', { tools, parallel_tool_calls: true }, undefined],
    ['auto, but there are none', { tools: [], tool_choice: 'auto', parallel_tool_calls: false }, undefined],
  ])('are chosen from: %s', (_what, fields, expected) => {
    expect(bodyOf(fields).tool_choice).toEqual(expected);
  });

  test('go with name, description and schema, which says that it is an object', () => {
    const tools = [
      {
        type: 'function',
        function: { name: 'a', description: 'd', strict: true, parameters: { properties: {} } },
      },
      { type: 'function', function: { name: 'b' } },
    ];
    expect(bodyOf({ tools }).tools).toEqual([
      { name: 'a', description: 'd', input_schema: { type: 'object', properties: {} } },
      { name: 'b', input_schema: { type: 'object', properties: {} } },
    ]);
  });
});

describe('a wrong field is named as the client calls it', () => {
  const user = (content: unknown): object => ({ messages: [{ role: 'user', content }] });
  const image = (url: unknown): object => user([text('see'), { type: 'image_url', image_url: { url } }]);
  const answer = (fields: object): object => ({ messages: [{ role: 'assistant', content: 'x', ...fields }] });

  test.each<[path: string, message: RegExp, fields: object]>([
    ['model', /text/, { model: 7 }],
    ['n', /expected 1/, { n: 2 }],
    ['stream', /true or false/, { stream: 'yes' }],
    ['stream_options', /object/, { stream: true, stream_options: [] }],
    ['stream_options.include_usage', /true or false/, { stream_options: { include_usage: 1 } }],
    ['max_tokens', /whole number/, { max_tokens: 0 }],
    ['max_completion_tokens', /whole number/, { max_completion_tokens: 1.5 }],
    ['temperature', /number from 0/, { temperature: -1 }],
    ['temperature', /number from 0/, { temperature: '1' }],
    ['top_p', /from 0 to 1/, { top_p: 2 }],
    ['stop', /not blank/, { stop: ' ' }],
    ['stop[1]', /not blank/, { stop: ['a', '\n'] }],
    ['stop[0]', /text/, { stop: [1] }],
    ['thinking', /object/, { thinking: true }],
    ['messages', /list/, { messages: 'hi' }],
    ['messages', /at least one/, { messages: [] }],
    ['messages', /at least one/, { messages: [{ role: 'system', content: 'Be.' }] }],
    ['messages[0]', /object/, { messages: ['hi'] }],
    ['messages[0].role', /system, developer, user/, { messages: [{ role: 'owner', content: 'x' }] }],
    ['messages[0].content', /not empty/, user('')],
    ['messages[0].content', /list of parts/, user({})],
    ['messages[0].content[0]', /object/, user(['x'])],
    ['messages[0].content[0].type', /text/, user([{}])],
    ['messages[0].content[0].text', /text/, user([{ type: 'text' }])],
    ['messages[0].content[0].type', /got "video"/, user([{ type: 'video' }])],
    [
      'messages[0].content[0].type',
      /audio is not understood/,
      user([{ type: 'input_audio', input_audio: {} }]),
    ],
    ['messages[0].content[0].type', /files are not taken/, user([{ type: 'file', file: {} }])],
    [
      'messages[0].content[1].image_url',
      /object/,
      user([text('see'), { type: 'image_url', image_url: IMAGE }]),
    ],
    ['messages[0].content[1].image_url.url', /text/, image(7)],
    ['messages[0].content[1].image_url.url', /is not fetched/, image('https://example.com/a.png')],
    ['messages[0].content[1].image_url.url', /is not fetched/, image('http://169.254.169.254/')],
    ['messages[0].content[1].image_url.url', /base64,/, image('data:image/png,abc')],
    ['messages[0].content[1].image_url.url', /base64,/, image('data:image/png;base64')],
    ['messages[0].content[1].image_url.url', /image\/jpeg/, image('data:image/tiff;base64,AAAA')],
    ['messages[0].content[1].image_url.url', /padded/, image('data:image/png;base64,AAA')],
    ['messages[0].content[1].image_url.url', /padded/, image('data:image/png;base64,AA-_')],
    ['messages[0].content[1].image_url.url', /padded/, image('data:image/png;base64,')],
    [
      'messages[0].content',
      /images go into user/,
      { messages: [{ role: 'system', content: [{ type: 'image_url', image_url: { url: IMAGE } }] }] },
    ],
    ['messages[0].tool_call_id', /text/, { messages: [{ role: 'tool', content: 'x' }] }],
    [
      'messages[0].name',
      /called just before/,
      { messages: [{ role: 'function', name: 'ls', content: 'x' }] },
    ],
    ['messages[0].tool_calls', /list/, answer({ tool_calls: {} })],
    ['messages[0].tool_calls[0].id', /text/, answer({ tool_calls: [{ function: { name: 'a' } }] })],
    ['messages[0].tool_calls[0].type', /custom/, answer({ tool_calls: [{ id: 'a', type: 'custom' }] })],
    ['messages[0].tool_calls[0].function', /object/, answer({ tool_calls: [{ id: 'a' }] })],
    [
      'messages[0].tool_calls[0].function.arguments',
      /JSON object/,
      answer({ tool_calls: [call('a', 'ls', '[1]')] }),
    ],
    [
      'messages[0].tool_calls[0].function.arguments',
      /JSON object/,
      answer({ tool_calls: [call('a', 'ls', '{"a":')] }),
    ],
    ['tools', /list/, { tools: {} }],
    ['tools[0].type', /"function"/, { tools: [{ type: 'custom' }] }],
    ['tools[0].function', /object/, { tools: [{ type: 'function' }] }],
    ['tools[0].function.name', /not empty/, { tools: [tool('')] }],
    ['tools[0].function.parameters', /object/, { tools: [tool('a', 'string')] }],
    ['tools[0].function.parameters', /object/, { tools: [tool('a', [{}])] }],
    ['tools[0].function.parameters.type', /"object"/, { tools: [tool('a', { type: 'array' })] }],
    [
      'functions[0].parameters.type',
      /"object"/,
      { functions: [{ name: 'a', parameters: { type: 'string' } }] },
    ],
    ['tool_choice', /tools to choose from/, { tool_choice: 'required' }],
    ['tool_choice', /by its name/, { tools: [tool('a')], tool_choice: 'ls' }],
    ['tool_choice.type', /by its name/, { tools: [tool('a')], tool_choice: { type: 'allowed_tools' } }],
    [
      'tool_choice.function.name',
      /text/,
      { tools: [tool('a')], tool_choice: { type: 'function', function: {} } },
    ],
    ['parallel_tool_calls', /true or false/, { parallel_tool_calls: 1 }],
  ])('%s (%s)', (path, message, fields) => {
    const result = translate(fields);
    expect(result).toMatchObject({ ok: false, error: { path } });
    expect(result.ok ? '' : result.error.message).toMatch(message);
  });

  test.each([['{'], ['[]'], ['"text"'], [new Uint8Array([0x22, 0xff, 0x22])]])('body: %s', (body) => {
    const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
    expect(translateChatRequest(bytes, () => null)).toMatchObject({ ok: false, error: { path: 'body' } });
  });
});

describe('the cache', () => {
  const LONG = 'word '.repeat(2_000);
  const marks = (fields: object): unknown[] => {
    const found: unknown[] = [];
    JSON.stringify(bodyOf(fields), function (this: unknown, key, value) {
      if (key === 'cache_control') found.push(this);
      return value;
    });
    return found;
  };
  const marked = (content: string): object => ({ ...text(content), cache_control: { type: 'ephemeral' } });
  const chat = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: LONG },
    { role: 'assistant', content: 'ok' },
    { role: 'user', content: 'more' },
  ];

  test('is marked where later requests share an end: system, the last request, this one', () => {
    expect(marks({ messages: chat })).toEqual([marked(LONG), marked('more'), marked('Be brief.')]);
  });

  test('is marked at the tools where there is no system, and in the first request of an agent', () => {
    const found = marks({ messages: [{ role: 'user', content: LONG }], tools: [tool('a'), tool('b')] });
    expect(found).toMatchObject([marked(LONG), { name: 'b' }]);
  });

  test('has at most three marks, however long the chat', () => {
    const messages = Array.from({ length: 40 }, () => chat.slice(1)).flat();
    expect(marks({ messages })).toHaveLength(2);
  });

  test.each<[what: string, fields: object]>([
    ['a single question', { messages: [{ role: 'user', content: LONG }] }],
    [
      'a prompt too short to be cached',
      { messages: [chat[0], { role: 'user', content: 'hi' }, ...chat.slice(2)] },
    ],
    [
      'a single question whose answer is a call',
      { messages: [{ role: 'user', content: LONG }], tools: [tool('a')], tool_choice: 'required' },
    ],
    ['a client that wants none', { messages: chat, cache_control: null }],
  ])('is not marked for %s', (_what, fields) => {
    expect(marks(fields)).toEqual([]);
  });

  test('is left to a client that marks by itself', () => {
    const own = { ...text('mine'), cache_control: { type: 'ephemeral', ttl: '1h' } };
    expect(marks({ messages: [...chat, { role: 'user', content: [own] }] })).toEqual([own]);
    expect(marks({ messages: chat, cache_control: { type: 'ephemeral' } })).toHaveLength(1);
  });
});

describe('the headers', () => {
  test.each<
    [what: string, client: Record<string, string>, session: string | null, expected: Record<string, string>]
  >([
    [
      'of OpenAI stay behind',
      { 'openai-organization': 'o', 'x-stainless-lang': 'js', 'x-a': '1' },
      null,
      { 'x-a': '1' },
    ],
    ['name the session', {}, 'thread-1', { 'x-claude-code-session-id': 'thread-1' }],
    [
      'keep the one that is named',
      { 'x-claude-code-session-id': 's' },
      't',
      { 'x-claude-code-session-id': 's' },
    ],
    ['carry any key', {}, 'Fäden\n1\ud800', { 'x-claude-code-session-id': 'F%C3%A4den%0A1%EF%BF%BD' }],
  ])('%s', (_what, client, session, expected) => {
    expect(Object.fromEntries(messagesHeaders(new Headers(client), session))).toEqual(expected);
  });
});
