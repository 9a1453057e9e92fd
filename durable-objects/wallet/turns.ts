/**
 * The turns a wallet knows: open ones with their hold and lease, resolved ones as long as a late or repeated
 * report can come. Open holds are mirrored in memory, because every admission sums over them.
 */
import type { PriorPrompt } from '../core/catalogue/asked.ts';
import { type Hold, heldAmount, RESOLVED_KEPT_MS } from '../core/hold.ts';
import { type NanoUsd, nanoUsd } from '../core/money.ts';
import type { Admission, Scope } from '../core/policy/types.ts';
import { type Renaming, withPseudonym } from '../core/pseudonym.ts';
import { RATE_WINDOW_MS } from '../core/rate-limit.ts';
import type { TokenCounts } from '../core/usage.ts';
import type { RecordedStanding } from '../ledger/entry.ts';
import type { DecisionInputs } from './decision-inputs.ts';
import { type LimitHit, Rates } from './rates.ts';
import { Residuals, subjectOf } from './residuals.ts';
import type { OpenReply, OpenRequest, Progress, SettleRequest } from './rpc.ts';
import type { Counted, Span } from './spend.ts';
import { type StoredRow, toTurnRow } from './turn-row.ts';

/** Everything that is known of a turn once it was decided; the ledger entry is made from it. */
export interface OpenedTurn {
  request: OpenRequest;
  reply: OpenReply;
  openSeq: number;
  admittedAtMs: number;
  developer: string;
  keyTags: Record<string, string>;
  decision: 'proceed' | 'downgrade' | 'route' | 'refuse';
  /** The model to be served; null for a refusal. */
  model: string | null;
  /** The served model's line, or "unknown". */
  line: string;
  stage: string | null;
  route: string | null;
  reasons: string[];
  decisionInputs: DecisionInputs;
  policyVersion: number | null;
  standing: RecordedStanding[];
  hold: Hold;
  /** What the ledger says was held: the ceiling where any budget asked for it, else the expectation. */
  heldNanoUsd: number;
  /** Length of the session's prompt before this turn, in tokens. */
  priorPromptTokens: number;
  /** The thread's last answered turn as it stood then; null: there was none. */
  prior: PriorPrompt | null;
  /** The price book it is settled by; null in turns from before there were any: the prices in force. */
  priceBook: number | null;
  /** From 1; each model that was refused or not to be had, and each attempt given up, made it one more. */
  attempt: number;
  failedModels: { model: string; remember: boolean }[];
  /** Attempts that were given up for another one and charged by themselves. */
  billedAttempts: number;
  /** Prompt and output of those; absent where there were none. */
  billedTokens?: number | undefined;
  /** The model of the attempt before; null for the first. */
  sentBefore: string | null;
  /** The limit besides money that refused it; absent where none did. */
  limited?: LimitHit | undefined;
}

/** What a turn has been charged so far, so that a correction can be the difference. */
export interface Charge {
  entryId: string;
  nanoUsd: number;
  listNanoUsd: number;
  /** Null in charges from before it was worked out. */
  askedNanoUsd: number | null;
  /** What it was charged with, as in the entry; null in charges from before there was a difference. */
  chargedPriceVersion: string | null;
  tokens: TokenCounts;
  webSearchRequests: number;
}

export type TurnState = 'open' | 'settled' | 'released' | 'expired' | 'refused';

export interface TurnRow {
  turnId: string;
  state: TurnState;
  openedAtMs: number;
  leaseExpiresAtMs: number;
  /** Null for the tombstone of a turn that was given up before it was opened. */
  opened: OpenedTurn | null;
  progress: Progress | null;
  settlement: SettleRequest | null;
  charge: Charge | null;
}

/** A row whose turn holds money. */
type OpenRow = TurnRow & { opened: OpenedTurn };

export class Turns {
  /** What was used within the last minute, beside money. */
  readonly rates = new Rates();
  readonly #sql: SqlStorage;
  readonly #residuals = new Residuals();
  #open = new Map<string, OpenRow>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.reload();
  }

  /** Reads the mirror of open holds, and of what expired ones can still cost, anew: at start, and after a rolled-back transaction. */
  reload(): void {
    this.#open = new Map();
    this.#residuals.clear();
    const query = "SELECT * FROM turns WHERE state IN ('open', 'expired')";
    for (const stored of this.#sql.exec<StoredRow>(query)) {
      const row = toTurnRow(stored);
      const { opened, ...rest } = row;
      if (row.state === 'expired') this.#residuals.note(row);
      else if (opened) this.#open.set(rest.turnId, { ...rest, opened });
    }
    this.rates.reload([...this.#open.values(), ...this.#recent()]);
  }

  /** Turns that are not open and were opened within the minute before the clock last ticked: at every admission, and never back. */
  #recent(): TurnRow[] {
    const query =
      "SELECT turns.* FROM turns, clock WHERE opened_at_ms > clock.now_ms - ? AND state <> 'open'";
    return this.#sql.exec<StoredRow>(query, RATE_WINDOW_MS).toArray().map(toTurnRow);
  }

  find(turnId: string): TurnRow | null {
    const open = this.#open.get(turnId);
    if (open) return open;
    const [row] = this.#sql.exec<StoredRow>('SELECT * FROM turns WHERE turn_id = ?', turnId).toArray();
    return row ? toTurnRow(row) : null;
  }

  insert(state: 'open' | 'refused', opened: OpenedTurn, leaseExpiresAtMs: number): void {
    const { turnId } = opened.request;
    this.#sql.exec(
      'INSERT INTO turns (turn_id, state, opened_at_ms, lease_expires_at_ms, opened) VALUES (?, ?, ?, ?, ?)',
      turnId,
      state,
      opened.admittedAtMs,
      leaseExpiresAtMs,
      JSON.stringify(opened),
    );
    const openedAtMs = opened.admittedAtMs;
    const unresolved = { progress: null, settlement: null, charge: null };
    const row = { turnId, state, openedAtMs, leaseExpiresAtMs, opened, ...unresolved };
    this.rates.opened(row);
    if (state === 'open') this.#open.set(turnId, row);
  }

  /** Marks a turn as given up before it was opened, so that an open that comes late finds it resolved. */
  insertTombstone(settlement: SettleRequest, nowMs: number): void {
    this.#sql.exec(
      "INSERT INTO turns (turn_id, state, opened_at_ms, lease_expires_at_ms, settlement) VALUES (?, 'released', ?, ?, ?)",
      settlement.turnId,
      nowMs,
      nowMs,
      JSON.stringify(settlement),
    );
  }

  /** Prolongs a lease, with what was seen of the turn so far. */
  renew(turnId: string, leaseExpiresAtMs: number, progress: Progress): void {
    this.#sql.exec('UPDATE turns SET progress = ? WHERE turn_id = ?', JSON.stringify(progress), turnId);
    const open = this.#open.get(turnId);
    if (open) this.#open.set(turnId, { ...open, progress });
    this.postpone(turnId, leaseExpiresAtMs);
  }

  /** Moves the end of a lease. */
  postpone(turnId: string, leaseExpiresAtMs: number): void {
    this.#sql.exec('UPDATE turns SET lease_expires_at_ms = ? WHERE turn_id = ?', leaseExpiresAtMs, turnId);
    const open = this.#open.get(turnId);
    if (open) this.#open.set(turnId, { ...open, leaseExpiresAtMs });
    else this.#noteResidual(turnId);
  }

  #noteResidual(turnId: string): void {
    const [row] = this.#sql.exec<StoredRow>('SELECT * FROM turns WHERE turn_id = ?', turnId).toArray();
    if (row) this.#note(toTurnRow(row));
  }

  #note(row: TurnRow): void {
    this.#residuals.note(row);
    this.rates.changed(row);
  }

  /** A hold resolves once; from `expired` a settlement can still follow. */
  resolve(
    turnId: string,
    state: 'settled' | 'released' | 'expired',
    settlement: SettleRequest | null,
    charge: Charge | null,
  ): void {
    this.#sql.exec(
      'UPDATE turns SET state = ?, settlement = ?, charge = ? WHERE turn_id = ?',
      state,
      settlement ? JSON.stringify(settlement) : null,
      charge ? JSON.stringify(charge) : null,
      turnId,
    );
    const open = this.#open.get(turnId);
    this.#open.delete(turnId);
    if (open) this.#note({ ...open, state, settlement, charge });
    else this.#noteResidual(turnId);
  }

  /** An open turn was decided anew: its hold and its lease from now on. */
  reopen(opened: OpenedTurn, leaseExpiresAtMs: number): void {
    const { turnId } = opened.request;
    this.#sql.exec(
      'UPDATE turns SET opened = ?, progress = NULL, lease_expires_at_ms = ? WHERE turn_id = ?',
      JSON.stringify(opened),
      leaseExpiresAtMs,
      turnId,
    );
    const open = this.#open.get(turnId);
    if (!open) return;
    const row = { ...open, opened, leaseExpiresAtMs, progress: null };
    this.#open.set(turnId, row);
    this.rates.changed(row);
  }

  /** An open turn was decided anew and refused: it holds nothing any more. */
  refuse(opened: OpenedTurn): void {
    const { turnId } = opened.request;
    const update = "UPDATE turns SET state = 'refused', opened = ? WHERE turn_id = ?";
    this.#sql.exec(update, JSON.stringify(opened), turnId);
    const open = this.#open.get(turnId);
    if (open) this.rates.changed({ ...open, state: 'refused', opened });
    this.#open.delete(turnId);
  }

  /**
   * Money held by the open turns a budget counts that were admitted in its window, but for one turn; where it is
   * guaranteed, with what expired ones can still cost at `nowMs`.
   */
  held(
    counted: Counted,
    span: Span,
    { admission, nowMs, except }: { admission: Admission; nowMs: number; except?: string | undefined },
  ): { held: NanoUsd; expected: NanoUsd } {
    const { scope, subject, line } = counted;
    const { startMs, endMs } = span;
    let held = admission === 'guaranteed' ? this.#residuals.sum(counted, span, nowMs) : 0;
    let expected = 0;
    for (const { turnId, opened, openedAtMs } of this.#open.values()) {
      if (openedAtMs < startMs || (endMs !== null && openedAtMs >= endMs) || turnId === except) continue;
      if (line !== null && opened.line !== line) continue;
      if (scope !== 'cost_center' && subjectOf(scope, opened) !== subject) continue;
      const { hold } = opened;
      // A turn admitted before its budget asked for ceilings may have none: then its expectation counts.
      held += heldAmount(hold, admission) ?? hold.expected;
      expected += hold.expected;
    }
    return { held: nanoUsd(held), expected: nanoUsd(expected) };
  }

  /** The subjects of a scope with open holds. */
  openSubjects(scope: Exclude<Scope, 'cost_center'>): string[] {
    return [...this.#open.values()].map(({ opened }) => subjectOf(scope, opened));
  }

  openTurns(): OpenRow[] {
    return [...this.#open.values()];
  }

  /** The instant the next lease runs out; null without open holds. */
  nextLeaseMs(): number | null {
    let next: number | null = null;
    for (const { leaseExpiresAtMs } of this.#open.values()) {
      if (next === null || leaseExpiresAtMs < next) next = leaseExpiresAtMs;
    }
    return next;
  }

  /** Open turns whose lease has run out, at most `limit`. */
  runOut(nowMs: number, limit: number): TurnRow[] {
    return this.openTurns()
      .filter(({ leaseExpiresAtMs }) => leaseExpiresAtMs <= nowMs)
      .slice(0, limit);
  }

  /** In what is kept of turns for late and repeated reports. */
  rename(renaming: Renaming): void {
    const query = 'SELECT turn_id, opened FROM turns WHERE instr(opened, json_quote(?)) > 0';
    const rows = this.#sql.exec<{ turn_id: string; opened: string }>(query, renaming.developer).toArray();
    for (const { turn_id: turnId, opened } of rows) {
      const document = JSON.stringify(withPseudonym(JSON.parse(opened), renaming));
      this.#sql.exec('UPDATE turns SET opened = ? WHERE turn_id = ?', document, turnId);
    }
    this.reload();
  }

  forgetBefore(nowMs: number): void {
    this.#sql.exec(
      "DELETE FROM turns WHERE opened_at_ms < ?1 AND lease_expires_at_ms < ?1 AND state <> 'open'",
      nowMs - RESOLVED_KEPT_MS,
    );
    this.#residuals.forgetBefore(nowMs);
    this.rates.forgetBefore(nowMs);
  }
}
