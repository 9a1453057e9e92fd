/** What a manager wants to know beside a standing: who spent it, at which pace, and when it will be gone. */
import type { Standing } from '../core/standing.ts';
import { QUARTER_MS } from '../core/window.ts';
import type { AlertContext } from '../ledger/entry.ts';
import type { Counted, Span } from './spend.ts';
import type { WalletState } from './state.ts';

const NAMED = 3;
const HOUR_MS = 3_600_000;

/** Of a budget's window as of now (epoch ms). `runsOutMs`: where it was projected with more than the last hour's pace. */
export function alertContextOf(
  { spend }: Pick<WalletState, 'spend'>,
  standing: Standing,
  nowMs: number,
  runsOutMs: number | null = null,
): AlertContext {
  const { budget, subject, startMs, endMs } = standing;
  const counted: Counted = { scope: budget.scope, subject, line: budget.line };
  const window: Span = { startMs, endMs };
  const dearest = (by: 'developer' | 'session' | 'line') => spend.dearest(counted, window, by, NAMED);
  // Buckets are quarter-hours: the span begins with one and is at least an hour, where the window is that old.
  const sinceMs = Math.max(startMs, Math.floor((nowMs - HOUR_MS) / QUARTER_MS) * QUARTER_MS);
  const spent = spend.settled(counted, { startMs: sinceMs, endMs: null });
  const pace = Math.round((spent * HOUR_MS) / Math.max(QUARTER_MS, nowMs - sinceMs));
  return {
    top_developers: dearest('developer').map(({ name, nanoUsd }) => ({
      developer: name,
      settled_nano_usd: nanoUsd,
    })),
    top_sessions: dearest('session').map(({ name, developer, nanoUsd }) => ({
      session: name,
      developer,
      settled_nano_usd: nanoUsd,
    })),
    top_lines: dearest('line').map(({ name, nanoUsd }) => ({ line: name, settled_nano_usd: nanoUsd })),
    pace_nano_usd_an_hour: pace,
    runs_out_at: toIso(runsOutMs ?? runsOutAt(standing, pace, nowMs), endMs),
  };
}

function runsOutAt({ limit, settled }: Standing, pace: number, nowMs: number): number | null {
  if (settled >= limit || pace <= 0) return null;
  return Math.round(nowMs + ((limit - settled) / pace) * HOUR_MS);
}

/** Null beyond the window's end, and where it is too far away to be a date. */
function toIso(atMs: number | null, endMs: number | null): string | null {
  if (atMs === null || atMs >= (endMs ?? Number.MAX_SAFE_INTEGER)) return null;
  const at = new Date(atMs);
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
}
