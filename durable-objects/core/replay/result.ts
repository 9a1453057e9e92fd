/** A replay's sums as its result tells them: money in USD as decimal strings, times in ISO 8601. */
import { formatUsd, nanoUsd } from '../money.ts';
import { zonedIso } from '../window.ts';
import { ASSUMPTIONS } from './assumptions.ts';
import type { DayTally } from './days.ts';
import type { ReplayState } from './state.ts';
import type { DraftTally, WorldTally } from './tally.ts';
import type {
  Calibration,
  DraftResult,
  PausedSession,
  ReplayDay,
  ReplayResult,
  Sensitivity,
} from './types.ts';
import { LIMITS, type World } from './worlds.ts';

/** Utilizations are told to the millionth. */
function rounded(fraction: number): number {
  return Math.round(fraction * 1_000_000) / 1_000_000;
}

export function resultOf(state: ReplayState): ReplayResult {
  return {
    drafts: state.worlds.drafts.map((world) => draftResult(state, world)),
    calibration: calibrationOf(state),
    assumptions: [...ASSUMPTIONS],
  };
}

function worldTally({ tally }: ReplayState, { index }: World): WorldTally {
  const found = tally.worlds[index];
  if (!found) throw new RangeError(`no world ${index}`);
  return found;
}

function calibrationOf(state: ReplayState): Calibration {
  const { turns, decisionsEqual, differences, actualNanoUsd, refusedByPeople } = state.tally;
  const { replayedNanoUsd } = worldTally(state, state.worlds.asItWas);
  return {
    turns,
    decisions_equal: decisionsEqual,
    cost_actual_usd: formatUsd(actualNanoUsd),
    cost_replayed_usd: formatUsd(replayedNanoUsd),
    cost_error_usd: formatUsd(replayedNanoUsd - actualNanoUsd),
    refused_by_people: refusedByPeople,
    differences,
  };
}

function draftResult(state: ReplayState, world: World): DraftResult {
  const { tally, setup } = state;
  const draft = setup.drafts[world.draft ?? -1];
  const sums = tally.drafts[world.draft ?? -1];
  if (!draft || !sums) throw new RangeError(`no draft ${world.draft}`);
  const own = worldTally(state, world);
  const saved = tally.actualNanoUsd - own.replayedNanoUsd;
  return {
    name: draft.name,
    turns: tally.turns,
    cost_actual_usd: formatUsd(tally.actualNanoUsd),
    cost_replayed_usd: formatUsd(own.replayedNanoUsd),
    saved_usd: formatUsd(saved),
    saved: {
      price_usd: formatUsd(sums.priceNanoUsd),
      cache_usd: formatUsd(sums.cacheNanoUsd),
      turns_not_happened_usd: formatUsd(sums.notHappenedNanoUsd),
      turns_added_usd: formatUsd(sums.addedNanoUsd),
    },
    downgraded_turns: own.downgraded,
    routed_turns: own.routed,
    refused_turns: own.refused,
    turns_lost: own.lost,
    postponed_turns: own.postponed,
    unknowable: {
      refused_turns: tally.refusedForGood,
      sessions: tally.sessionsRefused,
      served_turns: sums.servedRefusals,
    },
    paused_sessions: pausedSessions(sums),
    paused_sessions_total: sums.pausedSessions,
    by_day: sums.days
      .toSorted((a, b) => a - b)
      .flatMap((startMs) => {
        const day = state.days.find(world.draft ?? -1, startMs);
        return day ? [dayResult(day, startMs, draft.policy.timezone)] : [];
      }),
    sensitivity: LIMITS.map((limits) => sensitivityOf(state, world, limits)),
  };
}

function pausedSessions({ worst }: DraftTally): PausedSession[] {
  return worst
    .toSorted((a, b) => b.lost - a.lost || a.atMs - b.atMs || (a.session < b.session ? -1 : 1))
    .map(({ session, developer, atMs, budget, lost }) => ({
      session,
      developer,
      at: new Date(atMs).toISOString(),
      budget,
      turns_lost: lost,
    }));
}

function dayResult(day: DayTally, startMs: number, timezone: string): ReplayDay {
  const { turns, actualNanoUsd, replayedNanoUsd, refused, downgraded, routed, budgets } = day;
  return {
    day: zonedIso(startMs, timezone).slice(0, 10),
    turns,
    cost_actual_usd: formatUsd(nanoUsd(actualNanoUsd)),
    cost_replayed_usd: formatUsd(nanoUsd(replayedNanoUsd)),
    refused_turns: refused,
    downgraded_turns: downgraded,
    routed_turns: routed,
    budgets: Object.entries(budgets).map(([budget, { spendNanoUsd, peak, end, subject }]) => ({
      budget,
      spend_usd: formatUsd(nanoUsd(spendNanoUsd)),
      peak_utilization: rounded(peak),
      end_utilization: rounded(end),
      subject,
    })),
  };
}

function sensitivityOf(state: ReplayState, { draft }: World, limits: World['limits']): Sensitivity {
  const world = state.worlds.all.find((each) => each.draft === draft && each.limits === limits);
  if (!world) throw new RangeError(`no world of draft ${draft} at ${limits}`);
  const { replayedNanoUsd, refused, lost, downgraded, routed } = worldTally(state, world);
  return {
    limits,
    cost_replayed_usd: formatUsd(replayedNanoUsd),
    refused_turns: refused,
    turns_lost: lost,
    downgraded_turns: downgraded,
    routed_turns: routed,
  };
}
