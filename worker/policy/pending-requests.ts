/** Increase requests that wait for an answer, told of once more: whoever was away when they were made hears of them. */
import type { Bindings } from '../bindings.ts';
import { jurisdictionsOf } from '../store/cost-centers.ts';
import { openDatabase } from '../store/database.ts';
import { handOver } from '../store/delivery-call.ts';
import { pendingWithEvents } from '../store/increase-requests.ts';
import { factsOf } from './increase-request.ts';

/** In one run; D1 takes 100 parameters a statement. */
const REQUESTS_A_RUN = 100;

/**
 * Hands the requests pending `at` an instant (ISO 8601, UTC) to delivery, which takes each event once however often it
 * comes. Rejects where D1 is away.
 */
export async function handOverPending(bindings: Bindings, at: string): Promise<void> {
  const database = openDatabase(bindings.db);
  const pending = await pendingWithEvents(database, at, REQUESTS_A_RUN);
  const owners = [...new Set(pending.map(({ request }) => request.costCenter))];
  const jurisdictions = await jurisdictionsOf(database, owners);
  for (const id of owners) {
    const events = pending
      .filter(({ request }) => request.costCenter === id)
      .map(({ request, event }) => ({ ...event, standing: factsOf(request) }));
    const isTaken = await handOver(bindings, { id, jurisdiction: jurisdictions.get(id) ?? null }, events);
    if (!isTaken) console.error({ message: 'increase requests were not handed over', costCenter: id });
  }
}
