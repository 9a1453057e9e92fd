/**
 * When a budget will run out: what the rest of the window usually costs by the same hours of the last four weeks,
 * scaled by how today compares with them so far. Pure; money in nano-USD, time in epoch ms and quarter-hours (UTC).
 */

export const QUARTER_MS = 900_000;
const QUARTERS_A_DAY = 96;
const QUARTERS_A_WEEK = 7 * QUARTERS_A_DAY;
const WEEKS = 4;
export const LOOK_BACK_MS = WEEKS * QUARTERS_A_WEEK * QUARTER_MS;
/** With fewer weeks that had any spend, nobody knows what is usual. */
const FEWEST_WEEKS = 2;
/** Below this part of the limit a projection is a guess about the rest of the window. */
const SETTLED_PART = 0.5;
/** How much of a usual day's spend the first hours of a window are mixed with: one early session is no trend. */
const PRIOR_DAYS = 0.6;
/** Deviations of the rest among the last weeks that a projection allows for. */
const DOUBT = 0.7;
const LEAST_RATIO = 0.3;
const MOST_RATIO = 3;

export interface Spending {
  nowMs: number;
  /** The budget's window, half-open. */
  startMs: number;
  endMs: number;
  limitNanoUsd: number;
  settledNanoUsd: number;
  /** Money by quarter-hour (its number since the epoch), from `LOOK_BACK_MS` before now on. */
  byQuarter: ReadonlyMap<number, number>;
}

/** The instant at which the limit will be reached; null where it won't be in this window, or too little is known. */
export function projectExhaustion(spending: Spending): number | null {
  const { nowMs, startMs, endMs, limitNanoUsd, settledNanoUsd, byQuarter } = spending;
  if (settledNanoUsd >= limitNanoUsd || settledNanoUsd < limitNanoUsd * SETTLED_PART) return null;
  const nowQuarter = Math.floor(nowMs / QUARTER_MS);
  const weeks = weeksWithSpend(byQuarter, nowQuarter);
  if (weeks.length < FEWEST_WEEKS) return null;
  const usual = usualOf(byQuarter, nowQuarter, weeks);
  const from = Math.max(Math.floor(startMs / QUARTER_MS), nowQuarter - QUARTERS_A_WEEK);
  const ratio = paceRatio(byQuarter, weeks, from, nowQuarter);
  const endQuarter = Math.floor(endMs / QUARTER_MS);
  const sure = ratio * leastRest(byQuarter, nowQuarter, endQuarter, weeks);
  if (settledNanoUsd + sure < limitNanoUsd) return null;
  let expected = settledNanoUsd;
  for (let quarter = nowQuarter; quarter < endQuarter; quarter += 1) {
    const before = expected;
    // Of the present quarter-hour, what is left of it.
    const left = Math.min(1, quarter + 1 - nowMs / QUARTER_MS);
    expected += ratio * usual(quarter) * left;
    if (expected < limitNanoUsd) continue;
    const within = (limitNanoUsd - before) / (expected - before);
    return Math.round((quarter + 1 - left * (1 - within)) * QUARTER_MS);
  }
  return null;
}

type Usual = (quarter: number) => number;

/** Of the weeks that end now, 1 the last: those with any spend. */
function weeksWithSpend(byQuarter: ReadonlyMap<number, number>, nowQuarter: number): number[] {
  return [1, 2, 3, 4].filter((week) => {
    const first = nowQuarter - week * QUARTERS_A_WEEK;
    return sumOver(byQuarter, first, first + QUARTERS_A_WEEK) > 0;
  });
}

/** What a quarter-hour to come costs on the average of its weekday and hour. */
function usualOf(
  byQuarter: ReadonlyMap<number, number>,
  nowQuarter: number,
  weeks: readonly number[],
): Usual {
  return (quarter) => {
    const ahead = Math.floor((quarter - nowQuarter) / QUARTERS_A_WEEK);
    const sameHour = quarter - ahead * QUARTERS_A_WEEK;
    return mean(weeks.map((week) => byQuarter.get(sameHour - week * QUARTERS_A_WEEK) ?? 0));
  };
}

/** What the rest of the window takes even where it is a cheap one of its kind: weeks differ, and people more than teams. */
function leastRest(
  byQuarter: ReadonlyMap<number, number>,
  nowQuarter: number,
  endQuarter: number,
  weeks: readonly number[],
): number {
  const rests = weeks.map((week) => {
    let rest = 0;
    const usual = usualOf(byQuarter, nowQuarter, [week]);
    for (let quarter = nowQuarter; quarter < endQuarter; quarter += 1) rest += usual(quarter);
    return rest;
  });
  const middle = mean(rests);
  const deviation = Math.sqrt(mean(rests.map((rest) => (rest - middle) ** 2)));
  return Math.max(0, middle - DOUBT * deviation);
}

/** How the span until now compares with the same hours of the weeks before. */
function paceRatio(
  byQuarter: ReadonlyMap<number, number>,
  weeks: readonly number[],
  from: number,
  nowQuarter: number,
): number {
  const before = weeks.filter((week) => week > 1).map((week) => (week - 1) * QUARTERS_A_WEEK);
  const expected = mean(before.map((by) => sumOver(byQuarter, from - by, nowQuarter - by)));
  const aDay = sumOver(byQuarter, nowQuarter - WEEKS * QUARTERS_A_WEEK, nowQuarter) / (weeks.length * 7);
  const prior = aDay * PRIOR_DAYS;
  const ratio = (sumOver(byQuarter, from, nowQuarter) + prior) / (expected + prior);
  return Math.min(MOST_RATIO, Math.max(LEAST_RATIO, ratio));
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function sumOver(byQuarter: ReadonlyMap<number, number>, from: number, to: number): number {
  let sum = 0;
  for (let quarter = from; quarter < to; quarter += 1) sum += byQuarter.get(quarter) ?? 0;
  return sum;
}
