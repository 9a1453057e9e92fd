/** Exact decimals as text, from whole numbers of a decimal fraction. */

/** `units` of 10^-`decimals` with a decimal point and without needless zeros: "0.1268", "3.0", "-0.000000005". */
export function formatDecimal(units: bigint, decimals: number): string {
  const magnitude = units < 0n ? -units : units;
  const digits = magnitude.toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, '') || '0';
  return `${units < 0n ? '-' : ''}${whole}.${fraction}`;
}

/** Rounded half away from zero; `by` is above 0. */
export function divideRounded(amount: bigint, by: bigint): bigint {
  const half = by / 2n;
  return amount < 0n ? -((-amount + half) / by) : (amount + half) / by;
}
