/**
 * The catalogue that is built in: every Claude model known on 2026-11-23, with effective-dated list prices of
 * the first-party API, limits and capabilities. Read from Anthropic's SDK 1.12.0 and published price and model
 * pages. A published version is never edited: entries name the version they were priced with.
 *
 * `outputTokensPerSecond` is an assumption by line, not a measurement (Fable and Mythos 50, Opus 60, Sonnet 80,
 * Haiku 160). It only charges what streamed unseen before a client left, and that is marked estimated.
 */
import { FABLE_MODELS } from './models-fable.ts';
import { HAIKU_MODELS } from './models-haiku.ts';
import { OPUS_MODELS } from './models-opus.ts';
import { SONNET_MODELS } from './models-sonnet.ts';
import type { Catalogue } from './types.ts';

export const builtinCatalogue: Catalogue = {
  version: 'builtin-2026-11-23',
  models: [...FABLE_MODELS, ...OPUS_MODELS, ...SONNET_MODELS, ...HAIKU_MODELS],
  overrides: [],
  // $10 per 1,000 requests.
  webSearchPicoUsd: 10_000_000_000,
};
