/** The answer to every call that changes a cost center. */
import type { Outcome } from '../../store/change.ts';
import { type CostCenter, viewOfCostCenter } from '../../store/cost-centers.ts';
import { isConfirmed } from '../../turn/wallet-confirm.ts';
import type { AdminContext } from './context.ts';
import { fail } from './failures.ts';

/**
 * The cost center (or another reply), once its wallet has it too. Also where nothing had to be changed: an earlier try of the same
 * call may have been stored without the wallet knowing.
 */
export async function replyWithCostCenter(
  c: AdminContext,
  id: string,
  outcome: Outcome<CostCenter>,
  reply: (row: CostCenter) => Response = (row) => c.json(viewOfCostCenter(row), 200),
): Promise<Response> {
  const requestId = c.get('requestId');
  if (outcome === 'unknown') return fail(requestId, { why: 'unknown', what: `cost center ${id}` });
  if (outcome === 'contended') return fail(requestId, { why: 'contended' });
  if (!(await isConfirmed(c.get('bindings'), outcome, outcome.revision))) {
    return fail(requestId, { why: 'unconfirmed', stored: `the change of cost center ${id}` });
  }
  return reply(outcome);
}
