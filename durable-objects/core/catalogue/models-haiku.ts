/** The Haiku line. */
import { BUDGET_THINKING, HAIKU_5_5, WITHOUT_THINKING } from './capabilities.ts';
import { DATED_MODEL, MILLION_TOKEN_MODEL, onBedrock } from './generations.ts';
import { perMillion, since, tieredSince, utcMidnight } from './price-row.ts';
import type { Model } from './types.ts';

const SHARED = { line: 'haiku', outputTokensPerSecond: 160 } as const;

export const HAIKU_MODELS: readonly Model[] = [
  {
    // A prompt over 100,000 tokens, read and written ones included, makes the whole request five times as dear.
    ...SHARED,
    ...MILLION_TOKEN_MODEL,
    id: 'claude-haiku-5-5',
    bedrock: onBedrock('anthropic.claude-haiku-5-5', { structuredOutputs: false }),
    minCacheable: 512,
    tokenizer: 'new',
    periods: [
      tieredSince('2026-10-07', [
        { maxPromptTokens: 100_000, ...perMillion('0.10', '0.125', '0.20', '0.01', '0.50') },
        { maxPromptTokens: null, ...perMillion('0.50', '0.625', '1', '0.05', '2.50') },
      ]),
    ],
    capabilities: HAIKU_5_5,
  },
  {
    // "Retires not before 2026-10-15" is no date announced.
    ...SHARED,
    ...DATED_MODEL,
    id: 'claude-haiku-4-5-20251001',
    aliases: ['claude-haiku-4-5'],
    bedrock: onBedrock('anthropic.claude-haiku-4-5-20251001-v1:0', {
      messagesId: 'anthropic.claude-haiku-4-5',
    }),
    minCacheable: 4096,
    tokenizer: 'old',
    periods: [since('2025-10-15', perMillion('1', '1.25', '2', '0.10', '5'))],
    capabilities: BUDGET_THINKING,
  },
  {
    ...SHARED,
    ...DATED_MODEL,
    id: 'claude-3-5-haiku-20241022',
    aliases: ['claude-3-5-haiku-latest'],
    maxOutput: 8192,
    minCacheable: 2048,
    tokenizer: 'old',
    periods: [since('2024-10-22', perMillion('0.80', '1', '1.60', '0.08', '4'))],
    retiresAtMs: utcMidnight('2026-02-19'),
    capabilities: WITHOUT_THINKING,
  },
];
