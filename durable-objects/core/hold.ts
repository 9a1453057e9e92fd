/** How much money a turn sets aside on a model while it runs. */

import type { Candidate } from './cascade.ts';
import { priceCeiling, priceTokens } from './catalogue/price.ts';
import type { Catalogue } from './catalogue/types.ts';
import { ceilingPromptTokens, estimateTokens } from './estimate.ts';
import type { SessionHistory } from './history.ts';
import type { NanoUsd } from './money.ts';
import type { Admission } from './policy/types.ts';
import type { TurnFacts } from './turn.ts';
import type { TokenCounts } from './usage.ts';

/** How long a resolved turn can still be reported on: a lost worker's retries are long over by then. */
export const RESOLVED_KEPT_MS = 86_400_000;

export interface Hold {
  /** What the turn is expected to cost. */
  expected: NanoUsd;
  /** What it can cost at most; null where that cannot be computed (`TurnFacts.unbounded`, no `max_tokens`). */
  ceiling: NanoUsd | null;
  /** The tokens `expected` is made of. */
  tokens: TokenCounts;
}

export function holdFor(
  candidate: Candidate,
  facts: TurnFacts,
  history: SessionHistory | null,
  catalogue: Catalogue,
  atMs: number,
): Hold {
  const { id, model } = candidate;
  const { modifiers, maxTokens } = facts;
  const tokens = estimateTokens(facts, history, id, model, atMs);
  const expected = priceTokens({ tokens, model, modifiers, atMs, catalogue });
  if (maxTokens === null || facts.unbounded.length > 0) return { expected, ceiling: null, tokens };
  const ceiling = priceCeiling({
    promptTokens: ceilingPromptTokens(facts),
    maxOutputTokens: maxTokens,
    model,
    modifiers,
    atMs,
    catalogue,
  });
  return { expected, ceiling: expected > ceiling ? expected : ceiling, tokens };
}

/** The amount a budget of this kind of admission sets aside; null: the turn has no ceiling to set aside. */
export function heldAmount(hold: Pick<Hold, 'expected' | 'ceiling'>, admission: Admission): NanoUsd | null {
  return admission === 'guaranteed' ? hold.ceiling : hold.expected;
}
