import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyEdits, type Edit } from '../../worker/providers/json-edit.ts';
import { spliceJson } from '../../worker/providers/json-splice.ts';
import { adaptBody } from '../../worker/turn/adapt.ts';
import { adapted, adaptText, type Body, decode, encode, model } from './adapting.ts';

describe('where only the model changes', () => {
  const text =
    '\n{ "messages" : [ {"role":"user","content":"{\\"model\\":\\"x\\"} \\u00e9 é 😀 \\\\"} ],\t"n": [1.0, 1e2, 12345678901234567890],' +
    ' "metadata": {"model": "inner"}, "model" :\r\n"claude-opus-5-5" , "stream":true }\n';

  test('everything else stays byte for byte', () => {
    expect(adaptText(text, 'claude-sonnet-5-5')).toBe(
      text.replace('"claude-opus-5-5"', '"claude-sonnet-5-5"'),
    );
  });

  test('so it does towards a model the catalogue does not know, whatever the request asks for', () => {
    const asks = '{"model":"a","speed":"fast","thinking":{"type":"enabled","budget_tokens":5}}';
    const sent = adaptBody(encode(asks), JSON.parse(asks), null, 'claude-next-7');
    expect(decode(sent)).toBe(asks.replace('"a"', '"claude-next-7"'));
  });

  test('a body as Claude Code 2.1 sends it goes to a 5.5 model as it is', () => {
    const body = JSON.stringify({
      model: 'claude-opus-5-5',
      messages: [
        { role: 'user', content: 'hi' },
        { role: 'system', content: [], output_config: { effort: 'low' } },
      ],
      system: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral', ttl: '1h' } }],
      max_tokens: 64_000,
      thinking: { type: 'adaptive', display: 'summarized' },
      context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
      output_config: { effort: 'xhigh' },
      stream: true,
    });
    for (const target of ['claude-sonnet-5-5', 'claude-haiku-5-5']) {
      expect(adaptText(body, target)).toBe(body.replace('claude-opus-5-5', target));
    }
  });

  test('neither the bytes nor the parsed body are changed', () => {
    const original =
      '{"model":"claude-opus-5-5","max_tokens":90000,"thinking":{"type":"adaptive"},"messages":[]}';
    const bytes = encode(original);
    const body = JSON.parse(original);
    adaptBody(bytes, body, model('claude-haiku-4-5'), 'claude-haiku-4-5');
    expect(decode(bytes)).toBe(original);
    expect(JSON.stringify(body)).toBe(original);
  });
});

describe('where more changes', () => {
  test('the rest still stays byte for byte', () => {
    const text =
      '{"model":"claude-opus-5-5", "messages":[ {"role":"user","content":"caf\\u00e9 1.0"}, {"role":"system","content":[],"output_config":{"effort":"max"}} , {"role":"user","content":[{"n":1.50}]} ],' +
      ' "temperature": 1.0, "max_tokens": 64000, "thinking":{"type":"adaptive"}, "output_config":{"effort":"low"}, "speed":"fast" }';
    expect(adaptText(text, 'claude-haiku-4-5')).toBe(
      '{"model":"claude-haiku-4-5", "messages":[ {"role":"user","content":"caf\\u00e9 1.0"} , {"role":"user","content":[{"n":1.50}]} ],' +
        ' "temperature": 1.0, "max_tokens": 64000, "thinking":{"type":"enabled","budget_tokens":51200} }',
    );
  });

  test('a body with two models is written anew with one', () => {
    const text = '{"model":"claude-opus-5-5","messages":[],"model":"claude-opus-5"}';
    expect(adaptText(text, 'claude-sonnet-5-5')).toBe('{"model":"claude-sonnet-5-5","messages":[]}');
  });

  test('a model named with escapes is found', () => {
    expect(adaptText('{"mod\\u0065l":"claude-opus-5-5"}', 'claude-haiku-5-5')).toBe(
      '{"mod\\u0065l":"claude-haiku-5-5"}',
    );
  });
});

describe('thinking', () => {
  const budget = (budget_tokens: number): Body => ({ type: 'enabled', budget_tokens });
  test.each<[string, Body, string, Body | undefined]>([
    // what, asked, target, sent
    ['adaptive stays', { type: 'adaptive' }, 'claude-sonnet-5-5', { type: 'adaptive' }],
    ['adaptive becomes a budget', { type: 'adaptive' }, 'claude-haiku-4-5', budget(16_000)],
    ['adaptive is removed', { type: 'adaptive' }, 'claude-3-5-haiku-latest', undefined],
    ['a budget becomes adaptive', budget(9_000), 'claude-haiku-5-5', { type: 'adaptive' }],
    ['a budget becomes adaptive', budget(9_000), 'claude-opus-4-7', { type: 'adaptive' }],
    ['a budget stays', budget(9_000), 'claude-sonnet-4-6', budget(9_000)],
    ['a budget stays', budget(9_000), 'claude-haiku-4-5', budget(9_000)],
    ['a budget stays, however little it leaves', budget(31_999), 'claude-haiku-4-5', budget(31_999)],
    ['a budget above max_tokens leaves a fifth', budget(32_000), 'claude-haiku-4-5', budget(25_600)],
    ['disabled stays', { type: 'disabled' }, 'claude-haiku-5-5', { type: 'disabled' }],
    ['disabled stays', { type: 'disabled' }, 'claude-haiku-4-5', { type: 'disabled' }],
    ['disabled becomes between_tools', { type: 'disabled' }, 'claude-sonnet-5-5', { type: 'between_tools' }],
    ['disabled becomes adaptive', { type: 'disabled' }, 'claude-opus-5-5', { type: 'adaptive' }],
    ['between_tools stays', { type: 'between_tools' }, 'claude-sonnet-5-5', { type: 'between_tools' }],
    ['between_tools becomes disabled', { type: 'between_tools' }, 'claude-haiku-5-5', { type: 'disabled' }],
    ['between_tools becomes adaptive', { type: 'between_tools' }, 'claude-fable-5-2', { type: 'adaptive' }],
    [
      'display goes along',
      { type: 'adaptive', display: 'omitted' },
      'claude-haiku-4-5',
      { ...budget(16_000), display: 'omitted' },
    ],
    [
      'display goes along',
      { ...budget(9_000), display: 'summarized' },
      'claude-haiku-5-5',
      { type: 'adaptive', display: 'summarized' },
    ],
    [
      'a display budgets do not have is dropped',
      { type: 'adaptive', display: 'updates' },
      'claude-haiku-4-5',
      budget(16_000),
    ],
    ['a form nobody knows is left to the default', { type: 'constructor' }, 'claude-haiku-5-5', undefined],
  ])('%s: %o to %s', (_what, thinking, target, sent) => {
    expect(adapted({ thinking }, target).thinking).toEqual(sent);
  });

  test.each([
    ['low', 6_400],
    ['medium', 11_200],
    ['high', 16_000],
    ['xhigh', 20_800],
    ['max', 25_600],
  ])('the budget that takes the place of effort %s is %i of 32,000', (effort, budget_tokens) => {
    expect(
      adapted({ thinking: { type: 'adaptive' }, output_config: { effort } }, 'claude-haiku-4-5'),
    ).toEqual({
      thinking: { type: 'enabled', budget_tokens },
    });
  });

  test('a budget that the target’s own limit of output cuts leaves a fifth of it for the answer', () => {
    const asks = { thinking: budget(127_999), max_tokens: 128_000 };
    expect(adapted(asks, 'claude-haiku-4-5')).toEqual({ thinking: budget(51_200), max_tokens: 64_000 });
  });

  test.each([
    [1_024, undefined],
    [1_025, 1_024],
    [2_048, 1_024],
    [128_000, 32_000],
  ])('a budget within max_tokens %i is %s', (max_tokens, budget_tokens) => {
    const sent = adapted({ thinking: { type: 'adaptive' }, max_tokens }, 'claude-haiku-4-5').thinking;
    expect(sent).toEqual(budget_tokens && { type: 'enabled', budget_tokens });
  });

  test('no budget is set beside a forced tool', () => {
    const tool_choice = { type: 'tool', name: 'Bash' };
    const sent = adapted({ thinking: { type: 'adaptive' }, tool_choice }, 'claude-haiku-4-5');
    expect(sent).toEqual({ tool_choice });
  });

  const call = { type: 'tool_use', id: 't', name: 'Bash', input: {} };
  const result = { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: '' }] };
  test.each([
    ['not set after a tool call without thinking', [call], false],
    ['not set after a tool call that text precedes', [{ type: 'text', text: 'so' }, call], false],
    ['set after a tool call with thinking', [{ type: 'thinking', thinking: '', signature: 's' }, call], true],
    ['set after a tool call with hidden thinking', [{ type: 'redacted_thinking', data: 'd' }, call], true],
    ['set after an answer', [{ type: 'text', text: 'so' }], true],
  ])('a budget is %s', (_what, content, isSet) => {
    const messages = [{ role: 'user', content: 'go' }, { role: 'assistant', content }, result];
    const sent = adapted({ thinking: { type: 'adaptive' }, messages }, 'claude-haiku-4-5');
    expect('thinking' in sent).toBe(isSet);
    expect(sent.messages).toEqual(messages);
  });

  test.each<[string, Body, Body | undefined]>([
    ['alone', { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] }, undefined],
    [
      'beside others',
      { edits: [{ type: 'clear_thinking_20251015' }, { type: 'clear_tool_uses_20250919' }] },
      { edits: [{ type: 'clear_tool_uses_20250919' }] },
    ],
    ['beside another member', { edits: [{ type: 'clear_thinking_20251015' }], x: 1 }, { edits: [], x: 1 }],
    [
      'not at all',
      { edits: [{ type: 'clear_tool_uses_20250919' }] },
      { edits: [{ type: 'clear_tool_uses_20250919' }] },
    ],
  ])('where it ends up off, the context edit that clears it goes: %s', (_what, context_management, sent) => {
    const off = adapted({ thinking: { type: 'between_tools' }, context_management }, 'claude-haiku-5-5');
    expect(off).toEqual({ thinking: { type: 'disabled' }, ...(sent && { context_management: sent }) });
    const on = adapted({ thinking: { type: 'adaptive' }, context_management }, 'claude-haiku-4-5');
    expect(on.context_management).toEqual(context_management);
  });

  test.each([
    ['unasked, to a model that thinks by itself', undefined, 'claude-haiku-5-5', true],
    ['unasked, to one that knows no adaptive thinking', undefined, 'claude-haiku-4-5', false],
    ['unasked, to one that only thinks when asked', undefined, 'claude-sonnet-4-6', false],
    ['unasked, to one that only thinks when asked', undefined, 'claude-opus-4-8', false],
    ['unasked, to a model that thinks by itself', undefined, 'claude-sonnet-5', true],
    ['off as asked: its refusal is the client’s to see', { type: 'disabled' }, 'claude-haiku-5-5', true],
  ])('the context edit that clears thinking %s stays: %o, %s, %s', (_what, thinking, target, stays) => {
    const context_management = { edits: [{ type: 'clear_thinking_20251015' }] };
    const sent = adapted({ ...(thinking && { thinking }), context_management }, target);
    expect('context_management' in sent).toBe(stays);
  });
});

describe('effort', () => {
  test.each<[string, Body, string, Body | undefined]>([
    ['stays', { effort: 'max' }, 'claude-haiku-5-5', { effort: 'max' }],
    ['goes', { effort: 'max' }, 'claude-haiku-4-5', undefined],
    [
      'goes, not what stands beside it',
      { effort: 'low', format: { a: 1 } },
      'claude-haiku-4-5',
      { format: { a: 1 } },
    ],
    ['goes even as null', { effort: null }, 'claude-haiku-4-5', undefined],
    ['comes down to the nearest', { effort: 'xhigh' }, 'claude-opus-4-6', { effort: 'high' }],
    ['stays where the one below is missing', { effort: 'max' }, 'claude-opus-4-6', { effort: 'max' }],
    ['comes down to the highest', { effort: 'max' }, 'claude-opus-4-5', { effort: 'high' }],
    [
      'of an unknown name is the upstream’s to refuse',
      { effort: 'huge' },
      'claude-haiku-5-5',
      { effort: 'huge' },
    ],
    ['absent stays absent', { format: {} }, 'claude-haiku-4-5', { format: {} }],
    ['goes with a task budget', { effort: 'max', task_budget: 1 }, 'claude-haiku-4-5', undefined],
    [
      'stays beside a task budget',
      { effort: 'max', task_budget: 1 },
      'claude-haiku-5-5',
      { effort: 'max', task_budget: 1 },
    ],
    [
      'stays without the task budget',
      { task_budget: 1, effort: 'xhigh' },
      'claude-sonnet-5',
      { effort: 'xhigh' },
    ],
  ])('%s: %o to %s', (_what, output_config, target, sent) => {
    expect(adapted({ output_config }, target)).toEqual(sent ? { output_config: sent } : {});
  });

  test.each([
    ['disabled', 'claude-haiku-5-5', 'max', 'high'],
    ['disabled', 'claude-sonnet-5-5', 'xhigh', 'high'],
    ['disabled', 'claude-sonnet-5-5', 'medium', 'medium'],
    ['disabled', 'claude-sonnet-5', 'max', 'max'],
    ['disabled', 'claude-opus-5-5', 'max', 'max'],
    ['adaptive', 'claude-haiku-5-5', 'max', 'max'],
  ])('with thinking %s on %s, %s is sent as %s', (type, target, effort, sent) => {
    const body = adapted({ thinking: { type }, output_config: { effort } }, target);
    expect(body.output_config).toEqual({ effort: sent });
  });
});

describe('other members', () => {
  const forced = { type: 'tool', name: 'Bash', disable_parallel_tool_use: true };
  const compacting = { context_management: { edits: [{ type: 'compact_20260112' }] } };
  test.each<[string, Body, string, Body]>([
    ['fast stays where it is offered', { speed: 'fast' }, 'claude-opus-5', { speed: 'fast' }],
    ['fast goes', { speed: 'fast' }, 'claude-sonnet-5-5', {}],
    ['speed goes even as standard', { speed: 'standard' }, 'claude-haiku-5-5', {}],
    [
      'sampling stays',
      { temperature: 0, top_p: 0.9, top_k: 5 },
      'claude-haiku-4-5',
      { temperature: 0, top_p: 0.9, top_k: 5 },
    ],
    ['sampling goes', { temperature: 0, top_p: 0.9, top_k: 5 }, 'claude-haiku-5-5', {}],
    ['a forced tool stays', { tool_choice: forced }, 'claude-haiku-5-5', { tool_choice: forced }],
    [
      'a forced tool is left to choice',
      { tool_choice: forced },
      'claude-sonnet-5-5',
      { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    ],
    [
      'any tool is left to choice',
      { tool_choice: { type: 'any' } },
      'claude-fable-5-1',
      { tool_choice: { type: 'auto' } },
    ],
    [
      'no tool stays',
      { tool_choice: { type: 'none' } },
      'claude-sonnet-5-5',
      { tool_choice: { type: 'none' } },
    ],
    ['a compaction edit stays', compacting, 'claude-sonnet-4-6', compacting],
    ['a compaction edit goes', compacting, 'claude-haiku-4-5', {}],
    ['fallbacks go, even to a model that takes them', { fallbacks: [{ model: 'a' }] }, 'claude-opus-5', {}],
    [
      'fallbacks and their credit go',
      { fallbacks: 'default', fallback_credit_token: 't' },
      'claude-haiku-5-5',
      {},
    ],
    ['max_tokens come down', { max_tokens: 128_000 }, 'claude-haiku-4-5', { max_tokens: 64_000 }],
    ['max_tokens stay', { max_tokens: 64_000 }, 'claude-haiku-4-5', { max_tokens: 64_000 }],
    [
      'max_tokens that are none are not ours',
      { max_tokens: 'many' },
      'claude-haiku-4-5',
      { max_tokens: 'many' },
    ],
    [
      'what we do not know stays',
      { mcp_servers: [], x: { y: null } },
      'claude-haiku-4-5',
      { mcp_servers: [], x: { y: null } },
    ],
  ])('%s: %o to %s', (_what, members, target, sent) => {
    expect(adapted(members, target)).toEqual(sent);
  });
});

describe('any body', () => {
  const character = fc.string({ unit: 'grapheme' });
  const name = fc.oneof(fc.constantFrom('model', 'a"b', 'mod\\el', '__proto__', ''), character);
  const text = fc.oneof(fc.constantFrom('"model":"x"', '\\', '\\"', '}{][,:', '\u2028\ud83d'), character);
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      text,
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.constantFrom(null, true, false),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(name, tie('value'), { maxKeys: 4 }),
    ),
  }));
  const member = fc.tuple(
    name.filter((each) => each !== 'model'),
    value,
  );
  const members = fc.uniqueArray(member, { selector: ([each]) => each, maxLength: 6 });
  const space = fc.constantFrom('', ' ', '\t', '\r\n ');

  function write(body: readonly (readonly [string, unknown])[], white: string): string {
    const written = body.map(
      ([key, each]) =>
        `${white}${JSON.stringify(key)}${white}:${white}${JSON.stringify(each, null, white)}${white}`,
    );
    return `${white}{${written.join(',')}}${white}`;
  }

  test('has its model changed and no other byte', () => {
    fc.assert(
      fc.property(members, fc.nat(6), text, text, space, (rest, index, asked, target, white) => {
        const textFor = (id: string): string => write(rest.toSpliced(index, 0, ['model', id]), white);
        const sent = adaptBody(encode(textFor(asked)), JSON.parse(textFor(asked)), null, target);
        expect(decode(sent)).toBe(textFor(target));
      }),
    );
  });

  /** The paths of everything in a document, itself aside. */
  function pathsIn(document: unknown, path: Edit['path'] = []): Edit['path'][] {
    if (typeof document !== 'object' || document === null) return [];
    return Object.entries(document).flatMap(([key, each]) => {
      const own = [...path, Array.isArray(document) ? Number(key) : key];
      return [own, ...pathsIn(each, own)];
    });
  }

  const isWithin = (inner: Edit['path'], outer: Edit['path']): boolean =>
    outer.every((step, index) => inner[index] === step);

  test('is edited in its bytes to what the same edits make of it parsed', () => {
    const choices = fc.array(fc.tuple(fc.nat(), fc.option(value, { nil: undefined })), { maxLength: 6 });
    fc.assert(
      fc.property(members, choices, space, (body, chosen, white) => {
        const written = write(body, white);
        const document: unknown = JSON.parse(written);
        const paths = pathsIn(document);
        const edits: Edit[] = [];
        for (const [pick, replacement] of paths.length > 0 ? chosen : []) {
          const path = paths[pick % paths.length] ?? [];
          if (edits.some((each) => isWithin(path, each.path) || isWithin(each.path, path))) continue;
          edits.push({ path, value: replacement });
        }
        const spliced = spliceJson(encode(written), edits);
        const expected = JSON.stringify(applyEdits(document, edits));
        expect(spliced && JSON.stringify(JSON.parse(decode(spliced)))).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['[ 1 , 2 , 3 ]', [0], '[ 2 , 3 ]'],
    ['[ 1 , 2 , 3 ]', [1], '[ 1 , 3 ]'],
    ['[ 1 , 2 , 3 ]', [2], '[ 1 , 2 ]'],
    ['[ 1 , 2 , 3 ]', [0, 1], '[ 3 ]'],
    ['[ 1 , 2 , 3 ]', [0, 2], '[ 2 ]'],
    ['[ 1 , 2 , 3 ]', [1, 2], '[ 1 ]'],
    ['[ 1 , 2 , 3 ]', [0, 1, 2], '[  ]'],
    ['[]', [], '[]'],
  ])('loses a comma with every element: %s without %j', (written, indexes, left) => {
    const edits = indexes.map((index) => ({ path: [index], value: undefined }));
    expect(decode(spliceJson(encode(written), edits) ?? encode('null'))).toBe(left);
  });

  test.each([
    ['nothing there', '', ['a']],
    ['no object', '"a"', ['a']],
    ['a name that is not there', '{"b":1}', ['a']],
    ['a name that is there twice', '{"a":1,"a":2}', ['a']],
    ['a name twice further down', '{"a":{"b":1,"b":2}}', ['a', 'b']],
    ['an element that is not there', '{"a":[1]}', ['a', 1]],
    ['a value without members', '{"a":1}', ['a', 'b']],
    ['text cut off', '{"a":1,', ['a']],
    ['text cut off in a value', '{"a":[1,{"b":"', ['a', 1, 'b']],
  ])('is given up on: %s', (_what, written, path) => {
    expect(spliceJson(encode(written), [{ path, value: 1 }])).toBeNull();
  });
});
