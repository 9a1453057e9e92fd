import { expect, test } from 'vitest';
import { formatShare, isInCanary, parseShare } from '../../../durable-objects/core/policy/canary.ts';

const SESSIONS = Array.from({ length: 10_000 }, (_, index) => `session-${index}`);

function membersOf(version: number, share: number, sessions = SESSIONS): Set<string> {
  return new Set(sessions.filter((session) => isInCanary(session, version, share)));
}

/** Five standard deviations: left by one in two million samples of a fair coin like this. */
function bounds(trials: number, share: number): { least: number; most: number } {
  const spread = 5 * Math.sqrt(trials * share * (1 - share));
  return { least: trials * share - spread, most: trials * share + spread };
}

test.each([
  1_000, 10_000, 50_000, 100_000, 333_333, 500_000, 900_000, 999_000,
])('a share of %i millionths has its part of 10,000 sessions, whatever the version', (share) => {
  const { least, most } = bounds(SESSIONS.length, share / 1_000_000);
  for (const version of [1, 2, 3, 17, 100_000]) {
    const { size } = membersOf(version, share);
    expect(size).toBeGreaterThanOrEqual(least);
    expect(size).toBeLessThanOrEqual(most);
  }
});

test('sessions named by random ids are shared out as evenly as numbered ones', () => {
  let state = 88_675_123;
  const random = (): string => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state.toString(16).padStart(8, '0');
  };
  const ids = Array.from({ length: 10_000 }, () => `${random()}-${random()}-${random()}`);
  const { least, most } = bounds(ids.length, 0.1);
  const { size } = membersOf(2, 100_000, ids);
  expect(size).toBeGreaterThanOrEqual(least);
  expect(size).toBeLessThanOrEqual(most);
});

test('a larger share keeps every session that was in', () => {
  const shares = [1_000, 50_000, 100_000, 250_000, 700_000];
  for (const [index, share] of shares.entries()) {
    const larger = membersOf(3, shares[index + 1] ?? 999_999);
    expect([...membersOf(3, share)].filter((session) => !larger.has(session))).toEqual([]);
  }
});

test('a session stays where it is', () => {
  expect(membersOf(7, 200_000)).toEqual(membersOf(7, 200_000));
});

test.each([
  [1, 2],
  [2, 3],
  [2, 18],
])('the canaries of versions %i and %i fall on sessions that have nothing to do with each other', (one, other) => {
  const [first, second] = [membersOf(one, 300_000), membersOf(other, 300_000)];
  const both = [...first].filter((session) => second.has(session)).length;
  const { least, most } = bounds(SESSIONS.length, 0.09);
  expect(both).toBeGreaterThanOrEqual(least);
  expect(both).toBeLessThanOrEqual(most);
});

test.each([
  ['0.10', 100_000, '0.1'],
  ['0.000001', 1, '0.000001'],
  ['0.999999', 999_999, '0.999999'],
  ['0.5', 500_000, '0.5'],
])('the share %s is %i millionths', (text, millionths, shown) => {
  expect(parseShare(text)).toBe(millionths);
  expect(formatShare(millionths)).toBe(shown);
});

test.each([
  '0',
  '0.0',
  '0.000000',
  '1',
  '1.0',
  '1.5',
  '-0.1',
  '.1',
  '0.',
  '0.0000001',
  '1e-1',
  ' 0.1',
  '10%',
  'abc',
  '',
])('"%s" is no share', (text) => {
  expect(parseShare(text)).toBeNull();
});
