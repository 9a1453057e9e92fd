/**
 * Builders that keep the catalogue's rows as readable as the published price list: USD per million tokens as
 * decimal strings in, exact integers of pico-USD (10⁻¹² USD) a token out. They refuse what they cannot
 * represent exactly; a row that throws is a typing error in the catalogue.
 */
import type { PricePeriod, PriceTier, TokenPrices } from './types.ts';

const DECIMAL = /^(\d{1,4})(?:\.(\d{1,6}))?$/;

/** "0.125" USD per million tokens is 125,000 pico-USD a token. Throws a RangeError on any other notation. */
export function picoUsdPerToken(usdPerMillion: string): number {
  const match = DECIMAL.exec(usdPerMillion);
  if (!match) throw new RangeError(`not USD per million tokens: ${usdPerMillion}`);
  const [, whole = '0', fraction = ''] = match;
  return Number(whole) * 1_000_000 + Number(fraction.padEnd(6, '0'));
}

/** One row of the price list, in its published order: input, 5-minute write, 1-hour write, read, output. */
export function perMillion(
  input: string,
  write5m: string,
  write1h: string,
  read: string,
  output: string,
): TokenPrices {
  return {
    input: picoUsdPerToken(input),
    cacheWrite5m: picoUsdPerToken(write5m),
    cacheWrite1h: picoUsdPerToken(write1h),
    cacheRead: picoUsdPerToken(read),
    output: picoUsdPerToken(output),
  };
}

/** Epoch ms of the UTC midnight a date begins with. Throws a RangeError on anything but YYYY-MM-DD. */
export function utcMidnight(date: string): number {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(date);
  if (!match) throw new RangeError(`not a date: ${date}`);
  return Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3]));
}

/** Prices in force from a date on (null: since ever), whatever the size of the prompt. */
export function since(date: string | null, prices: TokenPrices): PricePeriod {
  return tieredSince(date, [{ ...prices, maxPromptTokens: null }]);
}

/** Prices in force from a date on, by the size of the prompt; the tiers ascend and the last has no limit. */
export function tieredSince(date: string | null, tiers: PriceTier[]): PricePeriod {
  if (tiers.at(-1)?.maxPromptTokens !== null) throw new RangeError('the last tier has to be open');
  return { fromMs: date === null ? null : utcMidnight(date), tiers };
}
