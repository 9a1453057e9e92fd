/** What may be asked of the delivery object: one a cost center, and one of the organisation (ORGANISATION). */
import type { Severity } from '../core/alerting/routes.ts';
import type { Renaming } from '../core/pseudonym.ts';
import type { AlertEvent } from '../ledger/entry.ts';

/** One try of sending one message to one destination. */
export interface DeliveryAttempt {
  /** From 1. */
  attempt: number;
  at: string;
  /** The HTTP status; null where there was none. */
  status: number | null;
  outcome: 'delivered' | 'failed';
  /** What went wrong, in words without a credential; null where nothing did. */
  problem: string | null;
}

/** What became of one event at one destination. */
export interface Delivery {
  destination: { id: string; type: string };
  severity: Severity;
  /** `held`: quiet hours; `dead`: given up, can be sent again. */
  state: 'waiting' | 'held' | 'delivered' | 'dead';
  /** It is here because another one failed. */
  isFallback: boolean;
  attempts: DeliveryAttempt[];
  /** When the next try is due; null where none is. */
  nextAt: string | null;
}

export interface TestResult {
  destination: { id: string; type: string };
  delivered: boolean;
  status: number | null;
  /** What came back, in words. */
  said: string;
}

export interface AlertDeliveryRpc {
  /** Takes events for delivery, each once by its `event_id`; what is accepted survives a kill. */
  accept(costCenter: string, events: readonly AlertEvent[]): Promise<void>;
  /** By event id; an event without a route, or not known here, has none. */
  deliveries(eventIds: readonly string[]): Promise<Record<string, Delivery[]>>;
  /** Tries dead letters of an event again; how many there were. */
  resend(eventId: string): Promise<number>;
  /**
   * Sends a marked test to every destination of the routes in force, once, and waits. Rejects where the routes cannot be
   * read. (Not `test`: the runtime keeps that name for a handler of its own.)
   */
  sendTest(costCenter: string): Promise<TestResult[]>;
  /** Drops the copy of the routes: they were changed. */
  routesChanged(costCenter: string): Promise<void>;
  /** A budget was raised or reset: open incidents of it are resolved. A null subject: of all. */
  resolve(costCenter: string, budget: string, subject: string | null): Promise<void>;
  /** Puts a pseudonym in a developer's place in all that is kept here. Can be repeated. */
  rename(renaming: Renaming): Promise<void>;
}
