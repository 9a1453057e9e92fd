import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WINDOWS } from '../../durable-objects/core/policy/types.ts';
import { type CalendarWindow, isTimezone, windowAt, zonedIso } from '../../durable-objects/core/window.ts';

const QUARTER_HOUR_MS = 15 * 60_000;

describe('a window holds the instant and runs from local midnight to local midnight', () => {
  test.each<[string, CalendarWindow, string, string, string, string, number]>([
    // what                            kind     zone                   instant (UTC)           starts                 ends                   hours
    [
      'a winter day',
      'day',
      'Europe/Berlin',
      '2026-11-23T12:00Z',
      '2026-11-22T23:00Z',
      '2026-11-23T23:00Z',
      24,
    ],
    [
      'just before midnight',
      'day',
      'Europe/Berlin',
      '2026-11-23T22:59:59.999Z',
      '2026-11-22T23:00Z',
      '2026-11-23T23:00Z',
      24,
    ],
    [
      'exactly midnight',
      'day',
      'Europe/Berlin',
      '2026-11-23T23:00Z',
      '2026-11-23T23:00Z',
      '2026-11-24T23:00Z',
      24,
    ],
    [
      'clocks go forward',
      'day',
      'Europe/Berlin',
      '2027-03-28T12:00Z',
      '2027-03-27T23:00Z',
      '2027-03-28T22:00Z',
      23,
    ],
    [
      'clocks go back',
      'day',
      'Europe/Berlin',
      '2026-10-25T12:00Z',
      '2026-10-24T22:00Z',
      '2026-10-25T23:00Z',
      25,
    ],
    [
      'the hour that comes twice',
      'day',
      'Europe/Berlin',
      '2026-10-25T01:30Z',
      '2026-10-24T22:00Z',
      '2026-10-25T23:00Z',
      25,
    ],
    [
      'forward in the west',
      'day',
      'America/New_York',
      '2026-03-08T12:00Z',
      '2026-03-08T05:00Z',
      '2026-03-09T04:00Z',
      23,
    ],
    [
      'back in the west',
      'day',
      'America/New_York',
      '2026-11-01T12:00Z',
      '2026-11-01T04:00Z',
      '2026-11-02T05:00Z',
      25,
    ],
    [
      'half an hour beside UTC',
      'day',
      'Asia/Kolkata',
      '2026-11-23T18:29Z',
      '2026-11-22T18:30Z',
      '2026-11-23T18:30Z',
      24,
    ],
    [
      'three quarters beside UTC',
      'day',
      'Asia/Kathmandu',
      '2026-11-23T12:00Z',
      '2026-11-22T18:15Z',
      '2026-11-23T18:15Z',
      24,
    ],
    [
      'forward by half an hour',
      'day',
      'Australia/Lord_Howe',
      '2026-10-04T00:00Z',
      '2026-10-03T13:30Z',
      '2026-10-04T13:00Z',
      23.5,
    ],
    [
      'back by half an hour',
      'day',
      'Australia/Lord_Howe',
      '2027-04-04T00:00Z',
      '2027-04-03T13:00Z',
      '2027-04-04T13:30Z',
      24.5,
    ],
    [
      'midnight is skipped',
      'day',
      'Africa/Cairo',
      '2026-04-24T12:00Z',
      '2026-04-23T22:00Z',
      '2026-04-24T21:00Z',
      23,
    ],
    [
      'the hour before midnight comes twice',
      'day',
      'Africa/Cairo',
      '2026-10-29T21:30Z',
      '2026-10-28T21:00Z',
      '2026-10-29T22:00Z',
      25,
    ],
    [
      'midnight was skipped',
      'day',
      'America/Sao_Paulo',
      '2018-11-04T12:00Z',
      '2018-11-04T03:00Z',
      '2018-11-05T02:00Z',
      23,
    ],
    [
      'midnight came twice',
      'day',
      'America/Havana',
      '2026-11-01T04:30Z',
      '2026-11-01T04:00Z',
      '2026-11-02T05:00Z',
      25,
    ],
    [
      'the day before a skipped day',
      'day',
      'Pacific/Apia',
      '2011-12-30T09:00Z',
      '2011-12-29T10:00Z',
      '2011-12-30T10:00Z',
      24,
    ],
    [
      'the day after a skipped day',
      'day',
      'Pacific/Apia',
      '2011-12-30T10:00Z',
      '2011-12-30T10:00Z',
      '2011-12-31T10:00Z',
      24,
    ],
    [
      'ahead of UTC by 13 hours',
      'day',
      'Pacific/Apia',
      '2026-11-23T12:00Z',
      '2026-11-23T11:00Z',
      '2026-11-24T11:00Z',
      24,
    ],
    [
      'a week from Monday',
      'week',
      'Europe/Berlin',
      '2026-11-29T22:59Z',
      '2026-11-22T23:00Z',
      '2026-11-29T23:00Z',
      168,
    ],
    ['Monday itself', 'week', 'UTC', '2026-11-23T00:00Z', '2026-11-23T00:00Z', '2026-11-30T00:00Z', 168],
    [
      'a week with clocks forward',
      'week',
      'Europe/Berlin',
      '2027-03-25T00:00Z',
      '2027-03-21T23:00Z',
      '2027-03-28T22:00Z',
      167,
    ],
    [
      'a week with clocks back',
      'week',
      'Europe/Berlin',
      '2026-10-20T00:00Z',
      '2026-10-18T22:00Z',
      '2026-10-25T23:00Z',
      169,
    ],
    [
      'a week over the new year',
      'week',
      'UTC',
      '2027-01-01T00:00Z',
      '2026-12-28T00:00Z',
      '2027-01-04T00:00Z',
      168,
    ],
    [
      'a month of 30 days',
      'month',
      'Europe/Berlin',
      '2026-11-30T22:59Z',
      '2026-10-31T23:00Z',
      '2026-11-30T23:00Z',
      720,
    ],
    [
      'a month of 31 days',
      'month',
      'UTC',
      '2026-12-31T23:59Z',
      '2026-12-01T00:00Z',
      '2027-01-01T00:00Z',
      744,
    ],
    ['a leap February', 'month', 'UTC', '2028-02-29T12:00Z', '2028-02-01T00:00Z', '2028-03-01T00:00Z', 696],
    [
      'a month with clocks back',
      'month',
      'Europe/Berlin',
      '2026-10-31T22:59Z',
      '2026-09-30T22:00Z',
      '2026-10-31T23:00Z',
      745,
    ],
    [
      'a month with clocks forward',
      'month',
      'Europe/Berlin',
      '2027-03-31T21:59Z',
      '2027-02-28T23:00Z',
      '2027-03-31T22:00Z',
      743,
    ],
  ])('%s: the %s in %s at %s', (_what, kind, timezone, instant, starts, ends, hours) => {
    const window = windowAt(kind, timezone, Date.parse(instant));
    expect(window).toEqual({ startMs: Date.parse(starts), endMs: Date.parse(ends) });
    expect((window.endMs - window.startMs) / 3_600_000).toBe(hours);
  });

  const zone = fc.constantFrom(...Intl.supportedValuesOf('timeZone'));
  const instant = fc.integer({ min: Date.UTC(2020, 0, 1), max: Date.UTC(2036, 0, 1) - 1 });
  const kind = fc.constantFrom(...WINDOWS.filter((each) => each !== 'session'));

  test('in every zone from 2020 to 2035 its bounds are quarter-hours of UTC, and the next window follows without a gap', () => {
    fc.assert(
      fc.property(kind, zone, instant, (each, timezone, atMs) => {
        const { startMs, endMs } = windowAt(each, timezone, atMs);
        expect(startMs).toBeLessThanOrEqual(atMs);
        expect(endMs).toBeGreaterThan(atMs);
        expect(startMs % QUARTER_HOUR_MS).toBe(0);
        expect(endMs % QUARTER_HOUR_MS).toBe(0);
        expect(windowAt(each, timezone, endMs).startMs).toBe(endMs);
        expect(windowAt(each, timezone, startMs - 1).endMs).toBe(startMs);
      }),
      { numRuns: 1_500 },
    );
  }, 60_000);

  test('going back in time finds the earlier window again', () => {
    const [earlier, later] = [Date.parse('2026-11-22T12:00Z'), Date.parse('2026-11-23T12:00Z')];
    const first = windowAt('day', 'Asia/Tokyo', earlier);
    expect(windowAt('day', 'Asia/Tokyo', later)).not.toEqual(first);
    expect(windowAt('day', 'Asia/Tokyo', earlier)).toEqual(first);
  });
});

describe('an instant is written in a time zone with its offset', () => {
  test.each([
    ['2026-11-23T23:00Z', 'Europe/Berlin', '2026-11-24T00:00:00+01:00'],
    ['2026-07-01T22:00Z', 'Europe/Berlin', '2026-07-02T00:00:00+02:00'],
    ['2026-11-23T18:30:00.999Z', 'Asia/Kolkata', '2026-11-24T00:00:00+05:30'],
    ['2026-11-23T00:00Z', 'America/St_Johns', '2026-11-22T20:30:00-03:30'],
    ['2026-11-23T00:00Z', 'UTC', '2026-11-23T00:00:00+00:00'],
  ])('%s in %s is %s', (instant, timezone, written) => {
    expect(zonedIso(Date.parse(instant), timezone)).toBe(written);
  });
});

describe('the name of a time zone', () => {
  test.each([
    'Europe/Berlin',
    'America/Argentina/Ushuaia',
    'UTC',
    'Etc/GMT+5',
    'Asia/Kolkata',
  ])('%s is one', (name) => {
    expect(isTimezone(name)).toBe(true);
  });

  test.each([
    '',
    'Mars/Olympus',
    'Europe/Atlantis',
    '+01:00',
    '-0530',
    'Europe/Berlin ',
    '2026-01-01T00:00Z',
    'x'.repeat(10_000),
  ])('%j is none', (name) => {
    expect(isTimezone(name)).toBe(false);
  });
});
