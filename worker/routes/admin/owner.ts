/** The cost center that a path names. */
import { type CostCenter, findCostCenter } from '../../store/cost-centers.ts';
import { type AdminContext, databaseOf } from './context.ts';
import { fail } from './failures.ts';

/** Runs `handle` with the cost center of this id, or answers 404. */
export async function withOwner<T>(
  c: AdminContext,
  id: string,
  handle: (owner: CostCenter) => Promise<T>,
): Promise<T | Response> {
  const owner = await findCostCenter(databaseOf(c), id);
  return owner
    ? await handle(owner)
    : fail(c.get('requestId'), { why: 'unknown', what: `cost center ${id}` });
}
