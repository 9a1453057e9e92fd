/**
 * Hands alert events that reconciliation wrote over to their delivery. Wallets hand over their own; these have no
 * outbox, so every run offers all of the last day again: what was taken before is known by its id.
 */
import { encodeTime } from 'ulid';
import type { Bindings } from '../bindings.ts';
import { type Database, openDatabase } from '../store/database.ts';
import { handOver } from '../store/delivery-call.ts';
import { listEventsAfter, type OwnedEvent } from '../store/ledger.ts';

const KINDS = ['reconciliation'];
/** A day, and the hour until the next run. */
const YOUNG_MS = 25 * 3_600_000;
const PAGE_EVENTS = 500;
/** Of a ULID, as event ids are; the rest of one is random. */
const TIME_CHARACTERS = 10;

/** How many cost centers could not be reached. Rejects where D1 is away. */
export async function handOverEvents(
  { db, alerts }: Pick<Bindings, 'db' | 'alerts'>,
  nowMs: number,
): Promise<number> {
  const unreached = new Set<string>();
  for await (const page of pagesSince(openDatabase(db), nowMs - YOUNG_MS)) {
    for (const [id, owned] of Map.groupBy(page, ({ event }) => event.cost_center)) {
      const owner = { id, jurisdiction: owned[0]?.jurisdiction ?? null };
      const events = owned.map(({ event }) => event);
      if (!(await handOver({ alerts }, owner, events))) unreached.add(id);
    }
  }
  return unreached.size;
}

async function* pagesSince(database: Database, sinceMs: number): AsyncGenerator<OwnedEvent[]> {
  let after = encodeTime(sinceMs, TIME_CHARACTERS);
  for (;;) {
    const page = await listEventsAfter(database, KINDS, { after, limit: PAGE_EVENTS });
    if (page.length > 0) yield page;
    const last = page.at(-1);
    if (!last || page.length < PAGE_EVENTS) return;
    after = last.event.event_id;
  }
}
