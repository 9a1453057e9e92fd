/** A turn as the reference wallet knows it, and what its book says of one. */
import type { Cost, Override, Request, Used } from './reference-prices.ts';

/** What one model would set aside for a turn (nano-USD), and how it compares with the others. */
export interface Quote {
  model: string;
  line: string;
  expected: number;
  /** Null: the turn has none. */
  ceiling: number | null;
  /** Tokens as estimated. */
  request: Request;
  /** To compare with other models': nothing moves to a dearer one. */
  dearness: bigint;
  /** What the thread's further turns would come to: a step down has to pay. */
  course: number;
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
  /** Of every model; the one asked for is named. */
  quotes: readonly Quote[];
  model: string;
  geo: Used['geo'];
  /** What the dearest provider takes that the turn may go to, in millionths of list prices. */
  dearest: bigint;
}

/** The best figure known of a running turn: its cost so far, exact where the answer has begun. */
export interface Seen {
  exact: boolean;
  outputTokens: number;
  cost: Cost;
}

export type Expected =
  | { status: 'admitted'; model: string; decision: 'proceed' | 'downgrade' }
  | { status: 'refused'; why: readonly ('budget' | 'pending' | 'unbounded' | 'model')[] }
  | { status: 'nothing_left' }
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
  /** What its entries say was held. */
  held: number;
  /** Negotiated prices as the wallet knew them when it took the hold: whatever is settled later is settled by these. */
  overrides: readonly Override[];
  seen: Seen | null;
  /** Of the present attempt; null: nothing was booked yet. */
  paid: Cost | null;
  /** From 1. */
  attempt: number;
  /** Models that came to nothing before. */
  failed: readonly string[];
  /** What earlier attempts cost that were given up. */
  given: readonly (Cost & { line: string })[];
  /** The report that resolved it. */
  report: string | null;
}

/** A turn of which nothing was reported yet. */
export function newTurn(
  opened: Omit<Turn, 'seen' | 'paid' | 'attempt' | 'failed' | 'given' | 'report'>,
): Turn {
  return { ...opened, seen: null, paid: null, attempt: 1, failed: [], given: [], report: null };
}

export interface BookEntry extends Cost {
  turnId: string;
  kind: 'charge' | 'correction' | 'refusal' | 'failure';
  held: number;
  expected: number | null;
}

/** An exact figure beats an estimate; of two alike, the one that is further along. */
export function better(before: Seen | null, now: Seen): Seen {
  if (before === null || before.exact !== now.exact) return before?.exact ? before : now;
  return now.outputTokens >= before.outputTokens ? now : before;
}

/** What is still to be booked to make `before` into `cost`. */
export function difference(cost: Cost, before: Cost): Cost {
  return {
    charged: cost.charged - before.charged,
    list: cost.list - before.list,
    asked: before.asked === null ? null : (cost.asked ?? 0) - before.asked,
    version: cost.version,
  };
}
