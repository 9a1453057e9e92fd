/**
 * When a developer is at work: a span of a day in their own time zone, with a lunch in it. Assumptions: 9 to 18,
 * give or take; weekends off but for a few; a tenth of the days away or in meetings; night owls from the
 * afternoon until after midnight.
 */
import { Temporal } from 'temporal-polyfill';
import { Random } from './random.ts';
import type { Developer } from './squads.ts';

/** Epoch ms; half-open. */
export interface WorkDay {
  fromMs: number;
  toMs: number;
  lunchFromMs: number;
  lunchToMs: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const AWAY_CHANCE = 0.1;

const noons = new Map<string, number>();

/**
 * Noon of a day (days since 1970-01-01) in a zone. Hours count from it because clocks change at night: nine is
 * always three hours before noon. Cached, since calendar arithmetic is slow and sixty people share few zones.
 */
export function noonMs(day: number, timezone: string): number {
  const name = `${day} ${timezone}`;
  const known = noons.get(name);
  if (known !== undefined) return known;
  const noon = new Temporal.PlainDate(1970, 1, 1)
    .add({ days: day })
    .toZonedDateTime({ timeZone: timezone, plainTime: '12:00' }).epochMilliseconds;
  noons.set(name, noon);
  return noon;
}

/** 1970-01-01 was a Thursday. */
function isWeekend(day: number): boolean {
  const weekday = (day + 4) % 7;
  return weekday === 0 || weekday === 6;
}

/** The hours of a developer on a day (days since 1970-01-01); null: not at work. The same for a seed, whoever asks. */
export function workDay(seed: number, developer: Developer, day: number): WorkDay | null {
  const random = new Random(`${seed} ${developer.email} ${day} hours`);
  const works = isWeekend(day) ? random.chance(developer.weekendChance) : !random.chance(AWAY_CHANCE);
  if (!works) return null;
  const noon = noonMs(day, developer.timezone);
  const [from, to, meal] = developer.isNightOwl ? [3, 13.25, 7] : [-3, 5.5, 0];
  const lunchFromMs = noon + (meal + random.between(0, 1)) * HOUR_MS;
  return {
    fromMs: Math.round(noon + from * HOUR_MS + random.between(0, 45) * MINUTE_MS),
    toMs: Math.round(noon + to * HOUR_MS + random.between(0, 45) * MINUTE_MS),
    lunchFromMs: Math.round(lunchFromMs),
    lunchToMs: Math.round(lunchFromMs + random.between(30, 60) * MINUTE_MS),
  };
}

/** The next day at work after this one, within two weeks. */
export function nextWorkDay(seed: number, developer: Developer, day: number): [day: number, WorkDay] | null {
  for (let next = day + 1; next <= day + 14; next += 1) {
    const hours = workDay(seed, developer, next);
    if (hours) return [next, hours];
  }
  return null;
}

/** The instant itself, or the end of lunch where it falls into that; null: the day is over. */
export function atWork(hours: WorkDay, atMs: number): number | null {
  if (atMs >= hours.toMs) return null;
  return atMs >= hours.lunchFromMs && atMs < hours.lunchToMs ? hours.lunchToMs : atMs;
}
