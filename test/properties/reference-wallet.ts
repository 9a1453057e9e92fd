/**
 * A second wallet, written from what the design promises and not from the code: plain data, loops over
 * everything, nothing kept that can be summed anew. Prices, hold sizes and the calendar are given to it.
 */

export type Scope = 'cost_center' | 'developer' | 'key';
export type WindowKind = 'day' | 'week' | 'month';

export interface BudgetRules {
  id: string;
  scope: Scope;
  window: WindowKind;
  limit: number;
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
  /** Equal for equal requests. */
  content: string;
  /** Of every model, dearest first; the one asked for is named. */
  quotes: readonly Quote[];
  model: string;
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

/** Whether two instants fall in the same window of a time zone. */
export type SameWindow = (window: WindowKind, timezone: string, aMs: number, bMs: number) => boolean;

const LEASE_MS = 30_000;

export class ReferenceWallet {
  readonly turns = new Map<string, Turn>();
  readonly book: BookEntry[] = [];
  /** By key id; what is wrong with a key, null where nothing is. */
  readonly keyProblems = new Map<string, string | null>();
  rules: Rules;
  readonly #costCenter: string;
  readonly #sameWindow: SameWindow;
  #writtenMs = 0;

  constructor(costCenter: string, rules: Rules, sameWindow: SameWindow) {
    this.#costCenter = costCenter;
    this.rules = rules;
    this.#sameWindow = sameWindow;
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
    const { expected, quote } = this.#judge(ask, this.#writtenMs);
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

  /** Stays on the model asked for, or steps down, or is refused; money decides. */
  #judge(ask: Ask, nowMs: number): { expected: Expected; quote: Quote | null } {
    const position = ask.quotes.findIndex((quote) => quote.model === ask.model);
    const asked = ask.quotes.slice(position, position + 1);
    const below = ask.quotes.slice(position + 1).filter(({ model }) => this.rules.cascade.includes(model));
    const stepDown = this.rules.budgets.some((budget) => {
      const { settled, expected } = this.total(budget, this.subject(budget, ask), nowMs);
      const stage = budget.stages.find(({ does }) => does === 'downgrade');
      return stage !== undefined && settled + expected >= line(budget, stage.at);
    });
    const obstacles: ReturnType<ReferenceWallet['obstacles']>[] = [];
    for (const quote of stepDown ? [...below, ...asked] : [...asked, ...below]) {
      const found = this.obstacles(ask, quote, nowMs);
      const decision = quote.model === ask.model ? 'proceed' : 'downgrade';
      if (found.size === 0) return { expected: { status: 'admitted', model: quote.model, decision }, quote };
      obstacles.push(found);
    }
    const hard = obstacles.map((found) => [...found].filter((why) => why !== 'pending'));
    const why = hard.some((found) => found.length === 0) ? ['pending' as const] : [...new Set(hard.flat())];
    return { expected: { status: 'refused', why }, quote: null };
  }

  /** What keeps this turn from this model, of all budgets together. */
  obstacles(ask: Ask, quote: Quote, nowMs: number): Set<'budget' | 'pending' | 'unbounded'> {
    const found = new Set<'budget' | 'pending' | 'unbounded'>();
    for (const budget of this.rules.budgets) {
      const pause = pauseLine(budget);
      if (pause === null) continue;
      const { settled, held } = this.total(budget, this.subject(budget, ask), nowMs);
      const own = budget.guaranteed ? quote.ceiling : quote.expected;
      if (own === null) found.add('unbounded');
      else if (settled >= pause || settled + own > pause) found.add('budget');
      else if (settled + held + own > pause) found.add('pending');
    }
    return found;
  }

  subject(budget: BudgetRules, ask: Pick<Ask, 'developer' | 'keyId'>): string {
    if (budget.scope === 'cost_center') return this.#costCenter;
    return budget.scope === 'developer' ? ask.developer : ask.keyId;
  }

  /** The fold of everything that was ever opened and settled, as one budget counts it now. */
  total(budget: BudgetRules, subject: string, nowMs: number): Total {
    const total = { settled: 0, held: 0, expected: 0 };
    for (const turn of this.turns.values()) {
      if (this.subject(budget, turn.ask) !== subject) continue;
      if (!this.#sameWindow(budget.window, this.rules.timezone, turn.admittedMs, nowMs)) continue;
      total.settled += turn.paid;
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

/** A fraction of a budget's limit, rounded down; `at` in thousandths. */
export function line(budget: BudgetRules, at: number): number {
  return Math.floor((budget.limit / 1_000) * at);
}

export function pauseLine(budget: BudgetRules): number | null {
  const pause = budget.stages.find(({ does }) => does === 'pause');
  return pause ? line(budget, pause.at) : null;
}

/** An exact figure beats an estimate; of two alike, the one that is further along. */
function better(before: Seen | null, now: Seen): Seen {
  if (before === null || before.exact !== now.exact) return before?.exact ? before : now;
  return now.outputTokens >= before.outputTokens ? now : before;
}
