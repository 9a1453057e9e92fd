/**
 * The sentence a refused developer reads inside Claude Code: whose budget, how much of what, whom to ask, when
 * it resets, what to do. One sentence, no code words.
 */
import { formatDollars, type NanoUsd, nanoUsd } from './money.ts';
import type { LimitScope, Scope, WindowKind } from './policy/types.ts';
import type { RateFigure } from './rate-limit.ts';
import { pauseLine, type Standing } from './standing.ts';
import { zonedIso } from './window.ts';

/** Who a cost center is, as far as a sentence needs it. */
export interface CostCenterNames {
  name: string;
  timezone: string;
  /** Whom to ask; null where no manager is set. */
  manager: string | null;
}

const PERIOD: Record<WindowKind, string> = {
  day: ' today',
  week: ' this week',
  month: ' this month',
  session: '',
};

function lineName(line: string): string {
  return line.charAt(0).toUpperCase() + line.slice(1);
}

/** "Your Opus budget in Platform squad (dev@example.com), opus-day,". */
function owner({ budget, subject }: Standing, names: CostCenterNames): string {
  const kind = budget.line === null ? 'budget' : `${lineName(budget.line)} budget`;
  const whose: Record<Scope, string> = {
    cost_center: `The shared ${kind} of ${names.name}`,
    developer: `Your ${kind} in ${names.name} (${subject})`,
    key: `The ${kind} of your key ${subject}`,
    session: `The ${kind} of this session in ${names.name}`,
  };
  return `${whose[budget.scope]}, ${budget.id},`;
}

function whomToAsk({ manager, name }: CostCenterNames): string {
  return manager ? `ask ${manager} to raise it` : `ask whoever manages ${name} to raise it`;
}

/** "2026-11-24 00:00 (Europe/Berlin)". */
function atLocalTime(ms: number, timezone: string): string {
  const iso = zonedIso(ms, timezone);
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} (${timezone})`;
}

/** A budget's money is spent, or what is left up to its pause line is less than this turn would set aside (`needed`). */
export function spentSentence(
  standing: Standing,
  needed: NanoUsd | null,
  timezone: string,
  names: CostCenterNames,
): string {
  const { budget, settled, limit, endMs } = standing;
  const amount = `${formatDollars(settled)} of ${formatDollars(limit)} spent${PERIOD[budget.window]}`;
  const isSpent = settled >= Math.min(limit, pauseLine(standing) ?? limit) || needed === null;
  const state = isSpent
    ? `is used up: ${amount}`
    : `has too little left for this turn, which needs about ${formatDollars(atLeastACent(needed))}: ${amount}`;
  const what = `${owner(standing, names)} ${state}`;
  if (endMs === null) return `${what}; start a new session, or ${whomToAsk(names)}.`;
  const advice = isSpent ? '' : 'continue in a smaller session, ';
  return `${what}; it resets ${atLocalTime(endMs, timezone)}; until then ${advice}${whomToAsk(names)}.`;
}

function atLeastACent(amount: NanoUsd): NanoUsd {
  return nanoUsd(Math.max(amount, 10_000_000));
}

/** Only the open holds of turns in progress stand in the way. */
export function pendingSentence(standing: Standing, names: CostCenterNames): string {
  return `${owner(standing, names)} has its last ${formatDollars(standing.held)} reserved by turns that are still running; this turn is tried again in a few seconds.`;
}

const FIGURES: Record<RateFigure, readonly [one: string, when: string]> = {
  requests_per_minute: ['request', 'a minute'],
  tokens_per_minute: ['token', 'a minute'],
  concurrent_turns: ['turn', 'at once'],
};

/** A limit besides money is reached; the turn fits after so many seconds. */
export function limitSentence(
  { scope, subject, figure, most }: { scope: LimitScope; subject: string; figure: RateFigure; most: number },
  seconds: number,
  names: CostCenterNames,
): string {
  const whose: Record<LimitScope, string> = {
    cost_center: names.name,
    developer: `each developer in ${names.name} (${subject})`,
    key: `your key ${subject} in ${names.name}`,
  };
  const [one, when] = FIGURES[figure];
  const limit = `${most.toLocaleString('en-US')} ${one}${most === 1 ? '' : 's'} ${when}`;
  const wait = seconds === 1 ? 'a second' : `${seconds} seconds`;
  return `The limit of ${limit} of ${whose[scope]} is reached; this turn is tried again in ${wait}.`;
}

/** A guaranteed budget cannot take a turn without a ceiling; `causes` name what in the request has none. */
export function unboundedSentence(
  budgetId: string,
  causes: readonly string[],
  names: CostCenterNames,
): string {
  const named = causes.length > 0 ? causes.join(', ') : 'max_tokens missing';
  return `Budget ${budgetId} of ${names.name} only admits turns whose highest cost is known beforehand, and this request has none (${named}); leave that out, or ${whomToAsk(names)}.`;
}

/** A model that may not be used; `isOfKey`: the key's own list of models leaves it out. */
export function modelSentence(
  model: string,
  allowed: readonly string[],
  names: CostCenterNames,
  isOfKey = false,
): string {
  const what = isOfKey
    ? `Your key in ${names.name} may not use the model ${model}`
    : `${names.name} does not allow the model ${model}`;
  if (allowed.length > 0) return `${what}; choose one of ${allowed.join(', ')}.`;
  const asked = names.manager ?? `whoever manages ${names.name}`;
  return `${what}, and no model that the key may use is allowed there; ask ${asked}.`;
}

/** Somebody stopped this one session. */
export function stoppedSentence(reason: string, names: CostCenterNames): string {
  return `This session of ${names.name} was stopped: ${reason}; start a new session, or ask ${names.manager ?? `whoever manages ${names.name}`}.`;
}

/** A person paused the cost center. `untilMs` null: until it is resumed. */
export function pausedSentence(reason: string, untilMs: number | null, names: CostCenterNames): string {
  const until = untilMs === null ? 'until it is resumed' : `until ${atLocalTime(untilMs, names.timezone)}`;
  const asked = names.manager ?? `whoever manages ${names.name}`;
  return `${names.name} is paused ${until}: ${reason}; ask ${asked}.`;
}

export function archivedSentence(names: CostCenterNames): string {
  return `${names.name} is archived and takes no more turns; ask ${names.manager ?? 'your administrator'} for a key of another cost center.`;
}
