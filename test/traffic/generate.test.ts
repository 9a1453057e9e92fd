import { describe, expect, test } from 'vitest';
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { priceUsage } from '../../durable-objects/core/catalogue/price.ts';
import type { Model } from '../../durable-objects/core/catalogue/types.ts';
import { promptTokens } from '../../durable-objects/core/usage.ts';
import { CacheWorld } from './cache-world.ts';
import { generateTraffic } from './generate.ts';
import { hashOf } from './random.ts';
import { squadsOf } from './squads.ts';
import { type TrafficTurn, tokensOn } from './turn.ts';

const SEED = 1;
/** A Monday; the 30 days hold the end of daylight saving in New York. */
const START_MS = Date.UTC(2026, 9, 26);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

function hashOfDays(seed: number, days: number): number {
  let hash = 0;
  for (const turn of generateTraffic({ seed, startMs: START_MS, days })) {
    hash = hashOf(JSON.stringify(turn), hash);
  }
  return hash;
}

function modelOf(turn: TrafficTurn): Model {
  const model = findModel(builtinCatalogue, turn.model);
  if (!model) throw new RangeError(turn.model);
  return model;
}

function countBy<T>(turns: readonly TrafficTurn[], of: (turn: TrafficTurn) => T): Map<T, number> {
  const counts = new Map<T, number>();
  for (const turn of turns) counts.set(of(turn), (counts.get(of(turn)) ?? 0) + 1);
  return counts;
}

function quantile(values: Iterable<number>, part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
}

const clocks = new Map<string, Intl.DateTimeFormat>();

/** The time of day in a zone, in hours. */
function localHour(ms: number, timezone: string): number {
  const clock =
    clocks.get(timezone) ??
    new Intl.DateTimeFormat('en-GB', { timeZone: timezone, hour: '2-digit', minute: '2-digit' });
  clocks.set(timezone, clock);
  const [hours = 0, minutes = 0] = clock.format(ms).split(':').map(Number);
  return hours + minutes / 60;
}

/** The turns that a thread's previous turn does not fit to. */
function misfits(fits: (turn: TrafficTurn, before: TrafficTurn) => boolean): TrafficTurn[] {
  return [...threads.values()].flatMap((turns) =>
    turns.filter((turn, index) => {
      const before = turns[index - 1];
      return before !== undefined && !fits(turn, before);
    }),
  );
}

const month = [...generateTraffic({ seed: SEED, startMs: START_MS, days: 30 })];
const squads = squadsOf(SEED);
const developers = new Map(squads.flatMap((squad) => squad.developers).map((each) => [each.email, each]));
const threads = Map.groupBy(month, (turn) => turn.thread);

describe('the stream', () => {
  test('is the same for the same seed and another for another', () => {
    expect(hashOfDays(7, 1)).toBe(hashOfDays(7, 1));
    expect(hashOfDays(8, 1)).not.toBe(hashOfDays(7, 1));
  });

  test('is made as it is read', () => {
    const turns = generateTraffic({ seed: SEED, startMs: START_MS, days: 10_000 });
    expect(turns.next().value).toEqual(month[0]);
  });

  test('agrees with an overlapping period about the sessions that began in both', () => {
    const startMs = START_MS + 1.5 * DAY_MS;
    const later = [...generateTraffic({ seed: SEED, startMs, days: 2 })];
    const known = new Map(month.map((turn) => [turn.id, turn]));
    expect(later.length).toBeGreaterThan(5_000);
    expect(later.filter((turn) => JSON.stringify(known.get(turn.id)) !== JSON.stringify(turn))).toEqual([]);
  });

  test('is in the order of time, inside the period, with every id once', () => {
    const last = month.at(-1);
    expect(month.every((turn, index) => turn.atMs >= (month[index - 1]?.atMs ?? START_MS))).toBe(true);
    expect(last && last.atMs < START_MS + 30 * DAY_MS).toBe(true);
    expect(new Set(month.map((turn) => turn.id)).size).toBe(month.length);
  });

  test('has 30 days of 5 cost centers and 60 developers in 150,000 to 220,000 turns', () => {
    expect(month.length).toBeGreaterThan(150_000);
    expect(month.length).toBeLessThan(220_000);
    expect([...countBy(month, (turn) => turn.costCenter).keys()].sort()).toEqual(
      squads.map(({ id }) => id).sort(),
    );
    expect(countBy(month, (turn) => turn.developer).size).toBe(60);
    expect(countBy(month, (turn) => Math.floor((turn.atMs - START_MS) / DAY_MS)).size).toBe(30);
  });
});

describe('a thread', () => {
  test('never has a turn before its previous one ended, and counts from 1', () => {
    expect([...threads.values()].filter(([first]) => first?.sequence !== 1)).toEqual([]);
    const follows = (turn: TrafficTurn, before: TrafficTurn): boolean =>
      turn.sequence === before.sequence + 1 && turn.atMs >= before.atMs + before.durationMs;
    expect(misfits(follows)).toEqual([]);
  });

  test('only grows, but for compactions', () => {
    const grows = (turn: TrafficTurn, before: TrafficTurn): boolean =>
      turn.compactions !== before.compactions ||
      (turn.promptTokens >= before.promptTokens && turn.bodyBytes >= before.bodyBytes);
    expect(misfits(grows)).toEqual([]);
  });

  test('is compacted at 160,000 to 400,000 tokens, to about 25,000', () => {
    const shrinks = (turn: TrafficTurn, before: TrafficTurn): boolean =>
      !turn.justCompacted || before.kind !== 'compaction' || turn.promptTokens < before.promptTokens / 2;
    expect(misfits(shrinks)).toEqual([]);
    const sizes = (of: (turn: TrafficTurn) => boolean): number[] =>
      month.filter(of).map((turn) => tokensOn(modelOf(turn), turn.promptTokens));
    const full = sizes((turn) => turn.kind === 'compaction');
    expect(full.length).toBeGreaterThan(800);
    expect(quantile(full, 0)).toBeGreaterThan(160_000);
    expect(quantile(full, 0.999)).toBeLessThan(440_000);
    expect(
      quantile(
        sizes((turn) => turn.justCompacted),
        0.5,
      ),
    ).toBeGreaterThan(20_000);
    expect(
      quantile(
        sizes((turn) => turn.justCompacted),
        0.5,
      ),
    ).toBeLessThan(35_000);
  });

  test('adds up: what is new is what the last answered prompt lacked', () => {
    const wrong = [...threads.values()].filter((turns) => {
      let answered = 0;
      return turns.some((turn) => {
        const known = turn.justCompacted ? turn.prefixTokens : answered;
        if (turn.failedStatus === null) answered = turn.promptTokens;
        return turn.newTokens !== turn.promptTokens - known;
      });
    });
    expect(wrong).toEqual([]);
  });

  test('of a sub-agent runs between two turns of its main loop, two to eight of them at once', () => {
    const agents = [...threads.values()].filter(([first]) => first?.agent);
    const overlapping = agents.filter((turns) => {
      const [first] = turns;
      const last = turns.at(-1);
      const main = threads.get(first?.session ?? '') ?? [];
      return main.some(
        ({ atMs }) => first && last && atMs > first.atMs && atMs < last.atMs + last.durationMs,
      );
    });
    expect(agents.length).toBeGreaterThan(1_000);
    expect(overlapping).toEqual([]);
    const fans = countBy(
      agents.flatMap(([first]) => first ?? []),
      (turn) => turn.session,
    );
    expect(quantile(fans.values(), 0)).toBeGreaterThanOrEqual(2);
  });
});

describe('people', () => {
  test('ask between 9:00 and 18:15 of their own day, but for two night owls', () => {
    const asked = month.filter((turn) => turn.prompted && turn.kind === 'main' && turn.failedStatus === null);
    const late = asked.filter(({ developer, atMs }) => {
      const person = developers.get(developer);
      const hour = localHour(atMs, person?.timezone ?? 'UTC');
      return !person?.isNightOwl && (hour < 9 || hour > 18.5);
    });
    expect(late.length / asked.length).toBeLessThan(0.001);
    const owls = asked.filter(({ developer, atMs }) => {
      const person = developers.get(developer);
      const hour = localHour(atMs, person?.timezone ?? 'UTC');
      return person?.isNightOwl && (hour > 20 || hour < 2);
    });
    expect(countBy(owls, (turn) => turn.developer).size).toBe(2);
  });

  test('are mostly off at the weekend', () => {
    const weekend = month.filter((turn) => [0, 6].includes(new Date(turn.atMs).getUTCDay()));
    expect(weekend.length / month.length).toBeLessThan(0.06);
  });

  test('have 2 to 6 sessions on a day', () => {
    const sessions = new Map<string, Set<string>>();
    for (const { developer, atMs, session } of month) {
      const day = `${developer} ${Math.floor(atMs / DAY_MS)}`;
      sessions.set(day, (sessions.get(day) ?? new Set()).add(session));
    }
    const counts = [...sessions.values()].map((set) => set.size);
    expect(quantile(counts, 0.1)).toBeGreaterThanOrEqual(1);
    expect(quantile(counts, 0.5)).toBeGreaterThanOrEqual(3);
    expect(quantile(counts, 0.9)).toBeLessThanOrEqual(7);
  });
});

describe('the shape of the month', () => {
  const mains = month.filter((turn) => turn.kind === 'main');
  const lengths = [...countBy(mains, (turn) => turn.session).values()];
  const share = (of: (turn: TrafficTurn) => boolean): number => month.filter(of).length / month.length;

  test('a session has 12 to 16 turns in the median, about 120 in the 95th percentile, a few over 400', () => {
    expect(quantile(lengths, 0.5)).toBeGreaterThanOrEqual(12);
    expect(quantile(lengths, 0.5)).toBeLessThanOrEqual(16);
    expect(quantile(lengths, 0.95)).toBeGreaterThan(100);
    expect(quantile(lengths, 0.95)).toBeLessThan(140);
    expect(lengths.filter((length) => length > 400).length).toBeGreaterThan(2);
  });

  test('a fifth to a third of the turns have over 100,000 prompt tokens', () => {
    const big = share((turn) => tokensOn(modelOf(turn), turn.promptTokens) > 100_000);
    expect(big).toBeGreaterThan(0.2);
    expect(big).toBeLessThan(0.33);
  });

  test.each([
    ['claude-opus-5-5', 0.63, 0.77],
    ['claude-sonnet-5-5', 0.15, 0.27],
    ['claude-fable-5-2', 0.03, 0.09],
    ['claude-haiku-5-5', 0.02, 0.07],
  ])('of the sessions, %s is asked for in %d to %d', (model, least, most) => {
    const titles = month.filter((turn) => turn.kind === 'auxiliary' && turn.sequence === 1);
    const part = titles.filter((turn) => turn.model === model).length / titles.length;
    expect(part).toBeGreaterThan(least);
    expect(part).toBeLessThan(most);
  });

  test('a few in a hundred answers are left half-way, a few in a thousand calls fail upstream', () => {
    expect(share((turn) => turn.leftAfter !== null)).toBeCloseTo(0.02, 2);
    expect(share((turn) => turn.failedStatus !== null)).toBeCloseTo(0.0033, 3);
  });

  test('a token is about 3.6 bytes, and "say hi" is a body of 49 KB or more', () => {
    const bytes = mains.map((turn) => turn.bodyBytes / tokensOn(modelOf(turn), turn.promptTokens));
    expect(quantile(bytes, 0.5)).toBeGreaterThan(3.4);
    expect(quantile(bytes, 0.5)).toBeLessThan(3.8);
    expect(mains.every((turn) => turn.bodyBytes >= 49_000)).toBe(true);
  });

  test('most prompts are read from the cache, one main turn in twenty finds it cold, and two squads cost double', () => {
    const world = new CacheWorld();
    const usd = new Map<string, number>();
    const seen = { prompt: 0, read: 0, mains: 0, cold: 0 };
    for (const turn of month) {
      const usage = world.serve(turn, modelOf(turn), turn.atMs);
      if (!usage) continue;
      const { nanoUsd } = priceUsage({
        usage,
        sentModel: turn.model,
        atMs: turn.atMs,
        catalogue: builtinCatalogue,
      });
      usd.set(turn.costCenter, (usd.get(turn.costCenter) ?? 0) + nanoUsd / 1e9);
      seen.prompt += promptTokens(usage.tokens);
      seen.read += usage.tokens.cacheReadTokens;
      if (turn.kind !== 'main') continue;
      seen.mains += 1;
      if (usage.tokens.cacheReadTokens === 0) seen.cold += 1;
    }
    expect(seen.read / seen.prompt).toBeGreaterThan(0.9);
    expect(seen.cold / seen.mains).toBeGreaterThan(0.03);
    expect(seen.cold / seen.mains).toBeLessThan(0.07);
    const mean = (appetite: number): number => {
      const costs = squads.filter((squad) => squad.appetite === appetite).map(({ id }) => usd.get(id) ?? 0);
      return costs.reduce((sum, cost) => sum + cost, 0) / costs.length;
    };
    expect(mean(2) / mean(1)).toBeGreaterThan(1.7);
    expect(mean(2) / mean(1)).toBeLessThan(2.3);
  });
});
