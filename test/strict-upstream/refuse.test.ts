import { describe, expect, test } from 'vitest';
import { STRICT_MODELS } from './models.ts';
import { refusalOf } from './refuse.ts';

const HI = { role: 'user', content: 'hi' };

function messageOf(members: object, id: string): string | null {
  const body = { model: id, max_tokens: 8_000, messages: [HI], ...members };
  return refusalOf(body, id)?.message ?? null;
}

/** The models that refuse a request with these members, without their "claude-". */
function refusers(members: object): string[] {
  const refused = STRICT_MODELS.filter((id) => messageOf(members, id) !== null);
  return refused.map((id) => id.replace('claude-', ''));
}

const FABLES = ['fable-5-2', 'mythos-5-2', 'fable-5-1', 'mythos-5-1', 'fable-5', 'mythos-5'];
const budget = { type: 'enabled', budget_tokens: 2_000 };
const effort = (level: string) => ({ output_config: { effort: level } });
const reminder = { role: 'system', content: 'be brief' };
const directive = { role: 'system', content: [], ...effort('low') };

describe('which models refuse', () => {
  test.each<[what: string, members: object, models: string[]]>([
    ['nothing in particular', {}, []],
    ['adaptive thinking', { thinking: { type: 'adaptive' } }, ['opus-4-5', 'sonnet-4-5', 'haiku-4-5']],
    ['thinking turned off', { thinking: { type: 'disabled' } }, [...FABLES, 'opus-5-5', 'sonnet-5-5']],
    [
      'thinking turned off at the highest effort',
      { thinking: { type: 'disabled' }, ...effort('max') },
      [...FABLES, 'opus-5-5', 'opus-5', 'opus-4-5', 'sonnet-5-5', 'sonnet-4-5', 'haiku-5-5', 'haiku-4-5'],
    ],
    ['efforts', effort('low'), ['sonnet-4-5', 'haiku-4-5']],
    ['effort max', effort('max'), ['opus-4-5', 'sonnet-4-5', 'haiku-4-5']],
    ['effort xhigh', effort('xhigh'), ['opus-4-6', 'opus-4-5', 'sonnet-4-6', 'sonnet-4-5', 'haiku-4-5']],
    [
      'an effort by message',
      { messages: [HI, directive] },
      [
        'fable-5',
        'mythos-5',
        'opus-4-8',
        'opus-4-7',
        'opus-4-6',
        'opus-4-5',
        'sonnet-5',
        'sonnet-4-6',
        'sonnet-4-5',
        'haiku-4-5',
      ],
    ],
    [
      'a system message',
      { messages: [HI, reminder] },
      ['opus-4-7', 'opus-4-6', 'opus-4-5', 'sonnet-5', 'sonnet-4-6', 'sonnet-4-5', 'haiku-4-5'],
    ],
    [
      'a tool to be forced',
      { tool_choice: { type: 'any' } },
      ['fable-5-2', 'mythos-5-2', 'fable-5-1', 'mythos-5-1', 'opus-5-5', 'sonnet-5-5'],
    ],
    [
      'a task budget',
      { output_config: { task_budget: {} } },
      ['opus-4-6', 'opus-4-5', 'sonnet-5', 'sonnet-4-6', 'sonnet-4-5', 'haiku-4-5'],
    ],
    ['fallbacks', { fallbacks: [{ model: 'claude-opus-5' }] }, ['haiku-5-5']],
    ['more than 64K of output', { max_tokens: 64_001 }, ['opus-4-5', 'sonnet-4-5', 'haiku-4-5']],
  ])('%s', (_what, members, models) => {
    expect(refusers(members)).toEqual(models);
  });

  test.each<[what: string, members: object, models: string[]]>([
    [
      'a thinking budget',
      { thinking: budget },
      ['opus-4-6', 'opus-4-5', 'sonnet-4-6', 'sonnet-4-5', 'haiku-4-5'],
    ],
    ['sampling', { temperature: 0 }, ['opus-4-6', 'opus-4-5', 'sonnet-4-6', 'sonnet-4-5', 'haiku-4-5']],
    ['fast mode', { speed: 'fast' }, ['fable-5-2', 'opus-5-5', 'opus-5', 'opus-4-6']],
    [
      'an answer begun',
      { messages: [HI, { role: 'assistant', content: '{' }] },
      ['opus-4-5', 'sonnet-4-5', 'haiku-4-5'],
    ],
    ['no thinking but between tools', { thinking: { type: 'between_tools' } }, ['sonnet-5-5']],
  ])('all but few: %s', (_what, members, models) => {
    const taken = STRICT_MODELS.filter((id) => messageOf(members, id) === null);
    expect(taken.map((id) => id.replace('claude-', ''))).toEqual(models);
  });
});

test.each<[id: string, members: object, message: string]>([
  [
    'claude-haiku-5-5',
    { thinking: budget },
    '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" and "output_config.effort" to control thinking behavior.',
  ],
  [
    'claude-haiku-4-5',
    { thinking: { type: 'adaptive' } },
    'adaptive thinking is not supported on this model',
  ],
  [
    'claude-haiku-4-5',
    { thinking: { ...budget, budget_tokens: 8_000 } },
    '`max_tokens` must be greater than `thinking.budget_tokens`.',
  ],
  ['claude-haiku-4-5', effort('low'), 'This model does not support the effort parameter.'],
  [
    'claude-haiku-4-5',
    { messages: [HI, directive] },
    'messages.1.output_config: Extra inputs are not permitted',
  ],
  ['claude-sonnet-5', { messages: [HI, reminder] }, "role 'system' is not supported on this model"],
  [
    'claude-opus-5-5',
    { messages: [reminder, HI] },
    "messages.0: use the top-level 'system' parameter for the initial system prompt; the directive-only form (content: [] with output_config) is accepted at any position",
  ],
  [
    'claude-opus-5-5',
    { tool_choice: { type: 'tool', name: 'x' } },
    'tool_choice: type "tool" and "any" are not supported for this model.',
  ],
  ['claude-opus-4-7', { speed: 'fast' }, "'claude-opus-4-7' does not support the `speed` parameter."],
  ['claude-opus-4-7', { temperature: 0 }, '`temperature` is deprecated for this model.'],
  [
    'claude-opus-4-6',
    { messages: [HI, { role: 'assistant', content: '{' }] },
    'This model does not support assistant message prefill. The conversation must end with a user message.',
  ],
  [
    'claude-haiku-4-5',
    { max_tokens: 64_001 },
    'max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for claude-haiku-4-5',
  ],
  ['claude-haiku-9', {}, 'model: claude-haiku-9'],
])('%s says of %j: %s', (id, members, message) => {
  expect(messageOf(members, id)).toBe(message);
});

test('a long prompt is too long for a small window', () => {
  const messages = [{ role: 'user', content: 'x'.repeat(600_000) }];
  expect(messageOf({ messages }, 'claude-haiku-4-5')).toMatch(
    /^prompt is too long: 2000\d\d tokens > 200000 maximum$/,
  );
  expect(messageOf({ messages }, 'claude-haiku-5-5')).toBeNull();
});
