/**
 * Limits besides money: how many turns and tokens a subject had within the last 60 seconds, how many turns it has under
 * way, and whether one more fits. The sums run along with what happens, so that a question costs no scan.
 */
import type { RateFigures } from './policy/types.ts';

/** A turn admitted at an instant counts up to this long after it, and not at its end, ms. */
export const RATE_WINDOW_MS = 60_000;

export type RateFigure = 'requests_per_minute' | 'tokens_per_minute' | 'concurrent_turns';

export interface RatedTurn {
  turnId: string;
  /** Epoch ms; turns are added in its order. */
  admittedAtMs: number;
  /** Prompt and output, at least 0: expected while it is open, billed afterwards. */
  tokens: number;
  isOpen: boolean;
  /** Whom it counts for. */
  subjects: readonly string[];
}

/** What a subject has used at an instant. */
export interface RateUse {
  requests: number;
  tokens: number;
  openTurns: number;
}

/** A figure that a turn does not fit in. */
export interface RateHit {
  figure: RateFigure;
  /** The figure itself. */
  most: number;
  /** How long until it fits, above 0 ms; null: until another turn ends, which nobody knows. */
  waitMs: number | null;
}

interface Subject {
  /** Within the window at the last admission, oldest first. */
  turns: Set<RatedTurn>;
  /** Of `turns`. */
  tokens: number;
  openTurns: number;
}

const NOBODY: Subject = { turns: new Set(), tokens: 0, openTurns: 0 };

export class RateWindows {
  readonly #turns = new Map<string, RatedTurn>();
  readonly #subjects = new Map<string, Subject>();
  /** Those within the window at the last admission, oldest first. */
  readonly #recent = new Set<RatedTurn>();

  clear(): void {
    this.#turns.clear();
    this.#subjects.clear();
    this.#recent.clear();
  }

  /** Counts a turn that was admitted now. No time before it is asked about any more: who admits has ticked the clock. */
  add(turn: RatedTurn): void {
    this.#leave(turn.admittedAtMs);
    const added = { ...turn };
    this.#turns.set(added.turnId, added);
    this.#recent.add(added);
    for (const name of added.subjects) {
      const subject = this.#subjects.get(name) ?? { turns: new Set(), tokens: 0, openTurns: 0 };
      this.#subjects.set(name, subject);
      subject.turns.add(added);
      subject.tokens += added.tokens;
      if (added.isOpen) subject.openTurns += 1;
    }
  }

  /** Counts a turn anew that changed or ended; one that counts no more is none of its business. */
  change(turnId: string, { tokens, isOpen }: Pick<RatedTurn, 'tokens' | 'isOpen'>): void {
    const turn = this.#turns.get(turnId);
    if (!turn) return;
    for (const name of turn.subjects) {
      const subject = this.#subjects.get(name);
      if (!subject) continue;
      if (subject.turns.has(turn)) subject.tokens += tokens - turn.tokens;
      subject.openTurns += Number(isOpen) - Number(turn.isOpen);
    }
    turn.tokens = tokens;
    turn.isOpen = isOpen;
    this.#forgetUnused(turn);
  }

  /** What a subject has used at an instant not before the last admission. Changes nothing: a clock that is only read may go back. */
  use(name: string, nowMs: number): RateUse {
    const { turns, tokens, openTurns } = this.#subjects.get(name) ?? NOBODY;
    const use = { requests: turns.size, tokens, openTurns };
    for (const turn of turns) {
      if (isRecent(turn, nowMs)) break;
      use.requests -= 1;
      use.tokens -= turn.tokens;
    }
    return use;
  }

  /** The subjects that have used anything at an instant. */
  subjects(nowMs: number): string[] {
    return [...this.#subjects.keys()].filter((name) => {
      const { requests, openTurns } = this.use(name, nowMs);
      return requests > 0 || openTurns > 0;
    });
  }

  /** The figures that a turn of so many expected tokens does not fit in. */
  hits(name: string, figures: RateFigures, tokens: number, nowMs: number): RateHit[] {
    const use = this.use(name, nowMs);
    const { requestsPerMinute, tokensPerMinute, concurrentTurns } = figures;
    const hits: RateHit[] = [];
    if (requestsPerMinute !== null && use.requests >= requestsPerMinute) {
      const waitMs = this.#waitMs(name, nowMs, use, (left) => left.requests < requestsPerMinute);
      hits.push({ figure: 'requests_per_minute', most: requestsPerMinute, waitMs });
    }
    const fits = (left: RateUse) => tokensPerMinute === null || hasRoom(left, tokens, tokensPerMinute);
    if (tokensPerMinute !== null && !fits(use)) {
      const waitMs = this.#waitMs(name, nowMs, use, fits);
      hits.push({ figure: 'tokens_per_minute', most: tokensPerMinute, waitMs });
    }
    if (concurrentTurns !== null && use.openTurns >= concurrentTurns) {
      hits.push({ figure: 'concurrent_turns', most: concurrentTurns, waitMs: null });
    }
    return hits;
  }

  /** How long until so much of what was used has left the window that the rest fits. */
  #waitMs(name: string, nowMs: number, use: RateUse, fits: (left: RateUse) => boolean): number {
    const left = { ...use };
    for (const turn of (this.#subjects.get(name) ?? NOBODY).turns) {
      if (!isRecent(turn, nowMs)) continue;
      left.requests -= 1;
      left.tokens -= turn.tokens;
      if (fits(left)) return turn.admittedAtMs + RATE_WINDOW_MS - nowMs;
    }
    return RATE_WINDOW_MS;
  }

  #leave(nowMs: number): void {
    for (const turn of this.#recent) {
      if (isRecent(turn, nowMs)) return;
      this.#recent.delete(turn);
      for (const name of turn.subjects) {
        const subject = this.#subjects.get(name);
        if (subject?.turns.delete(turn)) subject.tokens -= turn.tokens;
      }
      this.#forgetUnused(turn);
    }
  }

  #forgetUnused(turn: RatedTurn): void {
    if (turn.isOpen || this.#recent.has(turn)) return;
    this.#turns.delete(turn.turnId);
    for (const name of turn.subjects) {
      const subject = this.#subjects.get(name);
      if (subject?.turns.size === 0 && subject.openTurns === 0) this.#subjects.delete(name);
    }
  }
}

function isRecent({ admittedAtMs }: RatedTurn, nowMs: number): boolean {
  return admittedAtMs > nowMs - RATE_WINDOW_MS;
}

/** A turn that is larger than the figure by itself goes when nothing else counts: else it never would. */
function hasRoom(left: RateUse, tokens: number, most: number): boolean {
  return left.tokens === 0 || left.tokens + tokens <= most;
}
