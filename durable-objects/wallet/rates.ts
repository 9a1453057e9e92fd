/**
 * What subjects have used within the last minute, beside money: a mirror of the turns in memory, as their open holds
 * are, read anew from the table at start and after a rolled-back transaction. Costs a turn no row and no write.
 */
import type { LimitScope } from '../core/policy/types.ts';
import { RATE_WINDOW_MS, type RateFigure, RateWindows } from '../core/rate-limit.ts';
import { totalTokens } from '../core/usage.ts';
import type { OpenReply, OpenRequest } from './rpc.ts';
import type { OpenedTurn, TurnRow } from './turns.ts';

/** The limit that a turn was refused by. */
export interface LimitHit {
  /** As the policy names it. */
  id: string;
  scope: LimitScope;
  subject: string;
  figure: RateFigure;
  /** The figure itself. */
  most: number;
}

/** Whose turn it is. */
export interface Rated {
  costCenter: string;
  developer: string;
  keyId: string;
}

/** So many answers are remembered that no row tells of: those of a second in a storm, which a delayed call can repeat. */
const ANSWERS_KEPT = 1_000;

export function subjectIn(scope: LimitScope, { costCenter, developer, keyId }: Rated): string {
  if (scope === 'cost_center') return costCenter;
  return scope === 'developer' ? developer : keyId;
}

/** The scope stands before the subject: a developer may be called like a key. */
export function rateSubject(scope: LimitScope, subject: string): string {
  return `${scope} ${subject}`;
}

function ratedIn({ request, developer }: OpenedTurn): Rated {
  return { costCenter: request.costCenter, developer, keyId: request.keyId };
}

function subjectsOf(rated: Rated): string[] {
  const scopes = ['cost_center', 'developer', 'key'] as const;
  return scopes.map((scope) => rateSubject(scope, subjectIn(scope, rated)));
}

/** What is expected of a turn while it is open, then what was billed; with what was billed of attempts given up. */
function tokensOf({ state, opened, charge }: TurnRow): number {
  const present = state === 'open' ? opened?.hold : charge;
  return Math.max(0, (opened?.billedTokens ?? 0) + (present ? totalTokens(present.tokens) : 0));
}

/** A turn refused by its first decision was never admitted. */
function wasAdmitted({ state }: TurnRow, { attempt }: OpenedTurn): boolean {
  return state !== 'refused' || attempt > 1;
}

function toldKey({ scope, subject, figure }: Pick<LimitHit, 'scope' | 'subject' | 'figure'>): string {
  return `${scope} ${figure} ${subject}`;
}

export class Rates {
  readonly windows = new RateWindows();
  /** When a refusal was booked last, by limit and subject, epoch ms. */
  readonly #told = new Map<string, number>();
  /** Refusals that no row tells of, by turn, oldest first. They outlast a rolled-back transaction: they were answered. */
  readonly #answered = new Map<string, { request: string; reply: OpenReply }>();

  /** Reads all anew; `rows` are the open turns and those opened within the last minute, in any order. */
  reload(rows: readonly TurnRow[]): void {
    this.windows.clear();
    this.#told.clear();
    for (const row of rows.toSorted((a, b) => a.openedAtMs - b.openedAtMs)) this.opened(row);
  }

  /** Counts a turn that was opened now; a refused one only as told. */
  opened(row: TurnRow): void {
    const { opened, turnId, openedAtMs: admittedAtMs } = row;
    if (!opened) return;
    if (opened.limited) this.#told.set(toldKey(opened.limited), admittedAtMs);
    if (!wasAdmitted(row, opened)) return;
    const subjects = subjectsOf(ratedIn(opened));
    const isOpen = row.state === 'open';
    this.windows.add({ turnId, admittedAtMs, tokens: tokensOf(row), isOpen, subjects });
  }

  /** Counts a turn as it stands now: decided anew, resolved or corrected. */
  changed(row: TurnRow): void {
    this.windows.change(row.turnId, { tokens: tokensOf(row), isOpen: row.state === 'open' });
  }

  /** Whether a refusal by this limit was booked within the last minute. */
  isTold(hit: LimitHit, nowMs: number): boolean {
    const atMs = this.#told.get(toldKey(hit));
    return atMs !== undefined && atMs > nowMs - RATE_WINDOW_MS;
  }

  /**
   * The answer to a refused turn that is not booked, kept for a while: a call that comes late must not hold money for a
   * turn whose client was sent away. The same id with other content is a conflict.
   */
  answered(request: OpenRequest): OpenReply | null {
    const before = this.#answered.get(request.turnId);
    if (!before) return null;
    return before.request === JSON.stringify(request) ? before.reply : { status: 'conflict' };
  }

  answer(request: OpenRequest, reply: OpenReply): OpenReply {
    this.#answered.set(request.turnId, { request: JSON.stringify(request), reply });
    for (const turnId of this.#answered.keys()) {
      if (this.#answered.size <= ANSWERS_KEPT) break;
      this.#answered.delete(turnId);
    }
    return reply;
  }

  /** How many such answers there are, for spreading those that come back. */
  get answers(): number {
    return this.#answered.size;
  }

  /** Drops what is told again anyway. */
  forgetBefore(nowMs: number): void {
    for (const [key, atMs] of this.#told) if (atMs <= nowMs - RATE_WINDOW_MS) this.#told.delete(key);
  }
}
