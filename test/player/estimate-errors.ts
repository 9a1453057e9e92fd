/** How far the money set aside for turns was from what they cost. */
import type { TurnKind } from '../../durable-objects/core/turn.ts';

export interface ErrorSummary {
  turns: number;
  /** Of the absolute errors, as fractions of the charge. */
  median: number;
  p95: number;
  /** Of the signed errors: above 0 is too much set aside. */
  mean: number;
  /** All that was expected by all that was charged. */
  ratioOfSums: number;
}

interface Compared {
  kind: TurnKind;
  expected: number;
  charged: number;
}

export class EstimateErrors {
  readonly #compared: Compared[] = [];

  /** Nano-USD; a turn that cost nothing has no error. */
  note(kind: TurnKind, expected: number, charged: number): void {
    if (charged > 0) this.#compared.push({ kind, expected, charged });
  }

  /** Of one kind of turns, or of all. */
  summary(kind: TurnKind | null = null): ErrorSummary {
    const compared = this.#compared.filter((each) => kind === null || each.kind === kind);
    const errors = compared.map(({ expected, charged }) => (expected - charged) / charged);
    const absolute = errors.map(Math.abs).sort((a, b) => a - b);
    const sum = (of: (each: Compared) => number): number =>
      compared.reduce((total, each) => total + of(each), 0);
    return {
      turns: compared.length,
      median: quantile(absolute, 0.5),
      p95: quantile(absolute, 0.95),
      mean: errors.reduce((total, error) => total + error, 0) / Math.max(1, errors.length),
      ratioOfSums:
        sum(({ expected }) => expected) /
        Math.max(
          1,
          sum(({ charged }) => charged),
        ),
    };
  }
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
