/**
 * What a turn costs, exactly: tokens × pico-USD × multipliers in whole numbers, rounded once, upward, to
 * nano-USD. Counts are checked where a provider reads them; a count that is not a non-negative integer is a bug
 * here and throws a RangeError, as does a sum over 2⁵³ nano-USD ($9 million for one turn).
 */
import { MAX_LIMIT_NANO_USD, type NanoUsd, nanoUsd } from '../money.ts';
import type { AskedModifiers } from '../turn.ts';
import { promptTokens, type TokenCounts, type Usage } from '../usage.ts';
import { findModel } from './lookup.ts';
import type { Ratio } from './overrides.ts';
import { dearestPricesUpTo, pricesFor, type Tariff, tariffAt } from './tariff.ts';
import type { Catalogue, Model, TokenPrices } from './types.ts';

const PICO_PER_NANO = 1_000n;
const MILLION = 1_000_000;

export interface PricedUsage {
  nanoUsd: NanoUsd;
  /** Some of it was served by a model the catalogue doesn't know. */
  modelUnknown: boolean;
  /** The model it was priced as; where none is known, the name that was reported, or else the one sent to. */
  model: string;
  /** Ids of the negotiated terms that took part, in the order of the requests. */
  overrides: string[];
}

/**
 * Prices a finished turn as the upstream reported it. With `iterations` each is a request of its own, at its own
 * model and tier, and `tokens` is not looked at: it lacks what compaction used.
 */
export function priceUsage(priced: {
  usage: Usage;
  /** The model the turn was sent to. */
  sentModel: string;
  /** What the provider takes for tokens, in millionths of these prices; absent: as they are. */
  providerMillionths?: number | undefined;
  atMs: number;
  catalogue: Catalogue;
}): PricedUsage {
  const { usage, sentModel, providerMillionths, atMs, catalogue } = priced;
  const modifiers = { ...usage, providerMillionths };
  const served = servedBy(catalogue, usage.model, sentModel);
  let cost = exactly(webSearchPicoUsd(catalogue, usage.webSearchRequests));
  let modelUnknown = false;
  const overrides: string[] = [];
  for (const { tokens, model } of requestsOf(usage)) {
    const by = model === null ? served : reported(catalogue, model);
    const tariff = tariffAt(catalogue, by.model, atMs);
    cost = add(cost, tokenCost(tokens, pricesFor(tariff, promptTokens(tokens)), tariff, modifiers));
    modelUnknown ||= by.unknown;
    if (tariff.override !== null) overrides.push(tariff.override);
  }
  const model = served.model?.id ?? usage.model ?? sentModel;
  return { nanoUsd: roundUp(cost), modelUnknown, model, overrides };
}

/** Prices an estimate of one request; a null model is charged the dearest rates. */
export function priceTokens(estimate: {
  tokens: TokenCounts;
  model: Model | null;
  modifiers: AskedModifiers;
  webSearchRequests?: number;
  atMs: number;
  catalogue: Catalogue;
}): NanoUsd {
  const { tokens, model, modifiers, webSearchRequests = 0, atMs, catalogue } = estimate;
  const tariff = tariffAt(catalogue, model, atMs);
  const tokensCost = tokenCost(tokens, pricesFor(tariff, promptTokens(tokens)), tariff, modifiers);
  return roundUp(add(exactly(webSearchPicoUsd(catalogue, webSearchRequests)), tokensCost));
}

/**
 * The most that one request can cost: the prompt uncached or written at whichever is dearest, all of the output,
 * in the dearest tier it can reach, with every modifier asked for. Both counts are upper bounds; what is over the
 * model's own limits is refused upstream and costs nothing, so it isn't counted. At most the largest limit a
 * budget can have, because `maxOutputTokens` is whatever a client wrote.
 */
export function priceCeiling(ceiling: {
  promptTokens: number;
  maxOutputTokens: number;
  model: Model | null;
  modifiers: AskedModifiers;
  atMs: number;
  catalogue: Catalogue;
}): NanoUsd {
  const { model, modifiers, atMs, catalogue } = ceiling;
  const prompt = Math.min(ceiling.promptTokens, model?.contextWindow ?? Number.MAX_SAFE_INTEGER);
  const output = Math.min(ceiling.maxOutputTokens, model?.maxOutput ?? Number.MAX_SAFE_INTEGER);
  const tariff = tariffAt(catalogue, model, atMs);
  const prices = dearestPricesUpTo(tariff, prompt);
  const input = Math.max(prices.input, prices.cacheWrite5m, prices.cacheWrite1h, prices.cacheRead);
  const picoUsd = count(prompt) * BigInt(input) + count(output) * BigInt(prices.output);
  const most = inNanoUsd(modified(picoUsd, tariff, modifiers));
  return most > BigInt(MAX_LIMIT_NANO_USD) ? nanoUsd(MAX_LIMIT_NANO_USD) : nanoUsd(Number(most));
}

interface Served {
  model: Model | null;
  unknown: boolean;
}

/** A reported name the catalogue doesn't know is priced as the model the turn was sent to, and flagged. */
function servedBy(catalogue: Catalogue, reportedModel: string | null, sentModel: string): Served {
  const served = reported(catalogue, reportedModel ?? sentModel);
  return served.model ? served : { model: findModel(catalogue, sentModel), unknown: true };
}

function reported(catalogue: Catalogue, name: string): Served {
  const model = findModel(catalogue, name);
  return { model, unknown: model === null };
}

/** The requests that a turn is billed as; a null model is the turn's own. */
function requestsOf(usage: Usage): { tokens: TokenCounts; model: string | null }[] {
  const { iterations } = usage;
  return iterations && iterations.length > 0 ? iterations : [{ tokens: usage.tokens, model: null }];
}

/** Pico-USD as a fraction: multipliers divide, and only the end of a turn rounds. */
interface Cost {
  numerator: bigint;
  denominator: bigint;
}

function exactly(picoUsd: bigint): Cost {
  return { numerator: picoUsd, denominator: 1n };
}

function add(a: Cost, b: Cost): Cost {
  return {
    numerator: a.numerator * b.denominator + b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  };
}

function tokenCost(
  tokens: TokenCounts,
  prices: TokenPrices,
  tariff: Tariff,
  modifiers: AskedModifiers,
): Cost {
  const picoUsd =
    count(tokens.inputTokens) * BigInt(prices.input) +
    count(tokens.cacheWrite5mTokens) * BigInt(prices.cacheWrite5m) +
    count(tokens.cacheWrite1hTokens) * BigInt(prices.cacheWrite1h) +
    count(tokens.cacheReadTokens) * BigInt(prices.cacheRead) +
    count(tokens.outputTokens) * BigInt(prices.output);
  return modified(picoUsd, tariff, modifiers);
}

/** Fast mode, geography, the provider's own prices and what was negotiated stack, on every class of tokens. */
function modified(picoUsd: bigint, tariff: Tariff, modifiers: AskedModifiers): Cost {
  const ratios: Ratio[] = [tariff.share];
  if (modifiers.speed === 'fast') ratios.push(tariff.fast);
  if (modifiers.inferenceGeo === 'us') ratios.push(tariff.geoUs);
  if (modifiers.providerMillionths !== undefined) ratios.push([modifiers.providerMillionths, MILLION]);
  return ratios.reduce(
    (cost, [numerator, denominator]) => ({
      numerator: cost.numerator * BigInt(numerator),
      denominator: cost.denominator * BigInt(denominator),
    }),
    exactly(picoUsd),
  );
}

function webSearchPicoUsd(catalogue: Catalogue, requests: number): bigint {
  return count(requests) * BigInt(catalogue.webSearchPicoUsd);
}

function count(value: number): bigint {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a count: ${value}`);
  return BigInt(value);
}

function roundUp(cost: Cost): NanoUsd {
  return nanoUsd(Number(inNanoUsd(cost)));
}

function inNanoUsd({ numerator, denominator }: Cost): bigint {
  const unit = denominator * PICO_PER_NANO;
  return (numerator + unit - 1n) / unit;
}
