/**
 * The wallet's own audit chain: what people and the deployment did to it that is no entry of the ledger. Written and
 * hashed in the transaction of what it tells of, kept for good, and sent to D1 with everything else.
 */
import {
  type ChainHead,
  EMPTY_CHAIN,
  storable,
  storableJson,
  type WalletAuditEvent,
  walletAuditHash,
} from '../ledger/audit-link.ts';
import type { Outbox } from './outbox.ts';

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
    | 'session.prefer';
  target: string;
  details: Record<string, string | number | null>;
}

export class WalletAudit {
  readonly #sql: SqlStorage;
  readonly #outbox: Outbox;

  constructor(sql: SqlStorage, outbox: Outbox) {
    this.#sql = sql;
    this.#outbox = outbox;
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
    const document = { ...event, hash: walletAuditHash(event) };
    this.#sql.exec(
      'INSERT INTO audit_events (sequence, action, target, hash, document) VALUES (?, ?, ?, ?, ?)',
      event.sequence,
      action,
      event.target,
      document.hash,
      JSON.stringify(event),
    );
    this.#outbox.put('audit', document, nowMs);
  }

  /** The same, unless the last event of this action is of the same target: for what is tried again and again. */
  recordOnce(costCenter: string, act: WalletAct, nowMs: number): void {
    const query = 'SELECT target FROM audit_events WHERE action = ? ORDER BY sequence DESC LIMIT 1';
    const [last] = this.#sql.exec<{ target: string }>(query, act.action).toArray();
    if (last?.target !== storable(act.target)) this.record(costCenter, act, nowMs);
  }
}
