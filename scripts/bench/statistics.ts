/** Summaries of latencies. */

export interface Latencies {
  count: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
}

/** Exact percentiles (nearest rank) of measurements in ms; NaN where there are none. */
export function summarise(measured: readonly number[]): Latencies {
  const sorted = Float64Array.from(measured).sort();
  return { count: sorted.length, p50: rank(sorted, 0.5), p99: rank(sorted, 0.99) };
}

function rank(sorted: Float64Array, fraction: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * fraction) - 1)] ?? Number.NaN;
}

/** `a / b`, or null where the divisor is too small to mean anything (noise of the measurement). */
export function ratio(a: number, b: number, leastDivisor = 0.02): number | null {
  return b >= leastDivisor ? a / b : null;
}

/** NaN where there are none. */
export function median(measured: readonly number[]): number {
  return rank(Float64Array.from(measured).sort(), 0.5);
}
