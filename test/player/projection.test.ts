/** Projections over generated traffic: of the budgets they warn of, few may end far below their limit. */
import { beforeAll, describe, expect, test } from 'vitest';
import { projectExhaustion, QUARTER_MS } from '../../durable-objects/core/alerting/projection.ts';
import { type CalendarWindow, type Window, windowAt } from '../../durable-objects/core/window.ts';
import { DemoLedger } from '../../scripts/demo/entries.ts';
import { generateTraffic } from '../traffic/generate.ts';
import { type Squad, squadsOf } from '../traffic/squads.ts';

const SEED = 3;
const DAY_MS = 86_400_000;
/** A Monday; four weeks to look back on, and two that are judged. */
const START_MS = Date.UTC(2026, 8, 7);
const KNOWN_DAYS = 28;
const DAYS = 42;
/** Limits as parts of what the subject's median window costs. */
const LIMITS = [0.8, 1, 1.2, 1.5, 2];

interface Spender {
  timezone: string;
  byQuarter: Map<number, number>;
}

/** Each team, and each of its people. */
function spendersOf(squads: readonly Squad[]): Spender[] {
  const spenders = new Map<string, Spender>();
  for (const { id, timezone, developers } of squads) {
    for (const name of [id, ...developers.map(({ email }) => email)]) {
      spenders.set(name, { timezone, byQuarter: new Map() });
    }
  }
  const ledger = new DemoLedger(SEED);
  for (const turn of generateTraffic({ seed: SEED, startMs: START_MS, days: DAYS, squads })) {
    const { charged_nano_usd: cost } = ledger.entryOf(turn);
    const quarter = Math.floor(turn.atMs / QUARTER_MS);
    for (const name of [turn.costCenter, turn.developer]) {
      const by = spenders.get(name)?.byQuarter;
      by?.set(quarter, (by.get(quarter) ?? 0) + cost);
    }
  }
  return [...spenders.values()];
}

function windowsOf(kind: CalendarWindow, timezone: string): Window[] {
  const windows: Window[] = [];
  const [fromMs, toMs] = [START_MS + KNOWN_DAYS * DAY_MS, START_MS + DAYS * DAY_MS];
  for (let atMs = fromMs; atMs < toMs; atMs = windows.at(-1)?.endMs ?? toMs) {
    windows.push(windowAt(kind, timezone, atMs));
  }
  return windows.filter(({ startMs, endMs }) => startMs >= fromMs && endMs <= toMs);
}

function quarters({ startMs, endMs }: Window): number[] {
  const first = startMs / QUARTER_MS;
  return Array.from({ length: endMs / QUARTER_MS - first }, (_, index) => first + index);
}

/** Whether the window was warned of, and the part of the limit at its end. */
function judge({ byQuarter }: Spender, window: Window, limitNanoUsd: number) {
  const known = new Map([...byQuarter].filter(([quarter]) => quarter < window.startMs / QUARTER_MS));
  let settled = 0;
  let warned = false;
  let warnedInTime = false;
  for (const quarter of quarters(window)) {
    const spent = byQuarter.get(quarter);
    if (spent === undefined) continue;
    settled += spent;
    known.set(quarter, spent);
    if (warned) continue;
    const projected = projectExhaustion({
      ...window,
      nowMs: (quarter + 1) * QUARTER_MS,
      limitNanoUsd,
      settledNanoUsd: settled,
      byQuarter: known,
    });
    warned = projected !== null;
    warnedInTime = warned && settled < limitNanoUsd;
  }
  return { warned, warnedInTime, endedAt: settled / limitNanoUsd };
}

/** With limits around what is usual for the spender. */
function judgeWindows(spender: Spender, windows: readonly Window[]): ReturnType<typeof judge>[] {
  const totals = windows
    .map((window) => quarters(window).reduce((sum, each) => sum + (spender.byQuarter.get(each) ?? 0), 0))
    .filter((total) => total > 0)
    .sort((a, b) => a - b);
  const median = totals[Math.floor(totals.length / 2)];
  if (median === undefined) return [];
  return LIMITS.flatMap((part) => windows.map((window) => judge(spender, window, Math.round(median * part))));
}

describe('over days and weeks', () => {
  let judged: ReturnType<typeof judge>[];
  beforeAll(() => {
    const squads = squadsOf(SEED).filter(({ id }) => id === 'mobile-squad');
    const spenders = spendersOf(squads);
    judged = (['day', 'week'] as const).flatMap((kind) =>
      spenders.flatMap((spender) => judgeWindows(spender, windowsOf(kind, spender.timezone))),
    );
  }, 120_000);

  test('at most one warning in ten is of a budget that ends under 80 %', () => {
    const warned = judged.filter((each) => each.warned);
    const wrong = warned.filter(({ endedAt }) => endedAt < 0.8);
    expect(warned.length).toBeGreaterThan(100);
    expect(wrong.length / warned.length).toBeLessThan(0.1);
  });

  test('half of the budgets that run out are warned of before', () => {
    const ranOut = judged.filter(({ endedAt }) => endedAt >= 1);
    expect(ranOut.length).toBeGreaterThan(100);
    expect(ranOut.filter((each) => each.warnedInTime).length / ranOut.length).toBeGreaterThan(0.5);
  });
});
