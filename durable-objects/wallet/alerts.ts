/**
 * Events that somebody should hear of, written in the transaction that caused them. Each stage is told once per
 * budget, subject and window; a model once a change; other events once an hour and subject. Delivery is not the
 * wallet's.
 */
import type { Stage } from '../core/policy/types.ts';
import type { Renaming } from '../core/pseudonym.ts';
import { type Standing, stageName } from '../core/standing.ts';
import type { AlertEvent } from '../ledger/entry.ts';
import type { Outbox } from './outbox.ts';
import { toRecordedStanding } from './standings.ts';
import { timeOrderedId } from './time-ordered-id.ts';

/** The turn that caused an event, as the event tells it. */
export interface AlertTurn {
  costCenter: string;
  turnId: string | null;
  session: string | null;
  developer: string | null;
  policyVersion: number | null;
}

/** Marks are forgotten when no window they could belong to is still open. */
const MARKS_KEPT_MS = 40 * 86_400_000;
const HOUR_MS = 3_600_000;

export class Alerts {
  readonly #sql: SqlStorage;
  readonly #outbox: Outbox;

  constructor(sql: SqlStorage, outbox: Outbox) {
    this.#sql = sql;
    this.#outbox = outbox;
  }

  /** Tells that a stage was crossed, unless it was told in this window before. */
  tellStage(turn: AlertTurn, standing: Standing, stage: Stage, nowMs: number): void {
    const { budget, subject } = standing;
    if (!this.#mark(budget.id, subject, standing.startMs, stage.at)) return;
    const recorded = toRecordedStanding(standing);
    const event = {
      ...eventOf(`stage:${stage.do}`, turn, nowMs),
      budget: budget.id,
      subject,
      stage: stageName(budget, stage),
      window_start: recorded.window_start,
      resets_at: recorded.resets_at,
      standing: recorded,
    };
    this.#outbox.put('alerts', event, nowMs);
  }

  /** Tells of anything else, at most once an hour for the same `subject`. */
  tell(on: string, subject: string, turn: AlertTurn, facts: unknown, nowMs: number): void {
    if (!this.#mark('', subject, nowMs - (nowMs % HOUR_MS), on)) return;
    this.tellOnce(on, subject, turn, facts, nowMs);
  }

  /** Tells of something whose teller knows that it was not told before. */
  tellOnce(on: string, subject: string, turn: AlertTurn, facts: unknown, nowMs: number): void {
    this.#outbox.put('alerts', { ...eventOf(on, turn, nowMs), subject, standing: facts }, nowMs);
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
