/** What upstreams answer in a random history, and what it costs by the published prices. */
import type { OpenRequest, Outcome } from '../../durable-objects/wallet/rpc.ts';
import { usageOf } from '../fixture.ts';
import type { CommandThat } from './commands.ts';
import type { Turn } from './reference-wallet.ts';

/** Nano-USD a token, input and output, of a prompt of at most 100,000 tokens: the published prices. */
const PRICES: Record<string, { input: number; output: number }> = {
  'claude-opus-5-5': { input: 4_000, output: 20_000 },
  'claude-sonnet-5-5': { input: 2_000, output: 10_000 },
  'claude-haiku-5-5': { input: 100, output: 500 },
};

/** Tokens of an answer on the model a turn was sent to, and their price. */
export function answered(
  turn: Turn | undefined,
  request: OpenRequest,
  promille: number,
  outputTokens: number,
) {
  const model = turn?.quote?.model ?? request.facts.model;
  const inputTokens = Math.floor((Math.min(request.facts.bodyBytes, 100_000) * promille) / 1_000);
  const price = PRICES[model] ?? { input: Number.NaN, output: Number.NaN };
  return {
    usage: usageOf({ inputTokens, outputTokens }, { model }),
    cost: inputTokens * price.input + outputTokens * price.output,
  };
}

/** The cost of a turn whose answer never showed its usage. */
export function unseenCost(turn: Turn | undefined, outputTokens: number): number {
  return (turn?.quote?.input ?? 0) + outputTokens * (turn?.quote?.outputToken ?? 0);
}

/** What is reported of a settled turn, and what it costs by the published prices. */
export function outcomeOf(
  turn: Turn | undefined,
  request: OpenRequest,
  { outcome, promille, output }: CommandThat<'settle'>,
): { outcome: Outcome; cost: number | null } {
  // A prompt of no tokens is one that was never seen.
  const { usage, cost } = answered(turn, request, Math.max(promille, 1), output);
  const begun = { ...usage, tokens: { ...usage.tokens, outputTokens: 1 } };
  switch (outcome) {
    case 'completed':
      return { outcome: { kind: outcome, usage }, cost };
    case 'broken_off': {
      const progress = { usage: begun, outputTokens: Math.max(output, 1) };
      const { cost: soFar } = answered(turn, request, Math.max(promille, 1), Math.max(output, 1));
      return { outcome: { kind: outcome, why: 'client_gone', progress }, cost: soFar };
    }
    case 'broken_off_unseen': {
      const progress = { usage: null, outputTokens: output };
      return {
        outcome: { kind: 'broken_off', why: 'upstream_cut', progress },
        cost: unseenCost(turn, output),
      };
    }
    case 'failed':
      return { outcome: { kind: outcome }, cost: null };
    case 'refused_unbilled':
      return { outcome: { kind: outcome, usage }, cost: 0 };
  }
}
