/** The parts of one delivery object, and what several of them are asked together. */
import { Deliveries } from './deliveries.ts';
import { Events } from './events.ts';
import { INCIDENTS_DUE, Incidents } from './incidents.ts';
import { Rests } from './rests.ts';
import { RoutesCopy } from './routes-copy.ts';
import { SlackUsers } from './slack-users.ts';

/** Events and what became of them are kept for so long. */
export const KEPT_MS = 40 * 86_400_000;

/** All that is due at some time, a destination each: messages, and incidents to be ended. */
const DUE = `SELECT w.destination, max(w.due_ms, coalesce(r.until_ms, 0)) AS due_ms, w.severity, w.first
  FROM (
    SELECT destination, next_at_ms AS due_ms, severity, event_id AS first FROM deliveries
    WHERE next_at_ms IS NOT NULL
    UNION ALL ${INCIDENTS_DUE}
  ) w LEFT JOIN rests r ON r.destination = w.destination`;

export class DeliveryState {
  readonly events: Events;
  readonly deliveries: Deliveries;
  readonly incidents: Incidents;
  readonly rests: Rests;
  readonly routes: RoutesCopy;
  readonly slackUsers: SlackUsers;
  readonly storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    const { sql } = storage;
    this.storage = storage;
    this.events = new Events(sql);
    this.deliveries = new Deliveries(sql);
    this.incidents = new Incidents(sql);
    this.rests = new Rests(sql);
    this.routes = new RoutesCopy(sql);
    this.slackUsers = new SlackUsers(sql);
  }

  /** Destinations with something due that do not rest: those with the gravest first, then the oldest. */
  dueDestinations(nowMs: number): string[] {
    const query = `SELECT destination FROM (${DUE}) WHERE due_ms <= ?
      GROUP BY destination ORDER BY max(severity) DESC, min(first)`;
    return this.storage.sql
      .exec<{ destination: string }>(query, nowMs)
      .toArray()
      .map((row) => row.destination);
  }

  /** When the next message or incident is due, epoch ms; null with nothing to come. */
  nextDueMs(): number | null {
    return this.storage.sql.exec<{ at: number | null }>(`SELECT min(due_ms) AS at FROM (${DUE})`).one().at;
  }

  /** Drops what nobody looks at any more: some of it, where it is much. */
  forget(nowMs: number): void {
    this.storage.transactionSync(() => {
      this.events.forgetBefore(nowMs - KEPT_MS);
      this.incidents.forgetBefore(nowMs - KEPT_MS);
      this.slackUsers.forgetStale(nowMs);
    });
  }
}
