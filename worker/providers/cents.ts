/**
 * Fractional cents as Anthropic's reports write them: decimal strings. Kept exactly, as integers of 10⁻²⁰ USD,
 * so that many rows add up before anything is rounded.
 */
import { z } from 'zod';

/** An amount of money in 10⁻²⁰ USD. */
export type FineUsd = bigint;

/** Decimals of a cent that are kept; a row with more is not one this can read. */
const CENT_DECIMALS = 18;
const FINE_PER_NANO_USD = 10n ** 11n;
const DECIMAL = /^(-?)(\d{1,15})(?:\.(\d{1,40}))?(?:[eE]([+-]?\d{1,2}))?$/;

/** Reads "12.345" (cents) exactly; null where it is no decimal number or has more decimals than are kept. */
export function parseCents(text: string): FineUsd | null {
  const match = DECIMAL.exec(text);
  if (!match) return null;
  const [, sign, whole = '0', fraction = '', exponent = '0'] = match;
  const digits = BigInt(whole + fraction);
  const shift = CENT_DECIMALS - fraction.length + Number(exponent);
  const divisor = 10n ** BigInt(Math.max(0, -shift));
  if (digits % divisor !== 0n) return null;
  const amount = (digits / divisor) * 10n ** BigInt(Math.max(0, shift));
  return sign ? -amount : amount;
}

/** Rounds once, to the nearest nano-USD; a half away from zero. */
export function fineToNanoUsd(amount: FineUsd): bigint {
  const magnitude = amount < 0n ? -amount : amount;
  const rounded = (magnitude + FINE_PER_NANO_USD / 2n) / FINE_PER_NANO_USD;
  return amount < 0n ? -rounded : rounded;
}

/** A field of fractional cents. */
export const cents = z.string().transform((text, context): FineUsd => {
  const amount = parseCents(text);
  if (amount !== null) return amount;
  context.addIssue({ code: 'custom', message: 'expected fractional cents as a decimal string' });
  return z.NEVER;
});
