/** How amounts, counts and spans are written in the sentences of a review. */

const NANO_PER_CENT = 10_000_000n;

/** Nano-USD, not under zero and of any size, rounded to the cent: "$1,234.50"; what is less than half a cent as "$0.00". */
export function dollars(nanoUsd: bigint | string): string {
  const cents = (BigInt(nanoUsd) + NANO_PER_CENT / 2n) / NANO_PER_CENT;
  return `$${(cents / 100n).toLocaleString('en-US')}.${(cents % 100n).toString().padStart(2, '0')}`;
}

export function counted(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`;
}

/** A fraction as "12 %". */
export function percent(fraction: number): string {
  return `${Math.round(fraction * 100)} %`;
}

/** Between two instants (ISO 8601): "95 minutes", "3 hours", "2 days". */
export function durationBetween(from: string, to: string): string {
  const minutes = Math.round((Date.parse(to) - Date.parse(from)) / 60_000);
  if (minutes < 120) return counted(minutes, 'minute');
  const hours = Math.round(minutes / 60);
  return hours < 48 ? counted(hours, 'hour') : counted(Math.round(hours / 24), 'day');
}
