/** The Sonnet line. */
import { BUDGET_THINKING, CLAUDE_4_6, SONNET_5, SONNET_5_5 } from './capabilities.ts';
import { DATED_MODEL, MILLION_TOKEN_MODEL, onBedrock, onBedrockRuntime } from './generations.ts';
import { perMillion, since, utcMidnight } from './price-row.ts';
import type { Model } from './types.ts';

const SHARED = { line: 'sonnet', outputTokensPerSecond: 80 } as const;

const PRICES_5 = perMillion('2', '2.5', '4', '0.20', '10');
const PRICES_5_5_FROM_OCTOBER = perMillion('2', '2.5', '4', '0.10', '10');
const PRICES_4 = perMillion('3', '3.75', '6', '0.30', '15');

export const SONNET_MODELS: readonly Model[] = [
  {
    // The price of a cache read was halved nine days after the release.
    ...SHARED,
    ...MILLION_TOKEN_MODEL,
    id: 'claude-sonnet-5-5',
    bedrock: onBedrock('anthropic.claude-sonnet-5-5'),
    minCacheable: 512,
    tokenizer: 'new',
    periods: [since('2026-09-28', PRICES_5), since('2026-10-07', PRICES_5_5_FROM_OCTOBER)],
    capabilities: SONNET_5_5,
  },
  {
    // A rise to 3/15 planned for 2026-09-01 was cancelled.
    ...SHARED,
    ...MILLION_TOKEN_MODEL,
    id: 'claude-sonnet-5',
    bedrock: onBedrock('anthropic.claude-sonnet-5'),
    minCacheable: 1024,
    tokenizer: 'new',
    periods: [since('2026-06-30', PRICES_5)],
    capabilities: SONNET_5,
  },
  {
    ...SHARED,
    ...MILLION_TOKEN_MODEL,
    id: 'claude-sonnet-4-6',
    bedrock: onBedrockRuntime('anthropic.claude-sonnet-4-6'),
    minCacheable: 1024,
    tokenizer: 'old',
    periods: [since(null, PRICES_4)],
    capabilities: CLAUDE_4_6,
  },
  {
    ...SHARED,
    ...DATED_MODEL,
    id: 'claude-sonnet-4-5-20250929',
    aliases: ['claude-sonnet-4-5'],
    bedrock: onBedrockRuntime('anthropic.claude-sonnet-4-5-20250929-v1:0'),
    minCacheable: 1024,
    tokenizer: 'old',
    periods: [since('2025-09-29', PRICES_4)],
    retiresAtMs: utcMidnight('2026-11-30'),
    capabilities: BUDGET_THINKING,
  },
  {
    ...SHARED,
    ...DATED_MODEL,
    id: 'claude-sonnet-4-20250514',
    aliases: ['claude-sonnet-4-0'],
    minCacheable: 1024,
    tokenizer: 'old',
    periods: [since('2025-05-22', PRICES_4)],
    retiresAtMs: utcMidnight('2026-06-15'),
    capabilities: BUDGET_THINKING,
  },
];
