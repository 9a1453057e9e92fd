/** Events the object has accepted, until they are routed and for as long as people may look at them. */
import { type Renaming, withPseudonym } from '../core/pseudonym.ts';
import type { AlertEvent } from '../ledger/entry.ts';

/** Routed in one go. */
const EVENTS_A_ROUND = 200;
/** Dropped in one go. */
const DROPPED_A_ROUND = 500;

export interface AcceptedEvent {
  costCenter: string;
  event: AlertEvent;
}

interface EventRow extends Record<string, SqlStorageValue> {
  cost_center: string;
  document: string;
}

export class Events {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Keeps an event; one that is known changes nothing. `costCenter`: whose routes it goes by. */
  accept(costCenter: string, event: AlertEvent, nowMs: number): void {
    this.#sql.exec(
      "INSERT INTO events VALUES (?, ?, ?, 'waiting', ?) ON CONFLICT DO NOTHING",
      event.event_id,
      costCenter,
      nowMs,
      JSON.stringify(event),
    );
  }

  /** Oldest first. */
  waiting(): AcceptedEvent[] {
    const query =
      "SELECT cost_center, document FROM events WHERE state = 'waiting' ORDER BY event_id LIMIT ?";
    return this.#sql.exec<EventRow>(query, EVENTS_A_ROUND).toArray().map(toEvent);
  }

  areWaiting(): boolean {
    return this.#sql.exec("SELECT 1 FROM events WHERE state = 'waiting' LIMIT 1").toArray().length > 0;
  }

  /** Notes that an event was given to its destinations, or that no route is for it. */
  markRouted(eventId: string, hasRoute: boolean): void {
    this.#sql.exec(
      'UPDATE events SET state = ? WHERE event_id = ?',
      hasRoute ? 'routed' : 'unrouted',
      eventId,
    );
  }

  /** In the order of their ids; those that are known. */
  find(eventIds: readonly string[]): AcceptedEvent[] {
    const query = `SELECT cost_center, document FROM events
      WHERE event_id IN (SELECT value FROM json_each(?)) ORDER BY event_id`;
    return this.#sql.exec<EventRow>(query, JSON.stringify(eventIds)).toArray().map(toEvent);
  }

  rename(renaming: Renaming): void {
    const query = 'SELECT event_id, document FROM events WHERE instr(document, json_quote(?)) > 0';
    const rows = this.#sql.exec<{ event_id: string; document: string }>(query, renaming.developer).toArray();
    for (const { event_id: id, document } of rows) {
      const renamed = JSON.stringify(withPseudonym(JSON.parse(document), renaming));
      this.#sql.exec('UPDATE events SET document = ? WHERE event_id = ?', renamed, id);
    }
  }

  /** When the oldest was accepted, epoch ms; null where there is none. */
  oldestMs(): number | null {
    return this.#sql.exec<{ at: number | null }>('SELECT min(accepted_at_ms) AS at FROM events').one().at;
  }

  /** Forgets some events accepted before then, with what became of them. Call inside a transaction. */
  forgetBefore(beforeMs: number): void {
    const query = 'SELECT event_id FROM events WHERE accepted_at_ms < ? ORDER BY accepted_at_ms LIMIT ?';
    const ids = this.#sql
      .exec<{ event_id: string }>(query, beforeMs, DROPPED_A_ROUND)
      .toArray()
      .map((row) => row.event_id);
    if (ids.length === 0) return;
    const gone = JSON.stringify(ids);
    const events = 'event_id IN (SELECT value FROM json_each(?))';
    this.#sql.exec(
      `DELETE FROM attempts WHERE delivery IN (SELECT id FROM deliveries WHERE ${events})`,
      gone,
    );
    this.#sql.exec(`DELETE FROM deliveries WHERE ${events}`, gone);
    this.#sql.exec(`DELETE FROM events WHERE ${events}`, gone);
  }
}

function toEvent({ cost_center: costCenter, document }: EventRow): AcceptedEvent {
  return { costCenter, event: JSON.parse(document) as AlertEvent };
}
