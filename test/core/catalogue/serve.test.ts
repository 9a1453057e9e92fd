import { expect, test } from 'vitest';
import { findModel } from '../../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { utcMidnight } from '../../../durable-objects/core/catalogue/price-row.ts';
import { cannotServe } from '../../../durable-objects/core/catalogue/serve.ts';

test.each([
  // model, date, prompt tokens, images, why not
  ['claude-haiku-4-5', '2026-11-23', 200_000, 100, null],
  ['claude-haiku-4-5', '2026-11-23', 200_001, 0, 'context_window'],
  ['claude-haiku-4-5', '2026-11-23', 10, 101, 'images'],
  ['claude-haiku-5-5', '2026-11-23', 1_000_000, 600, null],
  ['claude-haiku-5-5', '2026-11-23', 1_000_001, 0, 'context_window'],
  ['claude-haiku-5-5', '2026-11-23', 10, 601, 'images'],
  ['claude-sonnet-4-5', '2026-11-29', 10, 0, null],
  ['claude-sonnet-4-5', '2026-11-30', 10, 0, 'retired'],
  ['claude-sonnet-4-5', '2026-11-30', 900_000, 900, 'retired'],
])('%s on %s with %i tokens and %i images: %s', (id, date, promptTokens, imageCount, reason) => {
  const model = findModel(builtinCatalogue, id);
  const facts = { imageCount, prefill: false, thinking: 'adaptive', maxTokens: 32_000 };
  expect(model && cannotServe(model, facts, promptTokens, utcMidnight(date))).toBe(reason);
});

test.each([
  // model, thinking asked for, max_tokens, why not
  ['claude-opus-4-6', null, 32_000, 'prefill'],
  ['claude-opus-4-6', 'disabled', 32_000, 'prefill'],
  ['claude-haiku-5-5', 'disabled', 32_000, 'prefill'],
  ['claude-sonnet-5-5', null, 32_000, 'prefill'],
  // Up to 4.5 an answer may be begun for it, as long as it doesn't think.
  ['claude-haiku-4-5', null, 32_000, null],
  ['claude-haiku-4-5', 'disabled', 32_000, null],
  ['claude-haiku-4-5', 'between_tools', 32_000, null],
  ['claude-haiku-4-5', 'unheard_of', 32_000, null],
  ['claude-haiku-4-5', 'enabled', 32_000, 'prefill'],
  ['claude-haiku-4-5', 'adaptive', 32_000, 'prefill'],
  ['claude-haiku-4-5', 'adaptive', 1_025, 'prefill'],
  // No budget fits: it ends up without thinking.
  ['claude-haiku-4-5', 'adaptive', 1_024, null],
  ['claude-haiku-4-5', 'adaptive', null, null],
])('an answer begun for %s with thinking %s and max_tokens %s: %s', (id, thinking, maxTokens, reason) => {
  const model = findModel(builtinCatalogue, id);
  const at = utcMidnight('2026-11-23');
  const facts = { imageCount: 0, prefill: true, thinking, maxTokens };
  expect(model && cannotServe(model, facts, 10, at)).toBe(reason);
  expect(model && cannotServe(model, { ...facts, prefill: false }, 10, at)).toBeNull();
});
