/** What the reference wallet is told of its budgets and of the calendar. */

export type Scope = 'cost_center' | 'developer' | 'key' | 'session';
export type WindowKind = 'day' | 'week' | 'month';

export interface BudgetRules {
  id: string;
  scope: Scope;
  /** Null: the session's own. */
  window: WindowKind | null;
  /** Null: of all lines. */
  line: string | null;
  limit: number;
  /** Other limits of single developers. */
  overrides: ReadonlyMap<string, number>;
  guaranteed: boolean;
  /** Ascending, in thousandths of the limit. */
  stages: readonly { at: number; does: 'alert' | 'downgrade' | 'pause' }[];
}

export interface Rules {
  timezone: string;
  budgets: readonly BudgetRules[];
  /** In the order a turn is handed down. */
  cascade: readonly string[];
}

/** Lifts a budget for a subject, or for all, until an instant. */
export interface Raise {
  budget: string;
  subject: string | null;
  extra: number;
  untilMs: number;
}

export interface Total {
  settled: number;
  held: number;
  expected: number;
}

/** The calendar of a time zone. */
export interface Calendar {
  /** Whether two instants fall in the same window. */
  sameWindow(window: WindowKind, timezone: string, aMs: number, bMs: number): boolean;
  /** The instant the window of an instant ends at. */
  windowEnd(window: WindowKind, timezone: string, ms: number): number;
}
