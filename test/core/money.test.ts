import { describe, expect, test } from 'vitest';
import { formatDollars, formatUsd, nanoUsd, parseUsd } from '../../durable-objects/core/money.ts';

describe('money', () => {
  test.each([
    ['0', 0],
    ['1', 1_000_000_000],
    ['85.20', 85_200_000_000],
    ['0.000000001', 1],
    ['-3.5', -3_500_000_000],
  ])('%s USD is %i nano-USD', (text, amount) => {
    expect(parseUsd(text)).toBe(amount);
  });

  test.each([
    '',
    '1.',
    '.5',
    '1e3',
    '1,5',
    ' 1',
    '0.0000000001',
    '12345678',
    'NaN',
    '--1',
  ])('%j is not USD', (text) => {
    expect(parseUsd(text)).toBeNull();
  });

  test.each([
    [85_200_000_000, '85.20', '$85.20'],
    [500, '0.0000005', '$0.00'],
    [-1_234_567_000_000_000, '-1234567.00', '-$1,234,567.00'],
  ])('%i nano-USD is written exactly and for people', (amount, exact, dollars) => {
    expect(formatUsd(nanoUsd(amount))).toBe(exact);
    expect(formatDollars(nanoUsd(amount))).toBe(dollars);
  });

  test('a fraction of a nano-USD is a bug and throws', () => {
    expect(() => nanoUsd(0.5)).toThrow(RangeError);
  });
});
