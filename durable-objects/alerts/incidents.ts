/**
 * What destinations hold open for Bursar: opened with a message, ended when the budget's window resets or when somebody
 * raised it. An incident whose message is still on its way is not ended before it.
 */
import type { Renaming } from '../core/pseudonym.ts';
import type { AlertEvent } from '../ledger/entry.ts';
import type { Batch } from './deliveries.ts';
import type { Outcome } from './destinations/outcome.ts';
import { waitAfter } from './retry.ts';

export interface DueIncident extends Record<string, SqlStorageValue> {
  destination: string;
  message_id: string;
  cost_center: string;
  tries: number;
}

const NOT_ON_ITS_WAY = `NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.destination = i.destination
  AND d.message_id = i.message_id AND d.next_at_ms IS NOT NULL)`;

/** Selects `destination` and `due_ms` of incidents that are to be ended. */
export const INCIDENTS_DUE = `SELECT i.destination, i.next_at_ms AS due_ms, 0 AS severity, i.message_id AS first
  FROM incidents i WHERE i.next_at_ms IS NOT NULL AND ${NOT_ON_ITS_WAY}`;

export class Incidents {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Notes that a message opens one. What concerns no budget is for people to close, and not noted. */
  open(
    { destination, messageId }: Batch,
    costCenter: string,
    events: readonly [AlertEvent, ...AlertEvent[]],
    nowMs: number,
  ): void {
    const [first] = events;
    if (first.budget === null) return;
    const resets = events.map(({ resets_at: at }) => (at === null ? null : Date.parse(at)));
    const known = resets.filter((at) => at !== null);
    this.#sql.exec(
      `INSERT INTO incidents VALUES (?, ?, ?, ?, ?, ?, 'open', 0, ?) ON CONFLICT DO NOTHING`,
      destination,
      messageId,
      costCenter,
      first.budget,
      events.length > 1 ? null : first.subject,
      nowMs,
      known.length < resets.length ? null : Math.max(...known),
    );
  }

  /** A message that was given up opened none. */
  drop({ destination, messageId }: Batch): void {
    this.#sql.exec('DELETE FROM incidents WHERE destination = ? AND message_id = ?', destination, messageId);
  }

  /** Makes open incidents of a budget due; a null subject: of all subjects. */
  resolve(costCenter: string, budget: string, subject: string | null, nowMs: number): void {
    this.#sql.exec(
      `UPDATE incidents SET next_at_ms = ?1
       WHERE cost_center = ?2 AND budget = ?3 AND (?4 IS NULL OR subject = ?4) AND state = 'open'`,
      nowMs,
      costCenter,
      budget,
      subject,
    );
  }

  next(destination: string, nowMs: number): DueIncident | null {
    const query = `SELECT destination, message_id, cost_center, tries FROM incidents i
      WHERE destination = ? AND next_at_ms <= ? AND ${NOT_ON_ITS_WAY} ORDER BY next_at_ms LIMIT 1`;
    return this.#sql.exec<DueIncident>(query, destination, nowMs).toArray()[0] ?? null;
  }

  /** Notes what became of ending one: an incident that cannot be ended is left to people. */
  end({ destination, message_id: messageId, tries }: DueIncident, outcome: Outcome, nowMs: number): void {
    const wait = outcome.result === 'later' ? waitAfter(tries + 1, outcome.retryAfterMs) : null;
    const ended = outcome.result === 'delivered' ? 'resolved' : 'left';
    if (ended === 'left' && wait === null) {
      console.warn({ message: 'an incident was not resolved', destination, messageId });
    }
    this.#sql.exec(
      `UPDATE incidents SET state = ?, tries = tries + 1, next_at_ms = ? WHERE destination = ? AND message_id = ?`,
      wait === null ? ended : 'open',
      wait === null ? null : nowMs + wait,
      destination,
      messageId,
    );
  }

  rename({ developer, pseudonym }: Renaming): void {
    this.#sql.exec('UPDATE incidents SET subject = ? WHERE subject = ?', pseudonym, developer);
  }

  /** Forgets those that are over and were opened before then. */
  forgetBefore(beforeMs: number): void {
    this.#sql.exec(
      "DELETE FROM incidents WHERE opened_at_ms < ? AND (state <> 'open' OR next_at_ms IS NULL)",
      beforeMs,
    );
  }
}
