import { describe, expect, test } from 'vitest';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import { inspect } from '../../worker/turn/inspect.ts';

const KEY_ID = 'k0123456789abcdef01234567';

function look(body: unknown, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return inspect(new TextEncoder().encode(text), new Headers(headers), KEY_ID);
}

/** The facts of a request that is complete but for what a test adds. */
function factsOf(changes: object, headers: Record<string, string> = {}): TurnFacts {
  const inspected = look({ model: 'claude-opus-5-5', messages: [], ...changes }, headers);
  if (!inspected.ok) throw new Error(inspected.error.message);
  return inspected.value.facts;
}

function user(...content: object[]): object {
  return { role: 'user', content };
}

function assistant(...content: object[]): object {
  return { role: 'assistant', content };
}

const AGENT = { 'x-claude-code-agent-id': 'agent-7' };
function hint(kind: string): Record<string, string> {
  return { 'x-claude-code-request-class': kind };
}

describe('a turn is', () => {
  test.each<[kind: TurnFacts['kind'], why: string, body: object, headers: Record<string, string>]>([
    ['main', 'with tools and no hint', { tools: [{ name: 'Bash' }] }, {}],
    ['main', 'without a list of tools', {}, {}],
    ['main', 'with tools that are no list', { tools: 'none' }, {}],
    ['auxiliary', 'with an empty list of tools', { tools: [] }, {}],
    ['subagent', 'with an agent id', { tools: [{ name: 'Bash' }] }, AGENT],
    ['subagent', 'with an agent id and no tools', { tools: [] }, AGENT],
    ['main', 'with an empty agent id', {}, { 'x-claude-code-agent-id': '' }],
    ['main', 'hinted so, whatever its tools', { tools: [] }, hint('main')],
    ['compaction', 'hinted so', { tools: [{ name: 'Bash' }] }, hint('compaction')],
    ['auxiliary', 'hinted so, in spite of an agent id', {}, { ...AGENT, ...hint('auxiliary') }],
    ['subagent', 'with an agent id and an unheard-of hint', {}, { ...AGENT, ...hint('daydream') }],
    ['auxiliary', 'with no tools and an unheard-of hint', { tools: [] }, hint('toString')],
  ])('%s %s', (kind, _why, body, headers) => {
    expect(factsOf(body, headers).kind).toBe(kind);
  });

  test('of the agent its header names, or of none', () => {
    expect(factsOf({}, AGENT).agent).toBe('agent-7');
    expect(factsOf({}).agent).toBeNull();
  });
});

describe('its session is', () => {
  const header = { 'x-claude-code-session-id': 'from-header' };
  const json = JSON.stringify({ device_id: 'd', account_uuid: '', session_id: 'from-json' });
  const legacy = `user_${'0'.repeat(64)}_account__session_1b2c-3d`;
  test.each<[session: string, where: string, metadata: unknown, headers: Record<string, string>]>([
    ['from-header', 'in the header', undefined, header],
    ['from-header', 'in the header rather than in the metadata', { user_id: json }, header],
    ['from-json', 'in the metadata’s JSON', { user_id: json }, {}],
    [
      'from-json',
      'in the metadata where the header is empty',
      { user_id: json },
      { 'x-claude-code-session-id': '' },
    ],
    ['1b2c-3d', 'at the end of an old client’s user id', { user_id: legacy }, {}],
    [KEY_ID, 'the key, without metadata', undefined, {}],
    [KEY_ID, 'the key, where the metadata is no object', 'user', {}],
    [KEY_ID, 'the key, where the user id is no text', { user_id: 7 }, {}],
    [KEY_ID, 'the key, where the user id tells of none', { user_id: 'dev@example.com' }, {}],
    [KEY_ID, 'the key, where the JSON has none', { user_id: '{"device_id":"d"}' }, {}],
    [KEY_ID, 'the key, where the JSON’s is a number', { user_id: '{"session_id":5}' }, {}],
    [KEY_ID, 'the key, where the JSON’s is empty', { user_id: '{"session_id":""}' }, {}],
    [KEY_ID, 'the key, where the JSON is a number', { user_id: '42' }, {}],
    [KEY_ID, 'the key, where the JSON is null', { user_id: 'null' }, {}],
  ])('%s, %s', (session, _where, metadata, headers) => {
    expect(factsOf({ metadata }, headers).session).toBe(session);
  });
});

describe('its prompt is cached', () => {
  const short = { cache_control: { type: 'ephemeral' } };
  const long = { cache_control: { type: 'ephemeral', ttl: '1h' } };
  const result = (mark: object): object => ({
    type: 'tool_result',
    content: [{ type: 'text', text: 'a', ...mark }],
  });
  test.each<[ttl: TurnFacts['cacheTtl'], where: string, body: object]>([
    ['none', 'nowhere', { system: [{ type: 'text', text: 'a' }] }],
    ['5m', 'in the system prompt', { system: [{ type: 'text', text: 'a', ...short }] }],
    ['1h', 'in a tool', { tools: [{ name: 'Bash', ...long }] }],
    ['5m', 'in a message’s block', { messages: [user({ type: 'text', text: 'a', ...short })] }],
    ['5m', 'within a tool result', { messages: [user(result(short))] }],
    ['1h', 'by the request as a whole', long],
    ['1h', 'first long, then short', { system: [{ ...long }], messages: [user({ ...short })] }],
    ['1h', 'first short, then long', { system: [{ ...short }], messages: [user({ ...long })] }],
    ['5m', 'for a time unheard of', { cache_control: { ttl: '2y' } }],
    ['none', 'by a mark that is null', { system: [{ cache_control: null }] }],
    ['none', 'in a system prompt of plain text', { system: 'cache_control' }],
  ])('%s, %s', (ttl, _where, body) => {
    expect(factsOf(body).cacheTtl).toBe(ttl);
  });
});

describe('its images', () => {
  const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } };
  test.each<[count: number, where: string, messages: object[]]>([
    [0, 'in plain text', [{ role: 'user', content: 'image' }]],
    [2, 'side by side in a message', [user(image, { type: 'text', text: 'and' }, image)]],
    [1, 'in a tool result', [user({ type: 'tool_result', content: [image] })]],
    [
      3,
      'over the whole conversation',
      [user(image), assistant(), user({ type: 'tool_result', content: [image, image] })],
    ],
  ])('are counted: %i %s', (count, _where, messages) => {
    expect(factsOf({ messages }).imageCount).toBe(count);
  });
});

describe('an answer begun for the model', () => {
  const effort = { role: 'system', content: [], output_config: { effort: 'low' } };
  const paused = { type: 'server_tool_use', id: 's', name: 'web_search', input: {} };
  test.each<[begun: boolean, where: string, messages: object[]]>([
    [false, 'no messages', []],
    [false, 'a question', [user()]],
    [false, 'an answer that was replied to', [user(), assistant(), user()]],
    [true, 'a last answer', [user(), assistant()]],
    [true, 'a last answer in plain text', [user(), { role: 'assistant', content: '{' }]],
    [true, 'a last answer with an effort after it', [user(), assistant(), effort]],
    [false, 'a last system message', [user(), assistant(), { role: 'system', content: 'go on' }]],
    [false, 'an effort alone', [effort]],
    [false, 'an answer that paused in a tool of the provider’s', [user(), assistant(paused)]],
    [false, '… after its result', [user(), assistant(paused, { type: 'web_search_tool_result' })]],
    [true, '… and went on', [user(), assistant(paused, { type: 'text', text: 'So' })]],
  ])('%s: %s', (begun, _where, messages) => {
    expect(factsOf({ messages }).prefill).toBe(begun);
  });
});

describe('its tools', () => {
  const call = (name: string): object => ({ type: 'tool_use', id: 't', name, input: {} });
  const done = (isError?: boolean): object => ({ type: 'tool_result', tool_use_id: 't', is_error: isError });

  test('offered are told by name, those without one left out', () => {
    const tools = [
      { name: 'Bash' },
      { type: 'web_search_20260301', name: 'web_search' },
      { name: 5 },
      null,
      {},
    ];
    expect(factsOf({ tools }).toolsOffered).toEqual(['Bash', 'web_search']);
  });

  test.each<[used: string[], where: string, messages: object[]]>([
    [[], 'without a conversation', []],
    [['Read', 'Bash'], 'in the last answer', [user(), assistant(call('Read'), call('Bash')), user(done())]],
    [['Bash'], 'not in answers before', [assistant(call('Read')), user(done()), assistant(call('Bash'))]],
    [
      [],
      'in an answer of text',
      [assistant(call('Read')), user(done()), assistant({ type: 'text', text: 'a' })],
    ],
    [[], 'in an answer of plain text', [{ role: 'assistant', content: 'Bash' }]],
    [[], 'run by the provider', [assistant({ type: 'server_tool_use', name: 'web_search' })]],
  ])('used are %j, %s', (used, _where, messages) => {
    expect(factsOf({ messages }).toolsUsed).toEqual(used);
  });

  test.each<[failed: boolean | null, what: string, messages: object[]]>([
    [null, 'without results', [user({ type: 'text', text: 'hi' })]],
    [null, 'without a conversation', []],
    [false, 'that all went well', [user(done(), done(false))]],
    [true, 'of which one failed', [user(done(false), done(true))]],
    [false, 'that failed before, but not in the last message', [user(done(true)), assistant(), user(done())]],
    [
      null,
      'that failed before a message of text',
      [user(done(true)), assistant(), { role: 'user', content: 'go on' }],
    ],
  ])('failed: %j for results %s', (failed, _what, messages) => {
    expect(factsOf({ messages }).toolResultsFailed).toBe(failed);
  });
});

describe('its highest cost', () => {
  const from = (type: string, source: string): object => ({
    messages: [user({ type, source: { type: source } })],
  });
  const tool = (type: string): object => ({ tools: [{ type, name: 'x' }] });
  test.each<[causes: string[], what: string, body: object]>([
    [[], 'a plain prompt', { messages: [user({ type: 'text', text: 'https://example.com' })] }],
    [[], 'an image in the body', from('image', 'base64')],
    [['url_input'], 'an image by URL', from('image', 'url')],
    [['url_input'], 'an image from the files', from('image', 'file')],
    [['document'], 'a document in the body', from('document', 'base64')],
    [['url_input', 'document'], 'a document by URL', from('document', 'url')],
    [
      ['url_input'],
      'an image by URL within a tool result',
      { messages: [user({ type: 'tool_result', content: [{ type: 'image', source: { type: 'url' } }] })] },
    ],
    [['server_tools'], 'web search', tool('web_search_20260301')],
    [['server_tools'], 'web fetch', tool('web_fetch_20260301')],
    [['server_tools'], 'code execution', tool('code_execution_20260301')],
    [['server_tools'], 'a set of MCP tools', tool('mcp_toolset')],
    [[], 'the client’s own bash', tool('bash_20250124')],
    [[], 'the client’s own editor', tool('text_editor_20250728')],
    [[], 'a tool of the client’s named like the provider’s', { tools: [{ name: 'web_search' }] }],
    [['mcp_servers'], 'MCP servers', { mcp_servers: [{ type: 'url', url: 'https://example.com' }] }],
    [[], 'no MCP servers', { mcp_servers: [] }],
    [['fallbacks'], 'fallback models', { fallbacks: [{ model: 'claude-sonnet-5-5' }] }],
    [['fallbacks'], 'the provider’s own fallback', { fallbacks: 'default' }],
    [[], 'no fallback models', { fallbacks: [] }],
    [['container'], 'a container', { container: 'container_1' }],
    [[], 'no container', { container: null }],
    [
      ['server_tools', 'mcp_servers', 'container'],
      'several at once',
      { ...tool('code_execution_20260301'), mcp_servers: [{}], container: {} },
    ],
  ])('is unknowable by %j: %s', (causes, _what, body) => {
    expect(factsOf(body).unbounded).toEqual(causes);
  });

  test.each<[needs: string[] | undefined, body: object]>([
    [undefined, { output_config: { effort: 'low' }, output_format: null }],
    [['structured_output'], { output_config: { format: { type: 'json_schema', schema: {} } } }],
    [['output_format'], { output_format: { type: 'json_schema', schema: {} } }],
    [
      ['tool_changes'],
      { messages: [user(), { role: 'system', content: [{ type: 'tool_addition', tools: [] }] }] },
    ],
    [undefined, { messages: [user({ type: 'tool_addition' })] }],
  ])('needs %j of its provider', (needs, body) => {
    expect(factsOf(body).needs).toEqual(needs);
  });
});

describe('what it asks for', () => {
  test.each<[asked: object, facts: Partial<TurnFacts>]>([
    [{ thinking: { type: 'adaptive' } }, { thinking: 'adaptive' }],
    [{ thinking: { type: 'enabled', budget_tokens: 4_000 } }, { thinking: 'enabled' }],
    [{ thinking: 'yes' }, { thinking: null }],
    [{ output_config: { effort: 'xhigh' } }, { effort: 'xhigh' }],
    [{ output_config: { effort: 3 } }, { effort: null }],
    [{ output_config: null }, { effort: null }],
    [{ speed: 'fast' }, { modifiers: { speed: 'fast', inferenceGeo: null } }],
    [{ inference_geo: 'us' }, { modifiers: { speed: null, inferenceGeo: 'us' } }],
    [{ max_tokens: 32_000 }, { maxTokens: 32_000 }],
    [{ max_tokens: 0 }, { maxTokens: null }],
    [{ max_tokens: -1 }, { maxTokens: null }],
    [{ max_tokens: 1.5 }, { maxTokens: null }],
    [{ max_tokens: '1000' }, { maxTokens: null }],
    [{ max_tokens: 1e300 }, { maxTokens: null }],
    [{ stream: true }, { stream: true }],
    [{ stream: 'true' }, { stream: false }],
    [{}, { stream: false, maxTokens: null, effort: null, thinking: null }],
  ])('%j is read as %j', (asked, facts) => {
    expect(factsOf(asked)).toMatchObject(facts);
  });
});

describe('its size', () => {
  test('is that of the bytes, not of the characters', () => {
    const body = '{"model":"m","messages":[{"role":"user","content":"é😀"}]}';
    const inspected = look(body);
    expect(inspected).toMatchObject({ ok: true, value: { facts: { bodyBytes: body.length + 3 } } });
  });

  test('counts messages, and leaves out what is none', () => {
    expect(factsOf({ messages: [user(), assistant(), 'hi', null, []] }).messageCount).toBe(2);
  });
});

describe('what a client names without end is cut', () => {
  const long = 'n'.repeat(10_000);
  test.each<[what: string, body: object, headers: Record<string, string>, of: (facts: TurnFacts) => unknown]>(
    [
      ['agent', {}, { 'x-claude-code-agent-id': long }, (facts) => facts.agent],
      ['session in the header', {}, { 'x-claude-code-session-id': long }, (facts) => facts.session],
      [
        'session in the metadata',
        { metadata: { user_id: `x_session_${long}` } },
        {},
        (facts) => facts.session,
      ],
      ['thinking', { thinking: { type: long } }, {}, (facts) => facts.thinking],
      ['effort', { output_config: { effort: long } }, {}, (facts) => facts.effort],
      ['speed', { speed: long }, {}, (facts) => facts.modifiers.speed],
      ['place of inference', { inference_geo: long }, {}, (facts) => facts.modifiers.inferenceGeo],
      ['tool', { tools: [{ name: long }] }, {}, (facts) => facts.toolsOffered[0]],
    ],
  )('%s, to 200 characters', (_what, body, headers, of) => {
    expect(of(factsOf(body, headers))).toBe('n'.repeat(200));
  });

  test('tools, to 400 names', () => {
    const tools = Array.from({ length: 5_000 }, (_, index) => ({ name: `tool-${index}` }));
    const { toolsOffered } = factsOf({ tools });
    expect(toolsOffered).toHaveLength(400);
    expect(toolsOffered[399]).toBe('tool-399');
  });

  test('models are not cut but refused: another name would be another model', () => {
    expect(look({ model: 'm'.repeat(256), messages: [] })).toMatchObject({ ok: true });
    expect(look({ model: 'm'.repeat(257), messages: [] })).toMatchObject({
      ok: false,
      error: { path: 'model' },
    });
  });
});

describe('what no client sends does no harm', () => {
  test('blocks nested a hundred thousand deep', () => {
    const nested = `${'[{"content":'.repeat(100_000)}[]${'}]'.repeat(100_000)}`;
    expect(look(`{"model":"claude-opus-5-5","messages":${nested}}`)).toMatchObject({ ok: true });
  });

  test('a byte order mark before the JSON', () => {
    expect(look('\ufeff{"model":"claude-opus-5-5","messages":[]}')).toMatchObject({ ok: true });
  });

  test('bytes that are no UTF-8', () => {
    const bytes = new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    expect(inspect(bytes, new Headers(), KEY_ID)).toMatchObject({ ok: false, error: { path: 'body' } });
  });

  test('messages, system and tools that are not what they should be', () => {
    const odd = {
      messages: [null, 5, [user()]],
      system: { type: 'image' },
      tools: [[], 'x'],
      mcp_servers: 'a',
    };
    expect(factsOf(odd)).toMatchObject({ messageCount: 0, imageCount: 0, toolsOffered: [], unbounded: [] });
  });
});
