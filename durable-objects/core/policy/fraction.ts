/** A stage's fraction of its budget: a decimal string in (0, 10], held as an integer of millionths. */

const DECIMAL = /^(\d{1,2})(?:\.(\d{1,6}))?$/;
const MILLION = 1_000_000;

/** Reads "0.95" as 950,000 millionths; null where it is no decimal string in (0, 10] of at most six decimals. */
export function parseFraction(text: string): number | null {
  const match = DECIMAL.exec(text);
  if (!match) return null;
  const [, whole = '0', decimals = ''] = match;
  const millionths = Number(whole) * MILLION + Number(decimals.padEnd(6, '0'));
  return millionths > 0 && millionths <= 10 * MILLION ? millionths : null;
}
