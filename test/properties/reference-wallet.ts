/**
 * A second wallet, written from what the design promises and not from the code: plain data, loops over
 * everything, nothing kept that can be summed anew. Prices, hold sizes and the calendar are given to it.
 */
import { unseenCost } from './answers.ts';
import { heldFor, judge, type MoneyView, type StickyStep } from './reference-judge.ts';
import { type Cost, LIST_VERSION, NOTHING, type Override } from './reference-prices.ts';
import type { BudgetRules, Calendar, Raise, Rules, Total } from './reference-rules.ts';
import { ReferenceSessions } from './reference-sessions.ts';
import {
  type Ask,
  type BookEntry,
  better,
  difference,
  type Expected,
  newTurn,
  type Quote,
  type Seen,
  type Turn,
} from './reference-turn.ts';

const LEASE_MS = 30_000;
const REPORTED_FOR_MS = 86_400_000;

export class ReferenceWallet {
  readonly turns = new Map<string, Turn>();
  readonly book: BookEntry[] = [];
  /** By key id; what is wrong with a key, null where nothing is. */
  readonly keyProblems = new Map<string, string | null>();
  /** By thread: the step down that sticks to it. */
  readonly steps = new Map<string, StickyStep>();
  readonly sessions = new ReferenceSessions();
  rules: Rules;
  raises: Raise[] = [];
  /** Negotiated prices, as far as the wallet has heard of them. */
  overrides: readonly Override[] = [];
  readonly #costCenter: string;
  readonly #calendar: Calendar;
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
    const nowMs = this.now(wallMs);
    this.#writtenMs = nowMs;
    if (this.sessions.keep(ask.session, nowMs).isNew) this.#forgetSteps(ask.session);
    const { expected, quote, step } = judge(
      this.#view(nowMs),
      ask,
      this.steps.get(ask.thread) ?? null,
      nowMs,
    );
    if (step) this.steps.set(ask.thread, step);
    else if (quote) this.steps.delete(ask.thread);
    const turn = this.#newTurn(ask, quote ? 'open' : 'refused', nowMs, quote);
    if (!quote) this.#write(turn, 'refusal', NOTHING);
    return expected;
  }

  /**
   * Decides anew after an attempt. `billed`: what it cost that was given up; null: its model is not to be had, and where
   * no other is, the turn stays held if `holdsOn`. `quotes` are those of now.
   */
  reopen(
    { turnId, attempt }: { turnId: string; attempt: number },
    { billed, holdsOn }: { billed: Cost | null; holdsOn: boolean },
    quotes: readonly Quote[],
    wallMs: number,
  ): Expected {
    const turn = this.turns.get(turnId);
    if (!turn || turn.state === 'given_up') return { status: 'conflict' };
    const isAnswered = turn.state === 'open' || turn.state === 'refused';
    if (turn.attempt === attempt + 1 && isAnswered) return { status: 'as_before' };
    const { quote: sent } = turn;
    if (turn.state !== 'open' || turn.attempt !== attempt || !sent) return { status: 'conflict' };
    if (billed) {
      this.#writtenMs = this.now(wallMs);
      this.#write(turn, 'charge', billed);
      turn.given = [...turn.given, { ...billed, line: sent.line }];
    }
    const failed = billed ? turn.failed : [...turn.failed, sent.model];
    const nowMs = this.now(wallMs);
    const { thread } = turn.ask;
    const step = failed.length > 0 ? null : (this.steps.get(thread) ?? null);
    // Its own hold does not stand in its way.
    turn.quote = null;
    const ask = { ...turn.ask, quotes };
    const verdict = judge(this.#view(turn.admittedMs), ask, step, nowMs, failed);
    if (!verdict.quote && holdsOn) {
      turn.quote = sent;
      return { status: 'nothing_left' };
    }
    if (verdict.step) this.steps.set(thread, verdict.step);
    else if (verdict.quote) this.steps.delete(thread);
    const { quote } = verdict;
    const held = heldFor(this.rules, quote);
    const present = { quote, held, failed, seen: null, overrides: this.overrides, attempt: attempt + 1 };
    Object.assign(turn, present, { state: quote ? 'open' : 'refused', leaseEndsMs: nowMs + LEASE_MS });
    if (!quote) {
      this.#writtenMs = nowMs;
      this.#write(turn, 'refusal', NOTHING);
    }
    return verdict.expected;
  }

  #forgetSteps(session: string): void {
    for (const thread of this.steps.keys()) if (thread.startsWith(`${session} `)) this.steps.delete(thread);
  }

  #newTurn(ask: Ask, state: Turn['state'], nowMs: number, quote: Quote | null): Turn {
    const times = { admittedMs: nowMs, leaseEndsMs: nowMs + LEASE_MS };
    const held = heldFor(this.rules, quote);
    const turn = newTurn({ ask, state, quote, held, overrides: this.overrides, ...times });
    this.turns.set(ask.turnId, turn);
    return turn;
  }

  /** What the budgets say of the turn, for the judge. */
  #view(nowMs: number): MoneyView {
    return {
      rules: this.rules,
      endOf: ({ window }) =>
        window === null
          ? Number.POSITIVE_INFINITY
          : this.#calendar.windowEnd(window, this.rules.timezone, nowMs),
      subject: (budget, ask) => this.subject(budget, ask),
      total: (budget, subject) => this.total(budget, subject, nowMs),
      limit: (budget, subject) => this.limit(budget, subject, nowMs),
    };
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

  /** Whether the session has a turn running or was asked for something within a day: older ones nobody wants listed. */
  isRecent(session: string, nowMs: number): boolean {
    if (this.sessions.isOfToday(session, nowMs)) return true;
    return [...this.turns.values()].some((turn) => turn.state === 'open' && turn.ask.session === session);
  }

  subject(budget: BudgetRules, ask: Pick<Ask, 'developer' | 'keyId' | 'session'>): string {
    if (budget.scope === 'cost_center') return this.#costCenter;
    if (budget.scope === 'session') return ask.session;
    return budget.scope === 'developer' ? ask.developer : ask.keyId;
  }

  #isCounted(budget: BudgetRules, turn: Turn, nowMs: number): boolean {
    if (budget.window !== null) {
      return this.#calendar.sameWindow(budget.window, this.rules.timezone, turn.admittedMs, nowMs);
    }
    const sinceMs = this.sessions.since(turn.ask.session, nowMs);
    return sinceMs !== null && turn.admittedMs >= sinceMs;
  }

  /** The fold of everything that was ever opened and settled, as one budget counts it now. */
  total(budget: BudgetRules, subject: string, nowMs: number): Total {
    const total = { settled: 0, held: 0, expected: 0 };
    for (const turn of this.turns.values()) {
      if (this.subject(budget, turn.ask) !== subject) continue;
      if (!this.#isCounted(budget, turn, nowMs)) continue;
      for (const { line, charged } of turn.given) {
        if (budget.line === null || budget.line === line) total.settled += charged;
      }
      if (budget.line !== null && turn.quote?.line !== budget.line) continue;
      const paid = turn.paid?.charged ?? 0;
      total.settled += paid;
      if (turn.state === 'expired' && budget.guaranteed && nowMs < turn.leaseEndsMs + REPORTED_FOR_MS) {
        // A late report can still cost up to the ceiling.
        total.held += Math.max(0, (turn.quote?.ceiling ?? 0) - paid);
      }
      if (turn.state !== 'open' || !turn.quote) continue;
      total.held += (budget.guaranteed ? turn.quote.ceiling : null) ?? turn.quote.expected;
      total.expected += turn.quote.expected;
    }
    return total;
  }

  renew(
    { turnId, attempt }: { turnId: string; attempt: number },
    seen: Seen,
    wallMs: number,
  ): 'renewed' | 'resolved' | 'unknown_turn' {
    const turn = this.turns.get(turnId);
    if (!turn || turn.state === 'given_up' || turn.attempt !== attempt) return 'unknown_turn';
    if (turn.state !== 'open' && turn.state !== 'expired') return 'resolved';
    turn.leaseEndsMs = this.now(wallMs) + LEASE_MS;
    turn.seen = better(turn.seen, seen);
    const { cost } = turn.seen;
    const isMore = turn.paid && (cost.charged > turn.paid.charged || cost.list > turn.paid.list);
    if (turn.state === 'expired' && isMore) this.#pay(turn, cost, 'charge', wallMs);
    return 'renewed';
  }

  /**
   * `cost` of a completed or broken-off turn; null: the upstream failed before it billed anything. `isUndecided`: the
   * decision after this attempt was not heard, so nobody sent the next one.
   */
  settle(
    { turnId, attempt, isUndecided }: { turnId: string; attempt: number; isUndecided: boolean },
    report: string,
    cost: Cost | null,
    wallMs: number,
  ) {
    const turn = this.turns.get(turnId);
    if (!turn) return { status: 'unknown_turn' as const };
    if (turn.report !== null) {
      const same = turn.report === report;
      return same
        ? { status: 'settled' as const, chargedNanoUsd: turn.paid?.charged ?? 0 }
        : { status: 'conflict' as const };
    }
    const isUnsent = isUndecided && turn.attempt === attempt + 1;
    if (turn.state === 'refused') {
      return isUnsent ? { status: 'settled' as const, chargedNanoUsd: 0 } : { status: 'conflict' as const };
    }
    if (turn.attempt !== attempt && !isUnsent) return { status: 'conflict' as const };
    // All of a charge is taken back at the prices it was made with.
    const nothing = { ...NOTHING, version: turn.paid?.version ?? LIST_VERSION };
    const isFailure = cost === null || isUnsent;
    this.#pay(turn, isFailure ? nothing : cost, isFailure ? 'failure' : 'charge', wallMs);
    turn.state = 'resolved';
    turn.report = report;
    return { status: 'settled' as const, chargedNanoUsd: turn.paid?.charged ?? 0 };
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
    const { ask, quote, seen } = turn;
    if (!quote) throw new RangeError(`${ask.turnId} never ran`);
    // Nobody said which provider had it: the dearest it may have been.
    const cost = seen?.cost ?? unseenCost(turn, quote.request.output, 'dearest');
    this.#pay(turn, cost, 'charge', wallMs);
    turn.state = 'expired';
  }

  /** Makes `cost` what the turn has cost in all: by its first entry, or by a correction of it. */
  #pay(turn: Turn, cost: Cost, kind: 'charge' | 'failure', wallMs: number): void {
    this.#writtenMs = this.now(wallMs);
    if (turn.paid) this.#write(turn, 'correction', difference(cost, turn.paid));
    else this.#write(turn, kind, cost);
    turn.paid = cost;
  }

  #write(turn: Turn, kind: BookEntry['kind'], cost: Cost): void {
    const { ask, held, quote } = turn;
    this.book.push({ turnId: ask.turnId, kind, held, expected: quote?.expected ?? null, ...cost });
  }
}
