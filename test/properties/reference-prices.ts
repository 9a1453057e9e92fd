/**
 * What tokens cost, from the published list and what docs/finance-prices.md says of negotiated prices: whole numbers
 * and fractions of them, rounded once, upward. Written without the wallet's own pricing, which is held against it.
 */

/** 10⁻¹² USD a token. */
export interface Prices {
  input: bigint;
  cacheWrite5m: bigint;
  cacheWrite1h: bigint;
  cacheRead: bigint;
  output: bigint;
}

/** Off every price of the list in millionths, or prices in the place of all of them. */
export type Terms = { offMillionths: bigint } | { prices: Prices };

/** Negotiated prices and the turns they are for, by the instant of their admission: half-open. */
export interface Override {
  id: string;
  /** Null: of every model that has none of its own. */
  model: string | null;
  terms: Terms;
  fromMs: number;
  /** Null: open. */
  untilMs: number | null;
}

/** The tokens of one request. */
export interface Request {
  input: number;
  cacheRead: number;
  output: number;
}

/** What one turn used on a model. */
export interface Used {
  model: string;
  /** Most turns are billed as one; each has the tier of its own prompt. */
  requests: readonly Request[];
  searches: number;
  geo: 'us' | null;
  /** What the provider takes for tokens, in millionths of these prices. */
  millionths: bigint;
}

/** Nano-USD of one turn, or of one of its entries. */
export interface Cost {
  charged: number;
  list: number;
  /** On the model asked for; null where nothing was charged. */
  asked: number | null;
  /** The list's version, and behind a + the override that took part. */
  version: string;
}

export const LIST_VERSION = 'builtin-2026-11-23';

/** Costs nothing, and nobody asked for anything. */
export const NOTHING: Cost = { charged: 0, list: 0, asked: null, version: LIST_VERSION };

export function pricesOf(
  input: number,
  cacheWrite5m: number,
  cacheWrite1h: number,
  cacheRead: number,
  output: number,
) {
  return {
    input: BigInt(input),
    cacheWrite5m: BigInt(cacheWrite5m),
    cacheWrite1h: BigInt(cacheWrite1h),
    cacheRead: BigInt(cacheRead),
    output: BigInt(output),
  };
}

interface Tier {
  upTo: number;
  prices: Prices;
}

const flat = (prices: Prices): Tier[] => [{ upTo: Number.POSITIVE_INFINITY, prices }];

const LIST: Record<string, Tier[]> = {
  'claude-opus-5-5': flat(pricesOf(4_000_000, 5_000_000, 8_000_000, 200_000, 20_000_000)),
  'claude-sonnet-5-5': flat(pricesOf(2_000_000, 2_500_000, 4_000_000, 100_000, 10_000_000)),
  'claude-haiku-5-5': [
    { upTo: 100_000, prices: pricesOf(100_000, 125_000, 200_000, 10_000, 500_000) },
    ...flat(pricesOf(500_000, 625_000, 1_000_000, 50_000, 2_500_000)),
  ],
};

const SEARCH_PICO_USD = 10_000_000_000n;
const MILLION = 1_000_000n;
/** Inference in the US, on every token. */
const GEO_US = [11n, 10n] as const;

/** The override a model's turn of this instant is priced by: its own before that of every model; null: the list. */
export function overrideFor(overrides: readonly Override[], model: string, atMs: number): Override | null {
  const inForce = overrides.filter(
    ({ fromMs, untilMs }) => atMs >= fromMs && (untilMs === null || atMs < untilMs),
  );
  return inForce.find((each) => each.model === model) ?? inForce.find((each) => each.model === null) ?? null;
}

interface Rates {
  tiers: readonly Tier[];
  /** The share that is charged, in millionths. */
  share: bigint;
}

function ratesOf(model: string, override: Override | null): Rates {
  const list = LIST[model];
  if (!list) throw new RangeError(`no list price of ${model}`);
  if (override === null) return { tiers: list, share: MILLION };
  const { terms } = override;
  return 'prices' in terms
    ? { tiers: flat(terms.prices), share: MILLION }
    : { tiers: list, share: MILLION - terms.offMillionths };
}

function pricesFor({ tiers }: Rates, prompt: number): Prices {
  const tier = tiers.find(({ upTo }) => prompt <= upTo);
  if (!tier) throw new RangeError(`no tier for ${prompt} tokens`);
  return tier.prices;
}

/** Pico-USD of tokens at their share, place and provider, and of what has none of these; as nano-USD, rounded up. */
function roundedUp(
  tokensPicoUsd: bigint,
  share: bigint,
  { geo, millionths }: Pick<Used, 'geo' | 'millionths'>,
  restPicoUsd = 0n,
): number {
  const [times, by] = geo === 'us' ? GEO_US : [1n, 1n];
  const denominator = MILLION * MILLION * by;
  const numerator = tokensPicoUsd * share * times * millionths + restPicoUsd * denominator;
  const unit = denominator * 1_000n;
  return Number(numerator / unit + (numerator % unit === 0n ? 0n : 1n));
}

/** What the tokens cost under these overrides at this instant, nano-USD; without overrides: at list. */
export function costOf(used: Used, overrides: readonly Override[], atMs: number): number {
  const { model, requests, searches } = used;
  const rates = ratesOf(model, overrideFor(overrides, model, atMs));
  let tokens = 0n;
  for (const { input, cacheRead, output } of requests) {
    const prices = pricesFor(rates, input + cacheRead);
    tokens += BigInt(input) * prices.input;
    tokens += BigInt(cacheRead) * prices.cacheRead;
    tokens += BigInt(output) * prices.output;
  }
  return roundedUp(tokens, rates.share, used, BigInt(searches) * SEARCH_PICO_USD);
}

const dearest = (prices: readonly bigint[]): bigint => prices.reduce((a, b) => (b > a ? b : a), 0n);

/** The most that a prompt and an answer of at most these sizes can cost on a model, nano-USD. */
export function mostOf(
  { model, ...place }: Pick<Used, 'model' | 'geo' | 'millionths'>,
  { input, output }: Pick<Request, 'input' | 'output'>,
  overrides: readonly Override[],
  atMs: number,
): number {
  const rates = ratesOf(model, overrideFor(overrides, model, atMs));
  const last = rates.tiers.findIndex(({ upTo }) => input <= upTo);
  const reached = rates.tiers.slice(0, last + 1).map(({ prices }) => prices);
  const prompt = dearest(
    reached.flatMap((each) => [each.input, each.cacheWrite5m, each.cacheWrite1h, each.cacheRead]),
  );
  const tokens = BigInt(input) * prompt + BigInt(output) * dearest(reached.map((each) => each.output));
  return roundedUp(tokens, rates.share, place);
}

/**
 * How dear a model is to the others, an integer of no unit: a turn of 1,000 tokens uncached, 1,000 and 4,000 written,
 * 60,000 read and 2,000 of output, in tokens of the older tokenizer (the newer makes 1.3 of one).
 */
export function dearnessOf(model: string, overrides: readonly Override[], atMs: number): bigint {
  const rates = ratesOf(model, overrideFor(overrides, model, atMs));
  const { input, cacheWrite5m, cacheWrite1h, cacheRead, output } = pricesFor(rates, 66_000 * 1.3);
  const picoUsd = input + cacheWrite5m + 4n * cacheWrite1h + 60n * cacheRead + 2n * output;
  return picoUsd * rates.share;
}

/**
 * What further turns of a thread come to on a model where nothing is cached, to be compared: the prompt grows by the
 * thread's usual growth, and the answers are alike.
 */
export function courseCost(
  model: string,
  { input, output }: Pick<Request, 'input' | 'output'>,
  { turns, growth }: { turns: number; growth: number },
  overrides: readonly Override[],
  atMs: number,
): number {
  const rates = ratesOf(model, overrideFor(overrides, model, atMs));
  let picoUsd = 0;
  for (let turn = 0; turn < turns; turn += 1) {
    const prompt = input + turn * growth;
    const prices = pricesFor(rates, prompt);
    picoUsd += prompt * Number(prices.input) + output * Number(prices.output);
  }
  return (picoUsd * Number(rates.share)) / Number(MILLION);
}

/** All that an entry says of a turn's cost, for what it used and the model it asked for. */
export function costsOf(used: Used, askedModel: string, overrides: readonly Override[], atMs: number): Cost {
  const charged = costOf(used, overrides, atMs);
  const override = overrideFor(overrides, used.model, atMs);
  // Nothing is marked to be cached: the model asked for would have read nothing. Several requests keep their own split.
  const requests =
    used.requests.length > 1
      ? used.requests
      : used.requests.map((each) => ({ ...each, input: each.input + each.cacheRead, cacheRead: 0 }));
  const onAsked = { ...used, model: askedModel, requests };
  return {
    charged,
    list: costOf(used, [], atMs),
    asked: used.model === askedModel ? charged : costOf(onAsked, overrides, atMs),
    version: override === null ? LIST_VERSION : `${LIST_VERSION}+${override.id}`,
  };
}
