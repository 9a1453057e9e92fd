import { describe, expect, test } from 'vitest';
import { projectExhaustion, QUARTER_MS } from '../../durable-objects/core/alerting/projection.ts';

const HOUR_MS = 4 * QUARTER_MS;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;
/** A Wednesday. */
const DAY_STARTS = Date.UTC(2026, 10, 18);
const AT_NOON = DAY_STARTS + 12 * HOUR_MS;

/** 10 in each quarter-hour from 8 to 18 o'clock, on this weekday in so many weeks before, and today until noon. */
function everyWeek(weeks: number, today = 10): Map<number, number> {
  const spent = new Map<number, number>();
  for (let week = 0; week <= weeks; week += 1) {
    for (let quarter = 8 * 4; quarter < 18 * 4; quarter += 1) {
      const atMs = DAY_STARTS - week * WEEK_MS + quarter * QUARTER_MS;
      if (atMs < AT_NOON) spent.set(atMs / QUARTER_MS, week === 0 ? today : 10);
    }
  }
  return spent;
}

function project(
  limitNanoUsd: number,
  byQuarter: Map<number, number>,
  settledNanoUsd: number,
): string | null {
  const day = { startMs: DAY_STARTS, endMs: DAY_STARTS + DAY_MS };
  const at = projectExhaustion({ nowMs: AT_NOON, ...day, limitNanoUsd, settledNanoUsd, byQuarter });
  return at === null ? null : new Date(at).toISOString().slice(11, 16);
}

describe('a day that goes as its weekday does', () => {
  test.each([
    // By noon 160 are spent, and 240 are to come by 18 o'clock: 40 an hour.
    [240, '14:00'],
    [300, '15:30'],
    // The day ends at 400.
    [401, null],
  ])('runs out of a limit of %i at %s', (limit, at) => {
    expect(project(limit, everyWeek(4), 160)).toBe(at);
  });

  test('and costs twice as much runs out sooner', () => {
    const at = project(480, everyWeek(4, 20), 320);
    expect(at).not.toBeNull();
    expect(at?.localeCompare('14:30')).toBeLessThan(0);
  });
});

test.each([
  ['with one week to look back on', 240, everyWeek(1), 160],
  ['with nothing to look back on', 240, everyWeek(0), 160],
  ['below half of the limit', 400, everyWeek(4), 160],
  ['where the limit is reached already', 150, everyWeek(4), 160],
])('nothing is projected %s', (_, limit, byQuarter, settled) => {
  expect(project(limit, byQuarter, settled)).toBeNull();
});

test('a week that differs from the others keeps a projection from being told', () => {
  const spent = everyWeek(4);
  for (const week of [1, 2]) {
    for (let quarter = 48; quarter < 72; quarter += 1) {
      spent.delete((DAY_STARTS - week * WEEK_MS) / QUARTER_MS + quarter);
    }
  }
  expect(project(250, spent, 160)).toBeNull();
});
