/** The cost center that a path names. */
import { followedOwner } from '../../policy/followed.ts';
import { type CostCenter, findCostCenter } from '../../store/cost-centers.ts';
import { type AdminContext, databaseOf } from './context.ts';
import { fail } from './failures.ts';

/** Runs `handle` with the cost center of this id, its policies as its wallet has them in force; or answers 404. */
export async function withOwner<T>(
  c: AdminContext,
  id: string,
  handle: (owner: CostCenter) => Promise<T>,
): Promise<T | Response> {
  const database = databaseOf(c);
  const owner = await findCostCenter(database, id);
  return owner
    ? await handle(await followedOwner(database, c.get('bindings'), owner, new Date().toISOString()))
    : fail(c.get('requestId'), { why: 'unknown', what: `cost center ${id}` });
}
