/**
 * What is on its way to which destination. An attempt is written before its request and completed after it: one that
 * was cut off is made again with the same message id.
 */
import { type Destination, SEVERITIES, type Severity } from '../core/alerting/routes.ts';
import type { Renaming } from '../core/pseudonym.ts';
import type { AlertEvent } from '../ledger/entry.ts';
import type { Outcome } from './destinations/outcome.ts';
import { waitAfter } from './retry.ts';
import { kindOf, rankOf } from './routing.ts';

/** More waiting messages of one kind, budget and stage than this become one. */
const DIGEST_FROM = 5;
/** Events that one digest tells of, at most. */
const DIGEST_EVENTS = 100;
const INTERRUPTED = 'cut off before its outcome was known';

/** One event for one destination, to be told since `readyAtMs` (epoch ms). */
export interface NewDelivery {
  event: AlertEvent;
  destination: Pick<Destination, 'id' | 'type'>;
  severity: Severity;
  /** Until then it is held; null: it can go at once. */
  heldUntilMs: number | null;
  /** What failed, for a fallback; null otherwise. */
  because: string | null;
}

export interface DeliveryRow extends Record<string, SqlStorageValue> {
  id: number;
  event_id: string;
  destination: string;
  type: string;
  kind: string;
  severity: number;
  is_fallback: number;
  because: string | null;
  message_id: string;
  tries: number;
  ready_at_ms: number;
}

/** Deliveries that go out as one message: one, or those of a digest. */
export interface Batch {
  messageId: string;
  destination: string;
  severity: Severity;
  because: string | null;
  readyAtMs: number;
  rows: readonly [DeliveryRow, ...DeliveryRow[]];
}

const COLUMNS =
  'id, event_id, destination, type, kind, severity, is_fallback, because, message_id, tries, ready_at_ms';

export class Deliveries {
  readonly #sql: SqlStorage;

  /** What was under way when the object went is to be made again. */
  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec("UPDATE attempts SET outcome = 'failed', problem = ? WHERE outcome = 'under_way'", INTERRUPTED);
  }

  /** False where the event is, or was, on its way there already. */
  add({ event, destination, severity, heldUntilMs, because }: NewDelivery, nowMs: number): boolean {
    const inserted = this.#sql.exec(
      `INSERT INTO deliveries (event_id, destination, type, kind, severity, state, is_fallback, because, message_id,
         tries, ready_at_ms, next_at_ms)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?1, 0, ?9, ?9) ON CONFLICT DO NOTHING`,
      event.event_id,
      destination.id,
      destination.type,
      kindOf(event),
      rankOf(severity),
      heldUntilMs === null ? 'waiting' : 'held',
      because === null ? 0 : 1,
      because,
      heldUntilMs ?? nowMs,
    );
    return inserted.rowsWritten > 0;
  }

  /** What is to be sent next to a destination, gravest first, then oldest; null with nothing due. */
  next(destination: string, nowMs: number): Batch | null {
    const [first] = this.#sql
      .exec<DeliveryRow>(
        `SELECT ${COLUMNS} FROM deliveries WHERE destination = ? AND next_at_ms <= ?
         ORDER BY severity DESC, event_id LIMIT 1`,
        destination,
        nowMs,
      )
      .toArray();
    if (!first) return null;
    const others = first.message_id === first.event_id ? this.#alike(first, nowMs) : this.#sameMessage(first);
    const isDigest = others.length > 0;
    return {
      messageId:
        isDigest && first.message_id === first.event_id ? `digest-${first.event_id}` : first.message_id,
      destination,
      severity: SEVERITIES[first.severity] ?? 'critical',
      because: first.because,
      readyAtMs: Math.max(first.ready_at_ms, ...others.map((row) => row.ready_at_ms)),
      rows: [first, ...others],
    };
  }

  /** Others of the same kind that were not tried yet, where there are enough for a digest. */
  #alike(first: DeliveryRow, nowMs: number): DeliveryRow[] {
    if (first.tries > 0) return [];
    const rows = this.#sql
      .exec<DeliveryRow>(
        `SELECT ${COLUMNS} FROM deliveries
         WHERE destination = ? AND next_at_ms <= ? AND severity = ? AND kind = ? AND is_fallback = ? AND tries = 0
           AND message_id = event_id AND id <> ?
         ORDER BY event_id LIMIT ?`,
        first.destination,
        nowMs,
        first.severity,
        first.kind,
        first.is_fallback,
        first.id,
        DIGEST_EVENTS - 1,
      )
      .toArray();
    return rows.length + 1 > DIGEST_FROM ? rows : [];
  }

  #sameMessage({ destination, message_id: messageId, id }: DeliveryRow): DeliveryRow[] {
    const query = `SELECT ${COLUMNS} FROM deliveries
      WHERE destination = ? AND message_id = ? AND id <> ? AND next_at_ms IS NOT NULL ORDER BY event_id`;
    return this.#sql.exec<DeliveryRow>(query, destination, messageId, id).toArray();
  }

  /** Notes that the batch is about to be sent. Call inside a transaction. */
  begin({ rows, messageId }: Batch, nowMs: number): void {
    for (const { id } of rows) {
      this.#sql.exec(
        "UPDATE deliveries SET state = 'waiting', tries = tries + 1, message_id = ? WHERE id = ?",
        messageId,
        id,
      );
      this.#sql.exec(
        `INSERT INTO attempts SELECT ?1, coalesce(max(attempt), 0) + 1, ?2, NULL, 'under_way', NULL
         FROM attempts WHERE delivery = ?1`,
        id,
        nowMs,
      );
    }
  }

  /** Notes what became of a batch; true where it is given up. Call inside a transaction. */
  end({ rows }: Batch, outcome: Outcome, nowMs: number): boolean {
    const isDelivered = outcome.result === 'delivered';
    const wait = outcome.result === 'later' ? waitAfter(rows[0].tries + 1, outcome.retryAfterMs) : null;
    const ended = isDelivered ? 'delivered' : 'dead';
    for (const { id } of rows) {
      this.#sql.exec(
        "UPDATE attempts SET status = ?, outcome = ?, problem = ? WHERE delivery = ? AND outcome = 'under_way'",
        outcome.status,
        isDelivered ? 'delivered' : 'failed',
        isDelivered ? null : outcome.problem,
        id,
      );
      this.#sql.exec(
        'UPDATE deliveries SET state = ?, next_at_ms = ? WHERE id = ?',
        wait === null ? ended : 'waiting',
        wait === null ? null : nowMs + wait,
        id,
      );
    }
    return !isDelivered && wait === null;
  }

  /** Makes dead letters of an event due again, as messages of their own; to which destinations. */
  revive(eventId: string, nowMs: number): string[] {
    return this.#sql
      .exec<{ destination: string }>(
        `UPDATE deliveries SET state = 'waiting', tries = 0, message_id = event_id, ready_at_ms = ?1, next_at_ms = ?1
         WHERE event_id = ?2 AND state = 'dead' RETURNING destination`,
        nowMs,
        eventId,
      )
      .toArray()
      .map((row) => row.destination);
  }

  /** What a destination answered may have the name in it. */
  rename({ developer, pseudonym }: Renaming): void {
    for (const [table, column] of [
      ['attempts', 'problem'],
      ['deliveries', 'because'],
    ]) {
      this.#sql.exec(
        `UPDATE ${table} SET ${column} = replace(${column}, ?1, ?2) WHERE instr(${column}, ?1) > 0`,
        developer,
        pseudonym,
      );
    }
  }
}
