/** What upstreams answer in a random history, and what it costs by the prices the turn was held with. */
import type { OpenRequest, Outcome } from '../../durable-objects/wallet/rpc.ts';
import { usageOf } from '../fixture.ts';
import type { CommandThat } from './commands.ts';
import { type Cost, costsOf, NOTHING, type Request, type Used } from './reference-prices.ts';
import type { Turn } from './reference-turn.ts';

/** The size of an answer as it was drawn. */
export interface Drawn {
  /** The prompt in thousandths of what the body can hold; what of it was read from a cache, likewise of the prompt. */
  promille: number;
  cached: number;
  output: number;
  searches: number;
  /** Billed as two requests. */
  split: boolean;
  /** Which of the deployment's providers answered: one at list prices, or the dearest. */
  provider: 'list' | 'dearest';
}

/** What a provider takes for tokens, in millionths of list prices. */
export function takenBy(turn: Turn | undefined, provider: Drawn['provider']): bigint {
  return provider === 'list' ? 1_000_000n : (turn?.ask.dearest ?? 1_000_000n);
}

function costs(turn: Turn | undefined, used: Used): Cost {
  return turn ? costsOf(used, turn.ask.model, turn.overrides, turn.admittedMs) : NOTHING;
}

/** Splits a request in two, each with a prompt and an answer of its own. */
function halves({ input, cacheRead, output }: Request): Request[] {
  const first = { input: Math.floor(input / 3), cacheRead: 0, output: Math.floor(output / 2) };
  return [first, { input: input - first.input, cacheRead, output: output - first.output }];
}

function toTokens({ input, cacheRead, output }: Request) {
  return usageOf({ inputTokens: input, cacheReadTokens: cacheRead, outputTokens: output }).tokens;
}

/**
 * Tokens of an answer on the model a turn was sent to, and their cost. A prompt of no tokens is one that was never
 * seen; a search is only made by a turn that has no ceiling.
 */
export function answered(turn: Turn | undefined, request: OpenRequest, drawn: Drawn) {
  const { facts } = request;
  const model = turn?.quote?.model ?? facts.model;
  const geo = turn?.ask.geo ?? null;
  const millionths = takenBy(turn, drawn.provider);
  const { output } = drawn;
  const searches = facts.unbounded.length > 0 ? drawn.searches : 0;
  const prompt = Math.floor((Math.min(facts.bodyBytes, 100_000) * Math.max(drawn.promille, 1)) / 1_000);
  const cacheRead = Math.floor((prompt * drawn.cached) / 1_000);
  const whole = { input: prompt - cacheRead, cacheRead, output };
  const requests = drawn.split ? halves(whole) : [whole];
  const iterations = requests.map((each) => ({ type: 'message', model: null, tokens: toTokens(each) }));
  const usage = { model, webSearchRequests: searches, inferenceGeo: geo };
  return {
    usage: usageOf(toTokens(whole), { ...usage, iterations: drawn.split ? iterations : null }),
    cost: costs(turn, { model, requests, searches, geo, millionths }),
  };
}

/** The cost of a turn whose answer never showed its usage: the prompt as estimated. */
export function unseenCost(turn: Turn | undefined, output: number, provider: Drawn['provider']): Cost {
  if (!turn?.quote) return NOTHING;
  const { model, request } = turn.quote;
  const { geo } = turn.ask;
  const used = { model, requests: [{ ...request, output }], searches: 0, geo };
  return costs(turn, { ...used, millionths: takenBy(turn, provider) });
}

/** What is reported of a settled turn, and what it costs; null: nothing, the upstream failed before it billed. */
export function outcomeOf(
  turn: Turn | undefined,
  request: OpenRequest,
  { outcome, ...drawn }: CommandThat<'settle'>,
): { outcome: Outcome; cost: Cost | null } {
  const { usage, cost } = answered(turn, request, drawn);
  const begun = { ...usage, tokens: { ...usage.tokens, outputTokens: 1 } };
  const output = Math.max(drawn.output, 1);
  switch (outcome) {
    case 'completed':
      return { outcome: { kind: outcome, usage }, cost };
    case 'broken_off': {
      const progress = { usage: begun, outputTokens: output };
      const { cost: soFar } = answered(turn, request, { ...drawn, output, split: false });
      return { outcome: { kind: outcome, why: 'client_gone', progress }, cost: soFar };
    }
    case 'broken_off_unseen': {
      const progress = { usage: null, outputTokens: drawn.output };
      return {
        outcome: { kind: 'broken_off', why: 'upstream_cut', progress },
        cost: unseenCost(turn, drawn.output, drawn.provider),
      };
    }
    case 'failed':
      return { outcome: { kind: outcome }, cost: null };
    case 'refused_unbilled':
      return { outcome: { kind: outcome, usage }, cost: { ...cost, charged: 0, list: 0, asked: 0 } };
  }
}
