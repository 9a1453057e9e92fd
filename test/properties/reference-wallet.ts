/**
 * A second wallet, written from what the design promises and not from the code: plain data, loops over
 * everything, nothing kept that can be summed anew. Prices, hold sizes and the calendar are given to it.
 */

import { judge, type MoneyView, obstaclesOf, type StickyStep } from './reference-judge.ts';

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
  /** Dearest first. */
  cascade: readonly string[];
}

/** What one model would set aside for a turn, and what its tokens cost; nano-USD. */
export interface Quote {
  model: string;
  line: string;
  expected: number;
  /** Null: the turn has none. */
  ceiling: number | null;
  /** The prompt as estimated. */
  input: number;
  /** An output token of a prompt as estimated. */
  outputToken: number;
}

export interface Ask {
  turnId: string;
  keyId: string;
  developer: string;
  session: string;
  /** The session's conversation it continues. */
  thread: string;
  /** Equal for equal requests. */
  content: string;
  /** Of every model, dearest first; the one asked for is named. */
  quotes: readonly Quote[];
  model: string;
}

/** Lifts a budget for a subject, or for all, until an instant. */
export interface Raise {
  budget: string;
  subject: string | null;
  extra: number;
  untilMs: number;
}

/** The best figure known of a running turn: its cost so far, exact where the answer has begun. */
export interface Seen {
  exact: boolean;
  outputTokens: number;
  cost: number;
}

export type Expected =
  | { status: 'admitted'; model: string; decision: 'proceed' | 'downgrade' }
  | { status: 'refused'; why: readonly ('budget' | 'pending' | 'unbounded')[] }
  | { status: 'key_rejected'; problem: string }
  | { status: 'conflict' }
  | { status: 'as_before' };

export interface Turn {
  ask: Ask;
  state: 'open' | 'resolved' | 'expired' | 'refused' | 'given_up';
  admittedMs: number;
  leaseEndsMs: number;
  /** Of the model it was sent to; null for a turn that never ran. */
  quote: Quote | null;
  seen: Seen | null;
  paid: number;
  /** The report that resolved it. */
  report: string | null;
}

export interface BookEntry {
  turnId: string;
  kind: 'charge' | 'correction' | 'refusal' | 'failure';
  amount: number;
  admittedMs: number;
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

const LEASE_MS = 30_000;
const REPORTED_FOR_MS = 86_400_000;
const QUARTER_MS = 900_000;
const DAY_MS = 86_400_000;
const IDLE_MS = 35 * DAY_MS;

export class ReferenceWallet {
  readonly turns = new Map<string, Turn>();
  readonly book: BookEntry[] = [];
  /** By key id; what is wrong with a key, null where nothing is. */
  readonly keyProblems = new Map<string, string | null>();
  /** By thread: the step down that sticks to it. */
  readonly steps = new Map<string, StickyStep>();
  rules: Rules;
  raises: Raise[] = [];
  readonly #costCenter: string;
  readonly #calendar: Calendar;
  /** When each session was last asked for something, and since when it goes on. */
  readonly #sessions = new Map<string, { sinceMs: number; lastMs: number }>();
  #writtenMs = 0;

  constructor(costCenter: string, rules: Rules, calendar: Calendar) {
    this.#costCenter = costCenter;
    this.rules = rules;
    this.#calendar = calendar;
  }

  /** The wallet's time: never before an instant it wrote something at. */
  now(wallMs: number): number {
    return Math.max(wallMs, this.#writtenMs);
  }

  open(ask: Ask, wallMs: number): Expected {
    const known = this.turns.get(ask.turnId);
    if (known) {
      const same = known.state !== 'given_up' && known.ask.content === ask.content;
      return { status: same ? 'as_before' : 'conflict' };
    }
    const problem = this.keyProblems.get(ask.keyId);
    if (problem) return { status: 'key_rejected', problem };
    this.#writtenMs = this.now(wallMs);
    this.#keepSession(ask.session, this.#writtenMs);
    const nowMs = this.#writtenMs;
    const { expected, quote, step } = judge(
      this.#view(nowMs),
      ask,
      this.steps.get(ask.thread) ?? null,
      nowMs,
    );
    if (step) this.steps.set(ask.thread, step);
    else if (quote) this.steps.delete(ask.thread);
    const turn = this.#newTurn(ask, quote ? 'open' : 'refused', this.#writtenMs, quote);
    if (!quote) this.#write(turn, 'refusal', 0);
    return expected;
  }

  #newTurn(ask: Ask, state: Turn['state'], nowMs: number, quote: Quote | null): Turn {
    const leaseEndsMs = nowMs + LEASE_MS;
    const fresh = { seen: null, paid: 0, report: null };
    const turn: Turn = { ask, state, admittedMs: nowMs, leaseEndsMs, quote, ...fresh };
    this.turns.set(ask.turnId, turn);
    return turn;
  }

  /** What the budgets say of the turn, for the judge. */
  #view(nowMs: number): MoneyView {
    return {
      rules: this.rules,
      calendar: this.#calendar,
      subject: (budget, ask) => this.subject(budget, ask),
      total: (budget, subject) => this.total(budget, subject, nowMs),
      limit: (budget, subject) => this.limit(budget, subject, nowMs),
    };
  }

  /** What keeps this turn from this model, of all budgets together. */
  obstacles(ask: Ask, quote: Quote, nowMs: number): Set<'budget' | 'pending' | 'unbounded'> {
    return new Set(obstaclesOf(this.#view(nowMs), ask, quote).map(({ why }) => why));
  }

  /** A budget's limit for a subject: its own, and what raises add until they end. */
  limit(budget: BudgetRules, subject: string, nowMs: number): number {
    let limit = budget.overrides.get(subject) ?? budget.limit;
    for (const raise of this.raises) {
      const isFor = raise.subject === null || raise.subject === subject;
      if (raise.budget === budget.id && isFor && nowMs < raise.untilMs) limit += raise.extra;
    }
    return limit;
  }

  /** A session is over after 35 idle days; the next turn of its name begins another. */
  #keepSession(session: string, nowMs: number): void {
    const known = this.#sessions.get(session);
    const goesOn = known !== undefined && nowMs - known.lastMs <= IDLE_MS;
    if (!goesOn)
      for (const thread of this.steps.keys()) if (thread.startsWith(`${session} `)) this.steps.delete(thread);
    this.#sessions.set(session, { sinceMs: goesOn ? known.sinceMs : nowMs, lastMs: nowMs });
  }

  /** Since when the session of this name goes on, to the quarter-hour; null where there is none. */
  sessionSince(session: string, nowMs: number): number | null {
    const known = this.#sessions.get(session);
    if (!known || nowMs - known.lastMs > IDLE_MS) return null;
    return known.sinceMs - (known.sinceMs % QUARTER_MS);
  }

  /** Whether the session has a turn running or was asked for something within a day: older ones nobody wants listed. */
  isRecent(session: string, nowMs: number): boolean {
    const known = this.#sessions.get(session);
    if (known !== undefined && nowMs - known.lastMs <= DAY_MS) return true;
    return [...this.turns.values()].some((turn) => turn.state === 'open' && turn.ask.session === session);
  }

  subject(budget: BudgetRules, ask: Pick<Ask, 'developer' | 'keyId' | 'session'>): string {
    if (budget.scope === 'cost_center') return this.#costCenter;
    if (budget.scope === 'session') return ask.session;
    return budget.scope === 'developer' ? ask.developer : ask.keyId;
  }

  #isCounted(budget: BudgetRules, turn: Turn, nowMs: number): boolean {
    if (budget.line !== null && turn.quote?.line !== budget.line) return false;
    if (budget.window !== null) {
      return this.#calendar.sameWindow(budget.window, this.rules.timezone, turn.admittedMs, nowMs);
    }
    const sinceMs = this.sessionSince(turn.ask.session, nowMs);
    return sinceMs !== null && turn.admittedMs >= sinceMs;
  }

  /** The fold of everything that was ever opened and settled, as one budget counts it now. */
  total(budget: BudgetRules, subject: string, nowMs: number): Total {
    const total = { settled: 0, held: 0, expected: 0 };
    for (const turn of this.turns.values()) {
      if (this.subject(budget, turn.ask) !== subject) continue;
      if (!this.#isCounted(budget, turn, nowMs)) continue;
      total.settled += turn.paid;
      if (turn.state === 'expired' && budget.guaranteed && nowMs < turn.leaseEndsMs + REPORTED_FOR_MS) {
        // A late report can still cost up to the ceiling.
        total.held += Math.max(0, (turn.quote?.ceiling ?? 0) - turn.paid);
      }
      if (turn.state !== 'open' || !turn.quote) continue;
      total.held += (budget.guaranteed ? turn.quote.ceiling : null) ?? turn.quote.expected;
      total.expected += turn.quote.expected;
    }
    return total;
  }

  renew(turnId: string, seen: Seen, wallMs: number): 'renewed' | 'resolved' | 'unknown_turn' {
    const turn = this.turns.get(turnId);
    if (!turn || turn.state === 'given_up') return 'unknown_turn';
    if (turn.state !== 'open' && turn.state !== 'expired') return 'resolved';
    turn.leaseEndsMs = this.now(wallMs) + LEASE_MS;
    turn.seen = better(turn.seen, seen);
    if (turn.state === 'expired' && turn.seen.cost > turn.paid) {
      this.#pay(turn, turn.seen.cost, 'charge', wallMs);
    }
    return 'renewed';
  }

  /** `cost` of a completed or broken-off turn; null: the upstream failed before it billed anything. */
  settle(turnId: string, report: string, cost: number | null, wallMs: number) {
    const turn = this.turns.get(turnId);
    if (!turn) return { status: 'unknown_turn' as const };
    if (turn.report !== null) {
      const same = turn.report === report;
      return same
        ? { status: 'settled' as const, chargedNanoUsd: turn.paid }
        : { status: 'conflict' as const };
    }
    if (turn.state === 'refused') return { status: 'conflict' as const };
    this.#pay(turn, cost ?? 0, cost === null ? 'failure' : 'charge', wallMs);
    turn.state = 'resolved';
    turn.report = report;
    return { status: 'settled' as const, chargedNanoUsd: turn.paid };
  }

  /** A failure reported before the turn was opened: it must never hold anything. */
  giveUp(ask: Ask, report: string, wallMs: number): void {
    this.#newTurn(ask, 'given_up', wallMs, null).report = report;
  }

  /** Charges every open turn whose lease is over, at the best figure known. */
  runLeases(wallMs: number): void {
    const nowMs = this.now(wallMs);
    for (const turn of this.turns.values()) {
      if (turn.state === 'open' && turn.leaseEndsMs <= nowMs) this.#expire(turn, wallMs);
    }
  }

  endHold(turnId: string, wallMs: number): boolean {
    const turn = this.turns.get(turnId);
    if (turn?.state !== 'open') return false;
    this.#expire(turn, wallMs);
    return true;
  }

  #expire(turn: Turn, wallMs: number): void {
    this.#pay(turn, turn.seen?.cost ?? turn.quote?.expected ?? Number.NaN, 'charge', wallMs);
    turn.state = 'expired';
  }

  /** Makes `cost` what the turn has cost in all: by its first entry, or by a correction of it. */
  #pay(turn: Turn, cost: number, kind: 'charge' | 'failure', wallMs: number): void {
    this.#writtenMs = this.now(wallMs);
    this.#write(turn, turn.state === 'expired' ? 'correction' : kind, cost - turn.paid);
    turn.paid = cost;
  }

  #write(turn: Turn, kind: BookEntry['kind'], amount: number): void {
    this.book.push({ turnId: turn.ask.turnId, kind, amount, admittedMs: turn.admittedMs });
  }
}

/** An exact figure beats an estimate; of two alike, the one that is further along. */
function better(before: Seen | null, now: Seen): Seen {
  if (before === null || before.exact !== now.exact) return before?.exact ? before : now;
  return now.outputTokens >= before.outputTokens ? now : before;
}
