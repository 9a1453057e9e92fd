import { describe, expect, test } from 'vitest';
import { adaptBody } from '../../worker/turn/adapt.ts';
import { adapted, adaptText, type Body, decode, encode } from './adapting.ts';

describe('a limit of output on a request that stays with its model', () => {
  const MODEL = 'claude-opus-5-5';
  const rest = '"fallbacks":[{"model":"claude-opus-5"}],"temperature": 1.0 , "messages":[ {"n":1e2} ]}';

  test('changes max_tokens and no other byte', () => {
    const text = `{ "model" : "${MODEL}", "max_tokens" : 128000, ${rest}`;
    expect(adaptText(text, MODEL, 4_096)).toBe(text.replace('128000', '4096'));
  });

  test.each([
    ['no limit', 128_000, null],
    ['a limit above what is asked for', 4_000, 4_096],
    ['a limit of just what is asked for', 4_096, 4_096],
    ['no number asked for', '"many"', 4_096],
  ])('with %s the very bytes come back', (_what, asked, limit) => {
    const text = `{"model":"${MODEL}","max_tokens":${asked},${rest}`;
    const bytes = encode(text);
    expect(adaptBody(bytes, JSON.parse(text), null, MODEL, limit)).toBe(bytes);
  });

  test('without max_tokens none is added', () => {
    const text = `{"model":"${MODEL}",${rest}`;
    expect(adaptText(text, MODEL, 4_096)).toBe(text);
  });

  test('holds for a model the catalogue does not know', () => {
    const text = '{"model":"claude-next-7","max_tokens":9000}';
    expect(decode(adaptBody(encode(text), JSON.parse(text), null, 'claude-next-7', 5_000))).toBe(
      '{"model":"claude-next-7","max_tokens":5000}',
    );
  });

  const CLEARING = { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] };
  test.each<[string, number, Body, Body]>([
    ['stays below it', 4_096, { thinking: { type: 'enabled', budget_tokens: 4_095 } }, {}],
    [
      'is brought below it, with room to answer',
      5_000,
      {
        thinking: { budget_tokens: 31_999, type: 'enabled', display: 'omitted' },
        context_management: CLEARING,
      },
      { thinking: { budget_tokens: 4_000, type: 'enabled', display: 'omitted' } },
    ],
    [
      'goes where no budget fits, and its clearing with it',
      1_024,
      { thinking: { type: 'enabled', budget_tokens: 2_000 }, context_management: CLEARING },
      { thinking: undefined, context_management: undefined },
    ],
    ['adaptive stays', 1_024, { thinking: { type: 'adaptive' }, context_management: CLEARING }, {}],
  ])('thinking %s: %i', (_what, limit, members, changes) => {
    const body = { model: 'claude-haiku-4-5', max_tokens: 32_000, ...members };
    const sent = JSON.parse(adaptText(JSON.stringify(body), 'claude-haiku-4-5', limit));
    expect(sent).toEqual(JSON.parse(JSON.stringify({ ...body, max_tokens: limit, ...changes })));
  });
});

describe('a limit of output on a step down', () => {
  test.each([
    [32_000, 4_096, 4_096],
    [32_000, 50_000, 32_000],
    [128_000, 100_000, 64_000],
    [128_000, null, 64_000],
  ])('of %i with a limit of %s leaves %i', (max_tokens, limit, left) => {
    expect(adapted({ max_tokens }, 'claude-haiku-4-5', limit).max_tokens ?? 32_000).toBe(left);
  });

  test('is what a thinking budget is reckoned from', () => {
    expect(adapted({ thinking: { type: 'adaptive' } }, 'claude-haiku-4-5', 10_000)).toEqual({
      thinking: { type: 'enabled', budget_tokens: 5_000 },
      max_tokens: 10_000,
    });
  });

  test('goes with the name to a model the catalogue does not know, and fallbacks are left behind', () => {
    const text = '{"model":"a","max_tokens":9000,"fallbacks":"default","speed":"fast"}';
    expect(decode(adaptBody(encode(text), JSON.parse(text), null, 'claude-next-7', 5_000))).toBe(
      '{"model":"claude-next-7","max_tokens":5000,"speed":"fast"}',
    );
  });
});
