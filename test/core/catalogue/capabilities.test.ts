/** The catalogue's capabilities against the strict upstream, which was written without them. */
import { describe, expect, test } from 'vitest';
import { findModel } from '../../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { type Capabilities, EFFORTS, type Model } from '../../../durable-objects/core/catalogue/types.ts';
import { STRICT_MODELS } from '../../strict-upstream/models.ts';
import { refusalOf } from '../../strict-upstream/refuse.ts';

const models = STRICT_MODELS.map((id): [string, Model] => {
  const model = findModel(builtinCatalogue, id);
  if (!model) throw new Error(`${id} is not in the catalogue`);
  return [id, model];
});

const HI = { role: 'user', content: 'hi' };
const BEGUN = [HI, { role: 'assistant', content: '{' }];
const clearing = { context_management: { edits: [{ type: 'clear_thinking_20251015' }] } };
const THINKING = {
  enabled: { type: 'enabled', budget_tokens: 2_000 },
  adaptive: { type: 'adaptive' },
  disabled: { type: 'disabled' },
  between_tools: { type: 'between_tools' },
} as const;
const FORMS = Object.keys(THINKING) as (keyof typeof THINKING)[];

describe.each(models)('%s', (id, { capabilities, contextWindow, maxOutput }) => {
  const takes = (members: object): boolean =>
    refusalOf({ model: id, max_tokens: 8_000, messages: [HI], ...members }, id) === null;
  const images = (count: number) => [
    { role: 'user', content: Array.from({ length: count }, () => ({ type: 'image' })) },
  ];

  test('thinks in the forms it says', () => {
    expect(FORMS.filter((form) => takes({ thinking: THINKING[form] }))).toEqual(
      FORMS.filter((form) => capabilities.thinking.includes(form)),
    );
  });

  test('takes the efforts it says, with thinking as it comes and with thinking off', () => {
    expect(EFFORTS.filter((effort) => takes({ output_config: { effort } }))).toEqual(capabilities.efforts);
    const off = FORMS.slice(2).find((form) => capabilities.thinking.includes(form));
    if (!off) return;
    const thinking = THINKING[off];
    expect(EFFORTS.filter((effort) => takes({ thinking, output_config: { effort } }))).toEqual(
      capabilities.thinkingOffEfforts ?? capabilities.efforts,
    );
  });

  test.each<[keyof Capabilities, object]>([
    ['thinksUnasked', clearing],
    ['messageEffort', { messages: [HI, { role: 'system', content: [], output_config: { effort: 'low' } }] }],
    ['taskBudget', { output_config: { task_budget: { type: 'tokens', total: 64_000 } } }],
    ['systemMessages', { messages: [HI, { role: 'system', content: 'be brief' }] }],
    ['sampling', { top_k: 5 }],
    ['forcedToolChoice', { tool_choice: { type: 'any' } }],
    ['compaction', { context_management: { edits: [{ type: 'compact_20260112' }] } }],
  ])('%s is what it takes', (name, members) => {
    expect(takes(members)).toBe(capabilities[name]);
  });

  test('is not fitted to fast mode or fallbacks that it refuses', () => {
    // Opus 4.6 takes the speed without a word and runs as ever; fallbacks are documented for the newest alone.
    if (capabilities.fast) expect(takes({ speed: 'fast' })).toBe(true);
    if (capabilities.fallbacks) expect(takes({ fallbacks: [{ model: 'claude-opus-5' }] })).toBe(true);
  });

  test('takes an answer begun for it as it says', () => {
    const thinking = capabilities.thinking.includes('enabled') ? THINKING.enabled : THINKING.adaptive;
    expect(takes({ messages: BEGUN })).toBe(capabilities.prefill !== 'never');
    expect(takes({ messages: BEGUN, thinking })).toBe(capabilities.prefill === 'always');
  });

  test('has the limits it says', () => {
    expect([takes({ max_tokens: maxOutput }), takes({ max_tokens: maxOutput + 1 })]).toEqual([true, false]);
    const most = capabilities.maxImages;
    expect([takes({ messages: images(most) }), takes({ messages: images(most + 1) })]).toEqual([true, false]);
    const text = (tokens: number) => [{ role: 'user', content: 'x'.repeat(tokens * 3) }];
    expect([
      takes({ messages: text(contextWindow - 100) }),
      takes({ messages: text(contextWindow + 1) }),
    ]).toEqual([true, false]);
  });
});
