/** What a turn would hold on each model, and what its tokens cost: given to the reference, as prices are. */
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { priceTokens } from '../../durable-objects/core/catalogue/price.ts';
import type { SessionHistory } from '../../durable-objects/core/history.ts';
import { holdFor } from '../../durable-objects/core/hold.ts';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import { MODELS } from './commands.ts';
import type { Quote } from './reference-wallet.ts';

const LINES: Record<(typeof MODELS)[number], string> = {
  'claude-opus-5-5': 'opus',
  'claude-sonnet-5-5': 'sonnet',
  'claude-haiku-5-5': 'haiku',
};

/** The quotes of all models, dearest first, for a turn of a thread with this history. */
export function quotesFor(facts: TurnFacts, history: SessionHistory | null, atMs: number): Quote[] {
  return MODELS.map((id) => {
    const model = findModel(builtinCatalogue, id);
    const { expected, ceiling, tokens } = holdFor({ id, model }, facts, history, builtinCatalogue, atMs);
    const priced = (outputTokens: number): number =>
      priceTokens({
        tokens: { ...tokens, outputTokens },
        model,
        modifiers: facts.modifiers,
        atMs,
        catalogue: builtinCatalogue,
      });
    const input = priced(0);
    return {
      model: id,
      line: LINES[id],
      expected,
      ceiling,
      input,
      outputToken: (priced(1_000) - input) / 1_000,
    };
  });
}
