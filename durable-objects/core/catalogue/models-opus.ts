/** The Opus line. */
import {
  BUDGET_THINKING,
  CLAUDE_4_6,
  OPUS_4_5,
  OPUS_4_7,
  OPUS_4_8,
  OPUS_5,
  OPUS_5_5,
} from './capabilities.ts';
import { DATED_MODEL, FAST, MILLION_TOKEN_MODEL, onBedrock, onBedrockRuntime } from './generations.ts';
import { perMillion, since, utcMidnight } from './price-row.ts';
import type { Model } from './types.ts';

const SHARED = { line: 'opus', outputTokensPerSecond: 60 } as const;

const PRICES_5_5 = perMillion('4', '5', '8', '0.20', '20');
const PRICES_4_5_TO_5 = perMillion('5', '6.25', '10', '0.50', '25');
const PRICES_4 = perMillion('15', '18.75', '30', '1.50', '75');

export const OPUS_MODELS: readonly Model[] = [
  {
    ...SHARED,
    ...MILLION_TOKEN_MODEL,
    id: 'claude-opus-5-5',
    bedrock: onBedrock('anthropic.claude-opus-5-5'),
    minCacheable: 512,
    tokenizer: 'new',
    periods: [since('2026-09-22', PRICES_5_5)],
    fastMultiplier: FAST,
    capabilities: OPUS_5_5,
  },
  {
    ...SHARED,
    ...MILLION_TOKEN_MODEL,
    id: 'claude-opus-5',
    bedrock: onBedrock('anthropic.claude-opus-5'),
    minCacheable: 512,
    tokenizer: 'new',
    periods: [since('2026-07-24', PRICES_4_5_TO_5)],
    fastMultiplier: FAST,
    capabilities: OPUS_5,
  },
  {
    ...SHARED,
    ...MILLION_TOKEN_MODEL,
    id: 'claude-opus-4-8',
    bedrock: onBedrock('anthropic.claude-opus-4-8'),
    minCacheable: 1024,
    tokenizer: 'new',
    periods: [since(null, PRICES_4_5_TO_5)],
    fastMultiplier: FAST,
    capabilities: OPUS_4_8,
  },
  {
    // Fast mode was removed on 2026-07-24 and is an error since.
    ...SHARED,
    ...MILLION_TOKEN_MODEL,
    id: 'claude-opus-4-7',
    bedrock: onBedrock('anthropic.claude-opus-4-7'),
    minCacheable: 2048,
    tokenizer: 'new',
    periods: [since(null, PRICES_4_5_TO_5)],
    capabilities: OPUS_4_7,
  },
  {
    // A fast request runs at standard speed and price, silently.
    ...SHARED,
    ...MILLION_TOKEN_MODEL,
    id: 'claude-opus-4-6',
    bedrock: onBedrockRuntime('anthropic.claude-opus-4-6-v1'),
    minCacheable: 4096,
    tokenizer: 'old',
    periods: [since(null, PRICES_4_5_TO_5)],
    capabilities: CLAUDE_4_6,
  },
  {
    // "Retires not before 2026-11-24" is no date announced.
    ...SHARED,
    ...DATED_MODEL,
    id: 'claude-opus-4-5-20251101',
    aliases: ['claude-opus-4-5'],
    bedrock: onBedrockRuntime('anthropic.claude-opus-4-5-20251101-v1:0'),
    minCacheable: 4096,
    tokenizer: 'old',
    periods: [since('2025-11-24', PRICES_4_5_TO_5)],
    capabilities: OPUS_4_5,
  },
  {
    ...SHARED,
    ...DATED_MODEL,
    id: 'claude-opus-4-1-20250805',
    aliases: ['claude-opus-4-1'],
    maxOutput: 32_000,
    minCacheable: 1024,
    tokenizer: 'old',
    periods: [since('2025-08-05', PRICES_4)],
    retiresAtMs: utcMidnight('2026-08-05'),
    capabilities: BUDGET_THINKING,
  },
  {
    ...SHARED,
    ...DATED_MODEL,
    id: 'claude-opus-4-20250514',
    aliases: ['claude-opus-4-0'],
    maxOutput: 32_000,
    minCacheable: 1024,
    tokenizer: 'old',
    periods: [since('2025-05-22', PRICES_4)],
    retiresAtMs: utcMidnight('2026-06-15'),
    capabilities: BUDGET_THINKING,
  },
];
