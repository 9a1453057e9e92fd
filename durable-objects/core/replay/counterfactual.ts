/**
 * What a turn would have used and cost on another model, or with another cache, than it had in reality: the same
 * text, counted by the model's own tokenizer, with what the thread's cache has of it in that world.
 */
import { canonicalId, findModel } from '../catalogue/lookup.ts';
import { priceUsage } from '../catalogue/price.ts';
import { scaledAll, splitByCache } from '../catalogue/transfer.ts';
import type { Catalogue, Model } from '../catalogue/types.ts';
import type { NanoUsd } from '../money.ts';
import type { TokenCounts, Usage } from '../usage.ts';
import type { Booking, WorldHold } from './turn.ts';
import type { ReplayEntry } from './types.ts';

export interface Counterfactual {
  tokens: TokenCounts;
  nanoUsd: NanoUsd;
  /** The same with the cache as it was in reality. */
  warmNanoUsd: NanoUsd;
}

function tokenizerOf(model: Model | null): Model['tokenizer'] {
  return model?.tokenizer ?? 'new';
}

/** Of a turn that was charged in reality; `cachedTokens` are of the model's cache at admission in this world. */
export function counterfactual(
  entry: ReplayEntry,
  booking: Booking,
  { model: id, maxTokens, atMs }: WorldHold,
  cachedTokens: number,
  catalogue: Catalogue,
): Counterfactual {
  const { facts } = entry;
  const model = findModel(catalogue, id);
  const served = entry.modelServed ?? facts.model;
  const text = scaledAll(booking.tokens, tokenizerOf(findModel(catalogue, served)), tokenizerOf(model));
  const said = { ...text, outputTokens: Math.min(text.outputTokens, maxTokens ?? text.outputTokens) };
  const tokens = splitByCache(said, cachedTokens, facts.cacheTtl, model?.minCacheable ?? 0);
  const isServed = canonicalId(catalogue, served) === canonicalId(catalogue, id);
  const usage: Omit<Usage, 'tokens'> = {
    model: null,
    webSearchRequests: booking.webSearchRequests,
    // A step down may have had to drop fast mode, or be what drops it.
    speed: isServed ? entry.speed : facts.modifiers.speed,
    inferenceGeo: entry.inferenceGeo,
    serviceTier: null,
    iterations: null,
  };
  const price = (of: TokenCounts): NanoUsd =>
    priceUsage({
      usage: { ...usage, tokens: of },
      sentModel: id,
      providerMillionths: entry.priceMillionths,
      atMs,
      catalogue,
    }).nanoUsd;
  return { tokens, nanoUsd: price(tokens), warmNanoUsd: price(said) };
}
