import { expect, test } from 'vitest';
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { priceTokens } from '../../durable-objects/core/catalogue/price.ts';
import { FIRST_OUTPUT_TOKENS } from '../../durable-objects/core/estimate.ts';
import { nextHistory, type SessionHistory } from '../../durable-objects/core/history.ts';
import { holdFor } from '../../durable-objects/core/hold.ts';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import { promptTokens } from '../../durable-objects/core/usage.ts';
import { turnFacts } from '../turn-facts.ts';
import recorded from './recorded/tool-run.json' with { type: 'json' };

/**
 * What Claude Code 2.1.330 sent in a tool run of eight turns and, resumed, two more: sizes and shapes as the
 * gateway reads them, no text. Tokens were counted over the requests' own text, a word of five letters, three
 * digits or a sign each being one, and cached as the client marks it.
 */
const MODEL = findModel(builtinCatalogue, 'claude-opus-5-5');
const AT_MS = Date.UTC(2026, 10, 25, 10);
const TURN_MS = 15_000;
const NO_MODIFIERS = { speed: null, inferenceGeo: null };

interface Compared {
  promptError: number;
  costError: number;
}

function compareAll(): Compared[] {
  let history: SessionHistory | null = null;
  return recorded.map(({ facts: seen, usage }, index) => {
    const facts = turnFacts(seen as Partial<TurnFacts>);
    const atMs = AT_MS + index * TURN_MS;
    const candidate = { id: 'claude-opus-5-5', model: MODEL };
    const hold = holdFor(candidate, facts, history, builtinCatalogue, atMs);
    const tokens = {
      inputTokens: usage.input_tokens,
      cacheWrite5mTokens: usage.cache_creation_input_tokens,
      cacheWrite1hTokens: 0,
      cacheReadTokens: usage.cache_read_input_tokens,
      outputTokens: usage.output_tokens,
    };
    const cost = priceTokens({
      tokens,
      model: MODEL,
      modifiers: NO_MODIFIERS,
      atMs,
      catalogue: builtinCatalogue,
    });
    history = nextHistory(history, {
      model: candidate.id,
      tokenizer: 'new',
      tokens,
      bodyBytes: facts.bodyBytes,
      kind: facts.kind,
      cacheTtl: facts.cacheTtl,
      firstOutputTokens: FIRST_OUTPUT_TOKENS[facts.kind],
      atMs,
    });
    return {
      promptError: (promptTokens(hold.tokens) - promptTokens(tokens)) / promptTokens(tokens),
      costError: (hold.expected - cost) / cost,
    };
  });
}

test('a conversation of the real client is estimated: every prompt within a tenth, first turn included', () => {
  const errors = compareAll().map(({ promptError }) => Math.abs(promptError));
  expect(errors).toHaveLength(10);
  expect(Math.max(...errors)).toBeLessThan(0.1);
});

test('and what it holds is in sum what it costs, within a quarter', () => {
  const errors = compareAll().map(({ costError }) => costError);
  const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
  expect(Math.abs(mean)).toBeLessThan(0.25);
});
