/**
 * Hands alert events that reconciliation wrote over to their delivery. Wallets hand over their own; these have no
 * outbox, so every run offers all of the last day again: what was taken before is known by its id.
 */
import type { Bindings } from '../bindings.ts';
import { openDatabase } from '../store/database.ts';
import { handOver } from '../store/delivery-call.ts';
import { listYoungEvents } from '../store/ledger.ts';

const KINDS = ['reconciliation'];
/** A day, and the hour until the next run. */
const YOUNG_MS = 25 * 3_600_000;
/** More incidents in a day are a flood; the oldest come first, and the rest with the next run. */
const EVENTS_A_RUN = 1_000;

/** How many cost centers could not be reached. Rejects where D1 is away. */
export async function handOverEvents(
  { db, alerts }: Pick<Bindings, 'db' | 'alerts'>,
  nowMs: number,
): Promise<number> {
  const since = new Date(nowMs - YOUNG_MS).toISOString();
  const young = await listYoungEvents(openDatabase(db), KINDS, since, EVENTS_A_RUN);
  const byOwner = Map.groupBy(young, ({ event }) => event.cost_center);
  let unreached = 0;
  for (const [id, owned] of byOwner) {
    const owner = { id, jurisdiction: owned[0]?.jurisdiction ?? null };
    const events = owned.map(({ event }) => event);
    if (!(await handOver({ alerts }, owner, events))) unreached += 1;
  }
  return unreached;
}
