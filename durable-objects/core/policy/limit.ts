/** A budget's limit as a document writes it: a decimal string of US dollars from 0 to 5,000,000. */
import { MAX_LIMIT_NANO_USD, NANO_PER_USD, type NanoUsd, parseUsd } from '../money.ts';
import { err, ok, type Result } from '../result.ts';

const DECIMAL = /^-?\d{1,20}(\.\d{1,9})?$/;
const MAX_LIMIT_USD = MAX_LIMIT_NANO_USD / NANO_PER_USD;

/** Reads "500.00"; the error says what was expected. */
export function parseLimit(text: string): Result<NanoUsd, string> {
  if (!DECIMAL.test(text)) return err('expected US dollars as a decimal string such as "500.00"');
  if (text.startsWith('-')) return err('a limit cannot be negative');
  // Compared as a float first: what is far too large isn't an amount at all.
  const amount = Number(text) > MAX_LIMIT_USD ? null : parseUsd(text);
  if (amount === null || amount > MAX_LIMIT_NANO_USD) return err('a limit is at most 5000000 US dollars');
  return ok(amount);
}
