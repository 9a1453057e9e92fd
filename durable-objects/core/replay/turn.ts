/** A turn of the replay, from its opening to the last of what became of it, in every world. */
import type { Hold } from '../hold.ts';
import { addTokens, NO_TOKENS, type TokenCounts } from '../usage.ts';
import type { RefusalWhy, ReplayEntry } from './types.ts';

/** One entry that moved a turn's money. */
export interface Booking {
  settleSeq: number;
  atMs: number;
  /** Charged by this entry. */
  nanoUsd: number;
  /** Of the turn so far, this entry included. */
  totalNanoUsd: number;
  tokens: TokenCounts;
  webSearchRequests: number;
  /** Charged nothing although tokens may show: failed, or refused by the model. */
  isFree: boolean;
  /** The upstream reported its usage to the end. */
  isCompleted: boolean;
  /** Nobody reported any more: more can follow. */
  isExpired: boolean;
}

/** What was decided over the turn in a world. */
export interface Decided {
  kind: 'proceed' | 'downgrade' | 'route' | 'refuse';
  why: RefusalWhy | null;
  model: string | null;
  stage: string | null;
  route: string | null;
  /** Of the budget behind it; null where none is. */
  budget: string | null;
  reasons: readonly string[];
}

/** Money a turn sets aside in a world, and what is charged there in its place. */
export interface WorldHold {
  model: string;
  line: string;
  hold: Pick<Hold, 'expected' | 'ceiling' | 'tokens'>;
  /** The `max_tokens` sent in place of the asked ones; null: as asked. */
  maxTokens: number | null;
  /** Admitted in this world, epoch ms. */
  atMs: number;
  /** Whether the money is still set aside. */
  isHeld: boolean;
  /** Tokens of the prompt that the model's cache had; null: all is as it was, usage and charge included. */
  cachedTokens: number | null;
  chargedNanoUsd: number;
  /** What would have been charged with the cache as it was. */
  warmNanoUsd: number;
  residualNanoUsd: number;
}

/** What becomes of a turn in a world. */
export interface Fate {
  /** The last decision; null where the turn does not happen. */
  decided: Decided | null;
  /** Null: nothing of it is served. */
  hold: WorldHold | null;
  /** How often it was told to come back; it has a time of its own from then on. */
  retries: number;
  /** It waits to come back. */
  isWaiting: boolean;
}

export interface ReplayTurn {
  /** Its first entry. */
  entry: ReplayEntry;
  bookings: Booking[];
  /** From when its session's own budgets count, and when the session began. */
  sessionStartMs: number;
  sessionLifeMs: number;
  /** Admitted within the span of the replay; else it is only carried in. */
  isCounted: boolean;
  fates: Fate[];
  /** Bookings that have happened in reality. */
  booked: number;
  /** Things still due. */
  due: number;
}

/** A turn that a person refused is no matter of any policy. */
export function isRefusedByPeople({ inputs }: ReplayEntry): boolean {
  return inputs.refusal === 'paused' || inputs.refusal === 'archived' || inputs.refusal === 'stopped';
}

/** What the entries of one turn, in the order they were written, did to its money. */
export function bookingsOf(entries: readonly ReplayEntry[]): Booking[] {
  let [tokens, total, list, searches] = [NO_TOKENS, 0, 0, 0];
  return entries
    .filter(({ kind }) => kind !== 'refusal')
    .map((entry) => {
      tokens = addTokens(tokens, entry.tokens);
      total += entry.chargedNanoUsd;
      list += entry.listNanoUsd;
      searches += entry.webSearchRequests;
      const isEstimated = entry.estimatedWhy !== null;
      return {
        settleSeq: entry.settleSeq,
        atMs: entry.recordedAtMs,
        nanoUsd: entry.chargedNanoUsd,
        totalNanoUsd: total,
        tokens,
        webSearchRequests: searches,
        isFree: list === 0,
        isCompleted: !isEstimated && list > 0,
        isExpired:
          entry.estimatedWhy === 'lease_expired' || (entry.estimatedWhy?.startsWith('ended:') ?? false),
      };
    });
}
