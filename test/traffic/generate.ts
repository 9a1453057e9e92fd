/**
 * Realistic Claude Code traffic: five cost centers, sixty developers, as many days as wanted, in the order of
 * time. Pure and deterministic: nothing but the seed, and a day of a developer depends on the seed and its date
 * alone, so that two periods that overlap agree about the days they share.
 */
import { noonMs, workDay } from './office-hours.ts';
import { Random } from './random.ts';
import { sessionTurns } from './session.ts';
import { type Developer, type Squad, squadsOf } from './squads.ts';
import type { TrafficTurn } from './turn.ts';

export interface TrafficOptions {
  seed: number;
  /** Epoch ms of the first instant. Sessions that began before it are left out whole. */
  startMs: number;
  days: number;
  /** Whose traffic; all of the seed's squads where absent. */
  squads?: readonly Squad[];
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Yields every turn that begins in the period, by the instant it begins at; made day by day as it is read. */
export function* generateTraffic(options: TrafficOptions): Generator<TrafficTurn, void> {
  const { seed, startMs, days, squads = squadsOf(seed) } = options;
  const endMs = startMs + days * DAY_MS;
  const developers = squads.flatMap((squad) => squad.developers);
  const firstDay = Math.floor(startMs / DAY_MS) - 1;
  const lastDay = Math.floor(endMs / DAY_MS) + 1;
  let waiting: TrafficTurn[] = [];
  for (let day = firstDay; day <= lastDay; day += 1) {
    for (const developer of developers) {
      for (const session of sessionsOfDay(seed, developer, day)) {
        if (session.every((turn) => turn.atMs >= startMs)) waiting.push(...session);
      }
    }
    // Nobody begins a session of the next day before this, so what is earlier is complete.
    const untilMs = Math.min(endMs, earliestOf(developers, day + 1));
    waiting.sort(byTime);
    const later = waiting.findIndex((turn) => turn.atMs >= untilMs);
    const due = later < 0 ? waiting : waiting.slice(0, later);
    waiting = later < 0 ? [] : waiting.slice(later);
    yield* due;
  }
}

function sessionsOfDay(seed: number, developer: Developer, day: number): TrafficTurn[][] {
  const hours = workDay(seed, developer, day);
  if (!hours) return [];
  const random = new Random(`${seed} ${developer.email} ${day} sessions`);
  // Uneven days around the developer's own mean, never more than a person can follow.
  const count = Math.min(9, Math.max(1, Math.round(random.logNormal(developer.sessionsADay, 0.3))));
  return Array.from({ length: count }, (_, number) => sessionTurns({ seed, developer, day, hours, number }));
}

function earliestOf(developers: readonly Developer[], day: number): number {
  return Math.min(...developers.map(({ timezone }) => noonMs(day, timezone))) - 12 * HOUR_MS;
}

function byTime(a: TrafficTurn, b: TrafficTurn): number {
  return a.atMs - b.atMs || (a.id < b.id ? -1 : 1);
}
