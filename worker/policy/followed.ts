/** Brings the states of a cost center's versions up to what its wallet decides by: a schedule's instant, a guard's trip. */
import type { Bindings } from '../bindings.ts';
import { type CostCenter, findCostCenter } from '../store/cost-centers.ts';
import type { Database } from '../store/database.ts';
import { followDueSchedule } from './schedule.ts';
import { followTripsOf } from './trips.ts';

/** False where nothing was due; else what is true has to be read anew. */
export async function followWallet(
  database: Database,
  settings: Pick<Bindings, 'signingKeys'>,
  owner: CostCenter,
  at: string,
): Promise<boolean> {
  // In this order: a trip ends the schedule that was still to come.
  return (
    (await followTripsOf(database, owner, at)) || (await followDueSchedule(database, settings, owner, at))
  );
}

/** The cost center after what was due was followed. */
export async function followedOwner(
  database: Database,
  settings: Pick<Bindings, 'signingKeys'>,
  owner: CostCenter,
  at: string,
): Promise<CostCenter> {
  if (!(await followWallet(database, settings, owner, at))) return owner;
  return (await findCostCenter(database, owner.id)) ?? owner;
}
