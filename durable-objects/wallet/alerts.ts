/**
 * Events that somebody should hear of, written in the transaction that caused them. Each stage is told once per
 * budget, subject and window, and once more where a canary has the budget too; a model once a change; other events once
 * an hour and subject. Delivery is not the wallet's.
 */
import type { Stage } from '../core/policy/types.ts';
import type { Renaming } from '../core/pseudonym.ts';
import { type Standing, stageName } from '../core/standing.ts';
import type { AlertContext, AlertEvent } from '../ledger/entry.ts';
import { timeOrderedId } from '../ledger/time-ordered-id.ts';
import type { AlertHandover } from './alert-handover.ts';
import type { Outbox } from './outbox.ts';
import { toRecordedStanding } from './standings.ts';

/** The turn that caused an event, as the event tells it. */
export interface AlertTurn {
  costCenter: string;
  turnId: string | null;
  session: string | null;
  developer: string | null;
  policyVersion: number | null;
  /** The canary that decided: what its stages tell keeps none of the live version's from being told. */
  canary?: number | null;
}

/** Marks are forgotten when no window they could belong to is still open. */
const MARKS_KEPT_MS = 40 * 86_400_000;
const HOUR_MS = 3_600_000;

export class Alerts {
  readonly #sql: SqlStorage;
  readonly #outbox: Outbox;
  readonly #handover: AlertHandover;

  constructor(sql: SqlStorage, outbox: Outbox, handover: AlertHandover) {
    this.#sql = sql;
    this.#outbox = outbox;
    this.#handover = handover;
  }

  /** Tells that a stage was crossed, unless it was told in this window before. */
  tellStage(
    turn: AlertTurn,
    standing: Standing,
    stage: Stage,
    context: () => AlertContext,
    nowMs: number,
  ): void {
    const { budget, subject } = standing;
    const { canary = null } = turn;
    const mark = canary === null ? stage.at : `${stage.at} canary ${canary}`;
    if (!this.#mark(budget.id, subject, standing.startMs, mark)) return;
    const event = { ...eventOf(`stage:${stage.do}`, turn, nowMs), ...factsOf(standing) };
    this.#put({ ...event, stage: stageName(budget, stage), context: context() }, nowMs);
  }

  /** Tells that a budget will run out before its window ends, unless that was told in this window before. */
  tellProjection(turn: AlertTurn, standing: Standing, context: () => AlertContext, nowMs: number): void {
    const { budget, subject } = standing;
    if (!this.#mark(budget.id, subject, standing.startMs, 'projection')) return;
    this.#put({ ...eventOf('projection', turn, nowMs), ...factsOf(standing), context: context() }, nowMs);
  }

  /** Tells of anything else, at most once an hour for the same `subject`: false where it was told in this one. */
  tell(on: string, subject: string, turn: AlertTurn, facts: unknown, nowMs: number): boolean {
    if (!this.#mark('', subject, nowMs - (nowMs % HOUR_MS), on)) return false;
    this.tellOnce(on, subject, turn, facts, nowMs);
    return true;
  }

  /** Tells of something whose teller knows that it was not told before. */
  tellOnce(on: string, subject: string, turn: AlertTurn, facts: unknown, nowMs: number): void {
    this.#put({ ...eventOf(on, turn, nowMs), subject, standing: facts }, nowMs);
  }

  #put(event: AlertEvent, nowMs: number): void {
    this.#outbox.put('alerts', event, nowMs);
    this.#handover.put(event);
  }

  /** False where it was marked before. */
  #mark(budget: string, subject: string, windowStartMs: number, stage: string): boolean {
    const inserted = this.#sql.exec(
      'INSERT INTO crossings (budget, subject, window_start_ms, stage) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
      budget,
      subject,
      windowStartMs,
      stage,
    );
    return inserted.rowsWritten > 0;
  }

  /** What a developer's budgets were told of is not told again under the other name. */
  rename({ developer, pseudonym }: Renaming): void {
    const update = 'UPDATE OR REPLACE crossings SET subject = ? WHERE subject = ?';
    this.#sql.exec(update, pseudonym, developer);
  }

  forgetBefore(nowMs: number): void {
    // A session's window has no end: its marks last as long as it.
    this.#sql.exec(
      `DELETE FROM crossings WHERE window_start_ms < ?
       AND subject NOT IN (SELECT session FROM session_spans)`,
      nowMs - MARKS_KEPT_MS,
    );
  }
}

/** What an event says of the budget it is about. */
function factsOf(standing: Standing) {
  const recorded = toRecordedStanding(standing);
  const { window_start, resets_at } = recorded;
  return {
    budget: standing.budget.id,
    subject: standing.subject,
    window_start,
    resets_at,
    standing: recorded,
  };
}

function eventOf(on: string, turn: AlertTurn, nowMs: number): AlertEvent {
  return {
    event_id: timeOrderedId(nowMs),
    cost_center: turn.costCenter,
    on,
    occurred_at: new Date(nowMs).toISOString(),
    turn_id: turn.turnId,
    session: turn.session,
    developer: turn.developer,
    policy_version: turn.policyVersion,
    budget: null,
    subject: null,
    stage: null,
    window_start: null,
    resets_at: null,
    standing: null,
    context: null,
  };
}
