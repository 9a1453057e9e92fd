import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_LIMIT_NANO_USD, nanoUsd } from '../../durable-objects/core/money.ts';
import type { Stage } from '../../durable-objects/core/policy/types.ts';
import { stageLine } from '../../durable-objects/core/standing.ts';

function stageAt(atMillionths: number): Stage {
  return { at: '', atMillionths, do: 'pause', stepDown: 'if_it_pays' };
}

describe('the line of a stage', () => {
  test('is its fraction of the limit rounded down, to the nano-USD, whatever the size of both', () => {
    const limits = fc.integer({ min: 0, max: MAX_LIMIT_NANO_USD });
    fc.assert(
      fc.property(limits, fc.integer({ min: 1, max: 1_800_000 }), (limit, atMillionths) => {
        const exact = (BigInt(limit) * BigInt(atMillionths)) / 1_000_000n;
        expect(stageLine({ limit: nanoUsd(limit) }, stageAt(atMillionths))).toBe(Number(exact));
      }),
    );
  });

  test('is never a number that is not exact: ten times the largest limit is too much to count', () => {
    expect(() => stageLine({ limit: nanoUsd(MAX_LIMIT_NANO_USD) }, stageAt(10_000_000))).toThrow(RangeError);
  });
});
