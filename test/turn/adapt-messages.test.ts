import { describe, expect, test } from 'vitest';
import { adapted, adaptText, type Body } from './adapting.ts';

const hi = { role: 'user', content: 'hi' };
const effortOnly = { role: 'system', content: [], output_config: { effort: 'low' } };
const brief = { role: 'system', content: 'be brief' };
const text = { type: 'text', text: 'be brief', cache_control: { type: 'ephemeral' } };
const addition = { type: 'tool_addition', tool: { type: 'tool_reference', tool_name: 'Find' } };

describe('a message that sets the effort', () => {
  test.each<[string, Body[], string, Body[]]>([
    ['stays', [hi, effortOnly], 'claude-sonnet-5-5', [hi, effortOnly]],
    ['goes as a whole', [effortOnly, hi, effortOnly, effortOnly], 'claude-sonnet-5', [hi]],
    ['goes as a whole', [hi, effortOnly, hi], 'claude-haiku-4-5', [hi, hi]],
    ['goes as a whole where only words are taken', [hi, effortOnly], 'claude-opus-4-8', [hi]],
    ['loses the effort, not its words', [hi, { ...effortOnly, ...brief }], 'claude-opus-4-8', [hi, brief]],
    [
      'of another role is not ours',
      [{ ...hi, output_config: 1 }],
      'claude-haiku-4-5',
      [{ ...hi, output_config: 1 }],
    ],
  ])('%s: %j to %s', (_what, messages, target, sent) => {
    expect(adapted({ messages }, target).messages).toEqual(sent);
  });

  test('is the whole request’s where it goes, and counts for the thinking budget', () => {
    const asks = {
      output_config: { effort: 'high' },
      thinking: { type: 'adaptive' },
      messages: [effortOnly, hi, { ...brief, output_config: { effort: 'max' } }, hi, effortOnly],
    };
    expect(adapted(asks, 'claude-opus-4-8').output_config).toEqual({ effort: 'low' });
    expect(adapted(asks, 'claude-haiku-5-5').output_config).toEqual({ effort: 'high' });
    expect(adapted(asks, 'claude-haiku-4-5').thinking).toEqual({ type: 'enabled', budget_tokens: 6_400 });
    expect(adapted({ messages: asks.messages }, 'claude-opus-4-8')).not.toHaveProperty('output_config');
  });

  test('comes down to what the target allows with thinking off', () => {
    const messages = [hi, { ...effortOnly, output_config: { effort: 'max' } }];
    const sent = (type: string) => adapted({ thinking: { type }, messages }, 'claude-haiku-5-5').messages;
    expect(sent('adaptive')).toEqual(messages);
    expect(sent('disabled')).toEqual([hi, { ...effortOnly, output_config: { effort: 'high' } }]);
  });
});

describe('a system message with words', () => {
  test.each<[string, Body, string, Body[]]>([
    ['stays', brief, 'claude-opus-4-8', [brief]],
    [
      'stays with its effort',
      { ...brief, output_config: { effort: 'low' } },
      'claude-haiku-5-5',
      [{ ...brief, output_config: { effort: 'low' } }],
    ],
    [
      'stays with the tools it adds',
      { ...brief, content: [text, addition] },
      'claude-haiku-5-5',
      [{ ...brief, content: [text, addition] }],
    ],
    ['becomes a user message', brief, 'claude-sonnet-5', [{ ...brief, role: 'user' }]],
    [
      'becomes a user message',
      { ...brief, content: [text] },
      'claude-haiku-4-5',
      [{ role: 'user', content: [text] }],
    ],
    [
      'leaves behind what a user message can’t have',
      { ...brief, clear_at: 'never', output_config: {} },
      'claude-sonnet-5',
      [{ role: 'user', content: 'be brief' }],
    ],
    [
      'leaves behind the tools it adds',
      { ...brief, content: [addition, text, addition] },
      'claude-sonnet-4-6',
      [{ role: 'user', content: [text] }],
    ],
    ['goes where it has only those', { ...brief, content: [addition] }, 'claude-sonnet-4-6', []],
  ])('%s: %j to %s', (_what, message, target, sent) => {
    expect(adapted({ messages: [hi, message] }, target).messages).toEqual([hi, ...sent]);
  });

  test('has only its role changed, in its bytes', () => {
    const body =
      '{"model":"a", "messages":[{"role":"user","content":"x"}, {"role" : "system", "content":[ {"type":"text","text":"caf\\u00e9"} ]}]}';
    const sent = body.replace('"a"', '"claude-sonnet-5"').replace('"system"', '"user"');
    expect(adaptText(body, 'claude-sonnet-5')).toBe(sent);
  });
});
