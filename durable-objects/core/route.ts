/** Which turns a route is about. Times of day are those of the policy's time zone. */
import type { Route, RouteConditions } from './policy/types.ts';
import type { Standing } from './standing.ts';
import type { TurnFacts } from './turn.ts';
import { minuteOfDay } from './window.ts';

/** What conditions can ask about a turn. */
export interface RoutedTurn {
  facts: Pick<TurnFacts, 'kind'>;
  tags: Readonly<Record<string, string>>;
  /** Of the model that would serve the turn otherwise; null: of a model nobody knows. */
  line: string | null;
  /** Estimates, in tokens of that model. */
  inputTokens: number;
  newInputTokens: number;
}

function isBelow(value: number, bound: number | null): boolean {
  return bound === null || value < bound;
}

function isRunningLow(when: RouteConditions, standings: readonly Standing[]): boolean {
  const { budget, remainingBelow } = when;
  if (budget === null || remainingBelow === null) return true;
  const standing = standings.find((each) => each.budget.id === budget);
  return standing !== undefined && standing.limit - standing.settled < remainingBelow;
}

function isWithin(hours: RouteConditions['hours'], timezone: string, nowMs: number): boolean {
  if (hours === null) return true;
  const { fromMinute, toMinute } = hours;
  const minute = minuteOfDay(timezone, nowMs);
  return fromMinute < toMinute
    ? minute >= fromMinute && minute < toMinute
    : minute >= fromMinute || minute < toMinute;
}

function hasTags(wanted: RouteConditions['tags'], tags: Readonly<Record<string, string>>): boolean {
  if (wanted === null) return true;
  return [...wanted].every(([name, value]) => Object.hasOwn(tags, name) && tags[name] === value);
}

/** Whether all that a route asks of a turn holds. */
export function matches(
  { when }: Pick<Route, 'when'>,
  turn: RoutedTurn,
  standings: readonly Standing[],
  timezone: string,
  nowMs: number,
): boolean {
  return (
    (when.kinds === null || when.kinds.includes(turn.facts.kind)) &&
    (when.lines === null || (turn.line !== null && when.lines.includes(turn.line))) &&
    isBelow(turn.inputTokens, when.inputTokensBelow) &&
    isBelow(turn.newInputTokens, when.newInputTokensBelow) &&
    hasTags(when.tags, turn.tags) &&
    isRunningLow(when, standings) &&
    isWithin(when.hours, timezone, nowMs)
  );
}

/** Whether a route that matches a turn will match the thread's next ones too: nothing in it is about the one turn. */
export function isLasting({ when }: Pick<Route, 'when'>): boolean {
  return when.inputTokensBelow === null && when.newInputTokensBelow === null;
}
