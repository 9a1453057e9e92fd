/**
 * Alert events on their way to the object that delivers them. Written in the transaction that caused them, like what
 * goes to D1 and beside it: a manager is told also while D1 is away, and a delivery that hangs delays neither. What is
 * handed over twice is delivered once, by its event id.
 */
import { type Renaming, withPseudonym } from '../core/pseudonym.ts';
import { withinTime } from '../ledger/deadline.ts';
import type { AlertEvent } from '../ledger/entry.ts';

/** As much of the delivery object as the wallet needs (durable-objects/alerts/rpc). */
export interface AlertTaker {
  accept(costCenter: string, events: readonly AlertEvent[]): Promise<void>;
}

/** The namespace of such objects: one a cost center. */
export interface AlertTakers {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId): AlertTaker;
  jurisdiction(name: DurableObjectJurisdiction): AlertTakers;
}

/** The one of a cost center, kept where its wallet is. A fresh stub each time. */
export function takerOf(
  takers: AlertTakers,
  costCenter: string,
  jurisdiction: string | undefined,
): AlertTaker {
  const near = jurisdiction === 'eu' ? takers.jurisdiction(jurisdiction) : takers;
  return near.get(near.idFromName(costCenter));
}

const BATCH_EVENTS = 100;
/** Taking is a write and no more. */
const ANSWER_WITHIN_MS = 5_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;

interface Row extends Record<string, SqlStorageValue> {
  sequence: number;
  document: string;
}

export class AlertHandover {
  readonly #sql: SqlStorage;
  /** Asked for at each turn, so it is kept in memory; true after a rolled-back event too, which costs one look. */
  #mayHaveEvents: boolean;
  #sending: Promise<void> | null = null;
  #failures = 0;
  #notBeforeMs = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
    this.#mayHaveEvents = this.#next().length > 0;
  }

  put(event: AlertEvent): void {
    this.#sql.exec('INSERT INTO alert_handover (document) VALUES (?)', JSON.stringify(event));
    this.#mayHaveEvents = true;
  }

  /** When to hand over next, epoch ms; null with nothing to hand over, or while that is under way. */
  dueMs(): number | null {
    return this.#sending === null && this.#mayHaveEvents ? this.#notBeforeMs : null;
  }

  /** Resolves when nothing is on its way: what is in the table then is all that may still be handed over. */
  async idle(): Promise<void> {
    await this.#sending;
  }

  /** Hands over what is there, oldest first; never rejects. Nobody who waits for a lease or the ledger waits for it. */
  async send(costCenter: string, taker: () => AlertTaker, now: () => number): Promise<void> {
    const dueMs = this.dueMs();
    if (dueMs === null || dueMs > now()) return;
    this.#sending = this.#send(costCenter, taker, now);
    await this.#sending;
    this.#sending = null;
  }

  async #send(costCenter: string, taker: () => AlertTaker, now: () => number): Promise<void> {
    try {
      for (let rows = this.#next(); rows.length > 0; rows = this.#next()) {
        const events = rows.map(({ document }): AlertEvent => JSON.parse(document));
        await withinTime(taker().accept(costCenter, events), ANSWER_WITHIN_MS);
        this.#sql.exec('DELETE FROM alert_handover WHERE sequence <= ?', rows.at(-1)?.sequence ?? 0);
      }
      this.#failures = 0;
      this.#mayHaveEvents = false;
    } catch (error) {
      this.#notBeforeMs = now() + Math.min(FIRST_RETRY_MS * 2 ** this.#failures, LAST_RETRY_MS);
      this.#failures += 1;
      console.warn({
        message: 'alerts were not taken for delivery',
        failures: this.#failures,
        error: String(error),
      });
    }
  }

  #next(): Row[] {
    const query = 'SELECT sequence, document FROM alert_handover ORDER BY sequence LIMIT ?';
    return [...this.#sql.exec<Row>(query, BATCH_EVENTS)];
  }

  rename(renaming: Renaming): void {
    const query = 'SELECT sequence, document FROM alert_handover WHERE instr(document, json_quote(?)) > 0';
    for (const { sequence, document } of this.#sql.exec<Row>(query, renaming.developer).toArray()) {
      const update = 'UPDATE alert_handover SET document = ? WHERE sequence = ?';
      this.#sql.exec(update, JSON.stringify(withPseudonym(JSON.parse(document), renaming)), sequence);
    }
  }
}
