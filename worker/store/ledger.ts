/** The ledger and the alert events, for reading. Only the wallets' outboxes write them. */
import { and, desc, eq, gt, gte, inArray, lt, type SQL } from 'drizzle-orm';
import type { AlertEvent, Entry, EntryKind } from '../../durable-objects/ledger/entry.ts';
import type { Database } from './database.ts';
import { alertEvents, ledgerEntries } from './ledger-tables.ts';
import { costCenters } from './tables.ts';

/** Null: any. */
export interface LedgerFilter {
  costCenter: string | null;
  developer: string | null;
  session: string | null;
  kind: EntryKind | null;
  /** Half-open span of `admitted_at`, by which windows count spend; ISO 8601 in UTC with milliseconds. */
  from: string | null;
  to: string | null;
}

function conditions(filter: LedgerFilter, after: string | null): SQL | undefined {
  return and(
    filter.costCenter === null ? undefined : eq(ledgerEntries.cost_center, filter.costCenter),
    filter.developer === null ? undefined : eq(ledgerEntries.developer, filter.developer),
    filter.session === null ? undefined : eq(ledgerEntries.session, filter.session),
    filter.kind === null ? undefined : eq(ledgerEntries.kind, filter.kind),
    filter.from === null ? undefined : gte(ledgerEntries.admitted_at, filter.from),
    filter.to === null ? undefined : lt(ledgerEntries.admitted_at, filter.to),
    after === null ? undefined : lt(ledgerEntries.entry_id, after),
  );
}

/** Newest first; `after` is the id of the last entry seen. */
export async function listEntries(
  database: Database,
  filter: LedgerFilter,
  page: { after: string | null; limit: number },
): Promise<Entry[]> {
  return await database
    .select()
    .from(ledgerEntries)
    .where(conditions(filter, page.after))
    .orderBy(desc(ledgerEntries.entry_id))
    .limit(page.limit);
}

export async function findAlertEvent(database: Database, eventId: string): Promise<AlertEvent | null> {
  const [event] = await database.select().from(alertEvents).where(eq(alertEvents.event_id, eventId));
  return event ?? null;
}

/** Newest first; `after` is the id of the last event seen. */
export async function listAlertEvents(
  database: Database,
  costCenter: string | null,
  page: { after: string | null; limit: number },
): Promise<AlertEvent[]> {
  return await database
    .select()
    .from(alertEvents)
    .where(
      and(
        costCenter === null ? undefined : eq(alertEvents.cost_center, costCenter),
        page.after === null ? undefined : lt(alertEvents.event_id, page.after),
      ),
    )
    .orderBy(desc(alertEvents.event_id))
    .limit(page.limit);
}

/** An event, and where its cost center's objects are kept. */
export interface OwnedEvent {
  event: AlertEvent;
  jurisdiction: 'eu' | null;
}

/** Events of some kinds, by id, which is the order of their making; `after` is the id of the last one seen. */
export async function listEventsAfter(
  database: Database,
  kinds: readonly string[],
  page: { after: string; limit: number },
): Promise<OwnedEvent[]> {
  return await database
    .select({ event: alertEvents, jurisdiction: costCenters.jurisdiction })
    .from(alertEvents)
    .leftJoin(costCenters, eq(costCenters.id, alertEvents.cost_center))
    .where(and(inArray(alertEvents.on, [...kinds]), gt(alertEvents.event_id, page.after)))
    .orderBy(alertEvents.event_id)
    .limit(page.limit);
}
