/** What became of events, as people are shown it. */
import { SEVERITIES } from '../core/alerting/routes.ts';
import type { Delivery, DeliveryAttempt } from './rpc.ts';

interface ViewRow extends Record<string, SqlStorageValue> {
  id: number;
  event_id: string;
  destination: string;
  type: string;
  severity: number;
  state: string;
  is_fallback: number;
  next_at_ms: number | null;
}

interface AttemptRow extends Record<string, SqlStorageValue> {
  attempt: number;
  at_ms: number;
  status: number | null;
  outcome: string;
  problem: string | null;
}

/** By event id, in the order the destinations were given the event. An attempt under way is not among them yet. */
export function deliveriesOf(sql: SqlStorage, eventIds: readonly string[]): Record<string, Delivery[]> {
  const views: Record<string, Delivery[]> = Object.fromEntries(eventIds.map((id) => [id, []]));
  const query = `SELECT id, event_id, destination, type, severity, state, is_fallback, next_at_ms FROM deliveries
    WHERE event_id IN (SELECT value FROM json_each(?)) ORDER BY id`;
  for (const row of sql.exec<ViewRow>(query, JSON.stringify(eventIds)).toArray()) {
    views[row.event_id]?.push({
      destination: { id: row.destination, type: row.type },
      severity: SEVERITIES[row.severity] ?? 'critical',
      state: row.state as Delivery['state'],
      isFallback: row.is_fallback === 1,
      attempts: attemptsOf(sql, row.id),
      nextAt: row.next_at_ms === null ? null : new Date(row.next_at_ms).toISOString(),
    });
  }
  return views;
}

function attemptsOf(sql: SqlStorage, delivery: number): DeliveryAttempt[] {
  const query = `SELECT attempt, at_ms, status, outcome, problem FROM attempts
    WHERE delivery = ? AND outcome <> 'under_way' ORDER BY attempt`;
  return sql
    .exec<AttemptRow>(query, delivery)
    .toArray()
    .map(({ attempt, at_ms: atMs, status, outcome, problem }) => ({
      attempt,
      at: new Date(atMs).toISOString(),
      status,
      outcome: outcome === 'delivered' ? 'delivered' : 'failed',
      problem,
    }));
}

/** "email", "slack dm": what kind of destination, as a message names it. */
export function nameOfType(type: string): string {
  return type.replaceAll('_', ' ');
}
