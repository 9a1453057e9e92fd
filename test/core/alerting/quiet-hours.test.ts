import { describe, expect, test } from 'vitest';
import { quietUntil } from '../../../durable-objects/core/alerting/quiet-hours.ts';

function until(from: string, to: string, at: string, timezone = 'Europe/Berlin'): string | null {
  const ms = quietUntil({ from, to, timezone }, Date.parse(at));
  return ms === null ? null : new Date(ms).toISOString();
}

describe('hours over midnight', () => {
  test.each([
    ['before they begin', '2026-06-10T21:59:59+02:00', null],
    ['as they begin', '2026-06-10T22:00:00+02:00', '2026-06-11T05:00:00.000Z'],
    ['before midnight', '2026-06-10T23:59:59+02:00', '2026-06-11T05:00:00.000Z'],
    ['at midnight', '2026-06-11T00:00:00+02:00', '2026-06-11T05:00:00.000Z'],
    ['just before they end', '2026-06-11T06:59:59+02:00', '2026-06-11T05:00:00.000Z'],
    ['as they end', '2026-06-11T07:00:00+02:00', null],
    ['on the last day of a year', '2026-12-31T23:00:00+01:00', '2027-01-01T06:00:00.000Z'],
  ])('%s', (_, at, end) => {
    expect(until('22:00', '07:00', at)).toBe(end);
  });
});

describe('hours of one day', () => {
  test.each([
    ['before', '2026-06-10T11:59:00+02:00', null],
    ['within', '2026-06-10T12:30:00+02:00', '2026-06-10T11:00:00.000Z'],
    ['after', '2026-06-10T13:00:00+02:00', null],
  ])('%s', (_, at, end) => {
    expect(until('12:00', '13:00', at)).toBe(end);
  });

  test('up to midnight end with the day', () => {
    expect(until('18:00', '00:00', '2026-06-10T20:00:00+02:00')).toBe('2026-06-10T22:00:00.000Z');
  });
});

describe('where the clock changes', () => {
  test('a night in which it goes forward is an hour shorter', () => {
    expect(until('22:00', '07:00', '2026-03-28T22:00:00+01:00')).toBe('2026-03-29T05:00:00.000Z');
  });

  test('an end that the clock steps over is the moment it does', () => {
    expect(until('22:00', '02:30', '2026-03-29T01:00:00+01:00')).toBe('2026-03-29T01:00:00.000Z');
  });

  test('a night in which it goes back is an hour longer', () => {
    expect(until('22:00', '07:00', '2026-10-24T22:00:00+02:00')).toBe('2026-10-25T06:00:00.000Z');
  });

  test('an end that the clock shows twice is the first time, and the next where that is over', () => {
    expect(until('22:00', '02:30', '2026-10-25T01:00:00+02:00')).toBe('2026-10-25T00:30:00.000Z');
    expect(until('22:00', '02:30', '2026-10-25T02:10:00+01:00')).toBe('2026-10-25T01:30:00.000Z');
  });

  test('at any time of a year, in zones of every kind, they end at a moment that is not quiet', () => {
    const hours = { from: '22:15', to: '06:45', timezone: 'America/Sao_Paulo' };
    const zones = [
      'Europe/Berlin',
      'Australia/Lord_Howe',
      'America/New_York',
      'Africa/Casablanca',
      'Asia/Kolkata',
      'UTC',
    ];
    for (const timezone of zones) {
      for (let ms = Date.UTC(2026, 0, 1); ms < Date.UTC(2027, 0, 1); ms += 3_600_000 * 5 + 900_000) {
        const end = quietUntil({ ...hours, timezone }, ms);
        if (end === null) continue;
        expect(end - ms).toBeGreaterThan(0);
        expect(end - ms).toBeLessThanOrEqual(25 * 3_600_000);
        expect(quietUntil({ ...hours, timezone }, end)).toBeNull();
      }
    }
  });

  test('a zone that nobody knows is an error', () => {
    expect(() => until('22:00', '07:00', '2026-06-10T23:00:00Z', 'Mars/Olympus')).toThrow(RangeError);
  });
});
