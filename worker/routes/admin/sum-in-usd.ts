/** Sums over cost centers and months, which may be larger than an amount can be: text in D1's answer and in ours. */
import { formatUsd, NANO_PER_USD, nanoUsd } from '../../../durable-objects/core/money.ts';

/** A sum of nano-USD, signed, as USD. */
export function sumInUsd(nanoUsdText: string): string {
  const sum = BigInt(nanoUsdText);
  const magnitude = sum < 0n ? -sum : sum;
  const fractionUsd = formatUsd(nanoUsd(Number(magnitude % BigInt(NANO_PER_USD))));
  return `${sum < 0n ? '-' : ''}${magnitude / BigInt(NANO_PER_USD)}${fractionUsd.slice(1)}`;
}
