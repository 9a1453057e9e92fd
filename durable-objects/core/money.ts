/**
 * Money is an integer number of nano-USD (10⁻⁹ USD). Nothing here rounds silently: parsing refuses what it
 * cannot represent, and every amount stays a safe integer (limits are at most $5,000,000, DESIGN "promises").
 */
declare const nanoUsdBrand: unique symbol;

/** An amount of money in 10⁻⁹ USD; a safe integer, negative only in corrections and differences. */
export type NanoUsd = number & { readonly [nanoUsdBrand]: true };

export const NANO_PER_USD = 1_000_000_000;

/** The largest limit a budget can have, $5,000,000: sums of settled and held money stay under 2⁵³. */
export const MAX_LIMIT_NANO_USD = 5_000_000 * NANO_PER_USD;

/** Brands an integer as nano-USD. Throws a RangeError on anything but a safe integer: that is a bug, not input. */
export function nanoUsd(amount: number): NanoUsd {
  if (!Number.isSafeInteger(amount)) throw new RangeError(`not a safe integer of nano-USD: ${amount}`);
  return amount as NanoUsd;
}

export function addNanoUsd(a: NanoUsd, b: NanoUsd): NanoUsd {
  return nanoUsd(a + b);
}

const DECIMAL = /^(-?)(\d{1,7})(?:\.(\d{1,9}))?$/;

/**
 * Reads a decimal string of USD ("85.2") into nano-USD; null where it is not one, has more than 9 decimals, or
 * is more than a safe integer of nano-USD can be (some $9 million).
 */
export function parseUsd(text: string): NanoUsd | null {
  const match = DECIMAL.exec(text);
  if (!match) return null;
  const [, sign, whole = '0', fraction = ''] = match;
  const amount = Number(whole) * NANO_PER_USD + Number(fraction.padEnd(9, '0'));
  if (!Number.isSafeInteger(amount)) return null;
  return nanoUsd(sign ? 0 - amount : amount);
}

/**
 * Writes nano-USD as a decimal string of USD, exactly, with at least two decimals ("85.20", "0.0000005"). Sums that
 * may be more than a safe integer are bigints.
 */
export function formatUsd(amount: NanoUsd | bigint): string {
  const exact = BigInt(amount);
  const magnitude = exact < 0n ? -exact : exact;
  const whole = magnitude / BigInt(NANO_PER_USD);
  const fraction = (magnitude % BigInt(NANO_PER_USD)).toString().padStart(9, '0');
  const kept = fraction.replace(/0+$/, '').padEnd(2, '0');
  return `${amount < 0 ? '-' : ''}${whole}.${kept}`;
}

/** Writes nano-USD for people, rounded to the cent ("$85.20"). */
export function formatDollars(amount: NanoUsd): string {
  const cents = Math.round(amount / 10_000_000);
  const whole = Math.trunc(Math.abs(cents) / 100).toLocaleString('en-US');
  const rest = String(Math.abs(cents) % 100).padStart(2, '0');
  return `${cents < 0 ? '-' : ''}$${whole}.${rest}`;
}
