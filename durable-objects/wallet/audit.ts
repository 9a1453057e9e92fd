/**
 * The wallet's own audit chain: what people and the deployment did to it that is no entry of the ledger. Written and
 * hashed in the transaction of what it tells of, kept for good, and sent to D1 by the outbox, each event once.
 */
import {
  type ChainHead,
  EMPTY_CHAIN,
  storable,
  storableJson,
  type WalletAuditEvent,
  walletAuditHash,
} from '../ledger/audit-link.ts';
import { type AuditQueue, GATHER_MS } from './outbox.ts';

/** What happened. It names keys, sessions and turns, never a person: a developer who leaves leaves the chain as it is. */
export interface WalletAct {
  /** `key:<id>`; `admin` for what the admin API did, whose own audit event says who; `link`, `gateway`, `wallet`. */
  actor: 'admin' | 'gateway' | 'link' | 'wallet' | `key:${string}`;
  action:
    | 'alert.raise'
    | 'configuration.apply'
    | 'configuration.refuse'
    | 'developer.pseudonymise'
    | 'hold.end'
    | 'link.redeem'
    | 'policy.refuse'
    | 'session.prefer';
  target: string;
  details: Record<string, string | number | null>;
}

export class WalletAudit implements AuditQueue {
  readonly #sql: SqlStorage;
  #dueMs: number | null = null;

  constructor(sql: SqlStorage, nowMs: number) {
    this.#sql = sql;
    this.reload(nowMs);
  }

  dueMs(): number | null {
    return this.#dueMs;
  }

  unsent(limit: number): { documents: string[]; last: number } {
    if (this.#dueMs === null) return { documents: [], last: 0 };
    const query = `SELECT sequence, json_set(document, '$.hash', hash) AS document FROM audit_events
       WHERE sequence > (SELECT sequence FROM audit_sent) ORDER BY sequence LIMIT ?`;
    const rows = this.#sql.exec<{ sequence: number; document: string }>(query, limit).toArray();
    return { documents: rows.map(({ document }) => document), last: rows.at(-1)?.sequence ?? 0 };
  }

  sent(last: number): void {
    if (last === 0) return;
    this.#sql.exec('UPDATE audit_sent SET sequence = max(sequence, ?)', last);
    if (this.head().sequence <= last) this.#dueMs = null;
  }

  /** After a rolled-back transaction: what is in the table is what is to be sent. */
  reload(nowMs: number): void {
    const query = 'SELECT sequence FROM audit_sent WHERE sequence < (SELECT max(sequence) FROM audit_events)';
    const isWaiting = this.#sql.exec(query).toArray().length > 0;
    this.#dueMs = isWaiting ? (this.#dueMs ?? nowMs) : null;
  }

  /** The last event's number and hash. */
  head(): ChainHead {
    const query = 'SELECT sequence, hash FROM audit_events ORDER BY sequence DESC LIMIT 1';
    const [row] = this.#sql.exec<{ sequence: number; hash: string }>(query).toArray();
    return row ?? EMPTY_CHAIN;
  }

  /** Appends an event. Call inside the transaction of what it tells of. */
  record(costCenter: string, { actor, action, target, details }: WalletAct, nowMs: number): void {
    const head = this.head();
    const event: WalletAuditEvent = {
      cost_center: costCenter,
      sequence: head.sequence + 1,
      occurred_at: new Date(nowMs).toISOString(),
      actor,
      action,
      target: storable(target),
      details: storableJson(details),
      previous_hash: head.hash,
    };
    this.#sql.exec(
      'INSERT INTO audit_events (sequence, action, target, hash, document) VALUES (?, ?, ?, ?, ?)',
      event.sequence,
      action,
      event.target,
      walletAuditHash(event),
      JSON.stringify(event),
    );
    this.#dueMs ??= nowMs + GATHER_MS;
  }

  /** The same, unless the last event of this action is of the same target: for what is tried again and again. */
  recordOnce(costCenter: string, act: WalletAct, nowMs: number): void {
    const query = 'SELECT target FROM audit_events WHERE action = ? ORDER BY sequence DESC LIMIT 1';
    const [last] = this.#sql.exec<{ target: string }>(query, act.action).toArray();
    if (last?.target !== storable(act.target)) this.record(costCenter, act, nowMs);
  }
}
