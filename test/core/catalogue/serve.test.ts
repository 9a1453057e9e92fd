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
  expect(model && cannotServe(model, { imageCount }, promptTokens, utcMidnight(date))).toBe(reason);
});
