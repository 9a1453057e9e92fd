/**
 * Documents on their way to D1. They are written in the transaction that caused them, sent in order and in
 * batches, and only deleted after D1 has them; a batch sent twice is stored once (ledger/append).
 */

import { type Renaming, withPseudonym } from '../core/pseudonym.ts';
import { append } from '../ledger/append.ts';
import { withinTime } from '../ledger/deadline.ts';
import type { AlertEvent, Entry } from '../ledger/entry.ts';
import type { PolicyTrip } from '../ledger/policy-trip.ts';

/** Rows and characters a batch has at most: a D1 parameter may be 2 MB, and a character takes up to 3 bytes. */
const BATCH_ROWS = 200;
const BATCH_CHARACTERS = 600_000;
/** Batches a drain sends before it gives the alarm back. */
const BATCHES_A_DRAIN = 5;
/** Waits this long for company before a batch is sent. */
export const GATHER_MS = 1_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
/** D1 that has not answered by then is away; leases must not wait for it. */
const SEND_TIMEOUT_MS = 10_000;

interface OutboxRow extends Record<string, SqlStorageValue> {
  sequence: number;
  destination: string;
  document: string;
}

/** The wallet's audit chain, which keeps its events: it knows by itself which of them D1 has not got. */
export interface AuditQueue {
  /** When to send, epoch ms; null with nothing to send. */
  dueMs(): number | null;
  /** The oldest events that D1 has not got, JSON. */
  unsent(limit: number): { documents: string[]; last: number };
  /** D1 has every event up to this one. Call in the transaction in which they count as sent. */
  sent(last: number): void;
}

export class Outbox {
  readonly #sql: SqlStorage;
  readonly #audit: AuditQueue;
  /** When to send next; null with nothing to send. */
  #dueMs: number | null;
  #draining: Promise<void> = Promise.resolve();
  #failures = 0;
  /** After a failure nothing is sent before this instant. */
  #notBeforeMs = 0;

  constructor(sql: SqlStorage, audit: AuditQueue, nowMs: number) {
    this.#sql = sql;
    this.#audit = audit;
    this.#dueMs = this.depth() > 0 ? nowMs : null;
  }

  put(destination: 'ledger', document: Entry, nowMs: number): void;
  put(destination: 'alerts', document: AlertEvent, nowMs: number): void;
  put(destination: 'trips', document: PolicyTrip, nowMs: number): void;
  put(destination: string, document: Entry | AlertEvent | PolicyTrip, nowMs: number): void {
    this.#sql.exec(
      'INSERT INTO outbox (destination, document) VALUES (?, ?)',
      destination,
      JSON.stringify(document),
    );
    this.#dueMs ??= nowMs + GATHER_MS;
  }

  dueMs(): number | null {
    const auditDueMs = this.#audit.dueMs();
    if (auditDueMs === null) return this.#dueMs;
    return Math.max(Math.min(this.#dueMs ?? auditDueMs, auditDueMs), this.#notBeforeMs);
  }

  /** Entries and alert events that are waiting. */
  depth(): number {
    return this.#sql.exec<{ depth: number }>('SELECT count(*) AS depth FROM outbox').one().depth;
  }

  /** Entries of turns admitted in a half-open span (ISO 8601 in UTC, with milliseconds) that are still here. */
  entriesAdmitted(from: string, to: string): number {
    const query = `SELECT count(*) AS entries FROM outbox WHERE destination = 'ledger'
       AND document ->> '$.admitted_at' >= ? AND document ->> '$.admitted_at' < ?`;
    return this.#sql.exec<{ entries: number }>(query, from, to).one().entries;
  }

  /** When the oldest document was written, ISO 8601 in UTC; null with nothing to send. */
  oldestAt(): string | null {
    const query = `SELECT coalesce(document ->> '$.recorded_at', document ->> '$.occurred_at') AS at
       FROM outbox ORDER BY sequence LIMIT 1`;
    const [oldest] = this.#sql.exec<{ at: string | null }>(query);
    return oldest?.at ?? null;
  }

  /**
   * Sends what is there, also before it is due: the alarm runs anyhow. Never rejects: what D1 does not take
   * stays, and the next try is put off. `onTaken` is told of the entries D1 has, in the transaction in which they
   * leave; it must not throw.
   */
  async drain(
    db: D1Database,
    now: () => number,
    onTaken?: (entries: readonly string[]) => void,
  ): Promise<void> {
    this.#draining = this.#drain(db, now, onTaken);
    await this.#draining;
  }

  /** Resolves when no batch is under way: what is in the table then is all that D1 may still get. */
  async idle(): Promise<void> {
    await this.#draining;
  }

  async #drain(
    db: D1Database,
    now: () => number,
    onTaken?: (entries: readonly string[]) => void,
  ): Promise<void> {
    if (this.dueMs() === null || this.#notBeforeMs > now()) return;
    try {
      for (let batch = 0; batch < BATCHES_A_DRAIN; batch += 1) {
        const rows = this.#nextRows();
        const audit = this.#audit.unsent(BATCH_ROWS);
        if (rows.length === 0 && audit.documents.length === 0) break;
        const entries = documents(rows, 'ledger');
        const appended = append(db, entries, documents(rows, 'alerts'), {
          audits: audit.documents,
          trips: documents(rows, 'trips'),
        });
        await withinTime(appended, SEND_TIMEOUT_MS);
        // No await between these: they are committed together.
        this.#sql.exec('DELETE FROM outbox WHERE sequence <= ?', rows.at(-1)?.sequence ?? 0);
        this.#audit.sent(audit.last);
        onTaken?.(entries);
      }
      this.#failures = 0;
      this.#dueMs = this.depth() > 0 ? now() : null;
    } catch (error) {
      const wait = Math.min(FIRST_RETRY_MS * 2 ** this.#failures, LAST_RETRY_MS);
      this.#failures += 1;
      this.#notBeforeMs = now() + wait;
      this.#dueMs = this.#notBeforeMs;
      console.warn({
        message: 'the ledger did not take a batch',
        failures: this.#failures,
        error: String(error),
      });
    }
  }

  #nextRows(): OutboxRow[] {
    const rows: OutboxRow[] = [];
    let characters = 0;
    const query = 'SELECT sequence, destination, document FROM outbox ORDER BY sequence LIMIT ?';
    for (const row of this.#sql.exec<OutboxRow>(query, BATCH_ROWS)) {
      characters += row.document.length;
      if (rows.length > 0 && characters > BATCH_CHARACTERS) break;
      rows.push(row);
    }
    return rows;
  }

  /** In documents on their way. Call while idle: a batch under way has the old name. */
  rename(renaming: Renaming): void {
    const query =
      'SELECT sequence, destination, document FROM outbox WHERE instr(document, json_quote(?)) > 0';
    for (const { sequence, document } of this.#sql.exec<OutboxRow>(query, renaming.developer).toArray()) {
      const update = 'UPDATE outbox SET document = ? WHERE sequence = ?';
      this.#sql.exec(update, JSON.stringify(withPseudonym(JSON.parse(document), renaming)), sequence);
    }
  }

  /** After a rolled-back transaction: what is in the table is what is to be sent. */
  reload(nowMs: number): void {
    this.#dueMs = this.depth() > 0 ? (this.#dueMs ?? nowMs) : null;
  }
}

function documents(rows: readonly OutboxRow[], destination: string): string[] {
  return rows.filter((row) => row.destination === destination).map((row) => row.document);
}
