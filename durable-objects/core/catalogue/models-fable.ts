/** Fable and Mythos: the same models with and without safety classifiers, at the same prices. */
import { FABLE_5, FABLE_5_1, FABLE_5_2 } from './capabilities.ts';
import { FAST, MILLION_TOKEN_MODEL, onBedrock } from './generations.ts';
import { perMillion, since } from './price-row.ts';
import type { Model } from './types.ts';

const SHARED = {
  ...MILLION_TOKEN_MODEL,
  tokenizer: 'new',
  minCacheable: 512,
  outputTokensPerSecond: 50,
} as const;

/** Prices of 5.2 rest on three agreeing copies of the price list; Mythos 5.2 is inferred from Fable 5.2. */
const PRICES_5_2 = perMillion('8', '10', '16', '0.20', '40');
const PRICES_5_1 = perMillion('10', '12.5', '20', '0.25', '50');
const PRICES_5 = perMillion('10', '12.5', '20', '1', '50');

export const FABLE_MODELS: readonly Model[] = [
  {
    ...SHARED,
    id: 'claude-fable-5-2',
    bedrock: onBedrock('anthropic.claude-fable-5-2'),
    line: 'fable',
    periods: [since('2026-11-09', PRICES_5_2)],
    fastMultiplier: FAST,
    capabilities: FABLE_5_2,
  },
  {
    ...SHARED,
    id: 'claude-mythos-5-2',
    bedrock: onBedrock('anthropic.claude-mythos-5-2'),
    line: 'mythos',
    periods: [since('2026-11-09', PRICES_5_2)],
    capabilities: FABLE_5_1,
  },
  {
    ...SHARED,
    id: 'claude-fable-5-1',
    bedrock: onBedrock('anthropic.claude-fable-5-1'),
    line: 'fable',
    periods: [since('2026-09-01', PRICES_5_1)],
    capabilities: FABLE_5_1,
  },
  {
    ...SHARED,
    id: 'claude-mythos-5-1',
    bedrock: onBedrock('anthropic.claude-mythos-5-1'),
    line: 'mythos',
    periods: [since('2026-09-01', PRICES_5_1)],
    capabilities: FABLE_5_1,
  },
  {
    ...SHARED,
    id: 'claude-fable-5',
    bedrock: onBedrock('anthropic.claude-fable-5'),
    line: 'fable',
    periods: [since('2026-06-09', PRICES_5)],
    capabilities: FABLE_5,
  },
  {
    ...SHARED,
    id: 'claude-mythos-5',
    bedrock: onBedrock('anthropic.claude-mythos-5'),
    line: 'mythos',
    periods: [since('2026-06-09', PRICES_5)],
    capabilities: FABLE_5,
  },
];
