/** Nobody gives more than they have: what roles, service tokens and managers are checked against when they are named. */
import { type Action, type Grant, grantOf, lackingOf } from '../../auth/permissions.ts';
import { type AdminContext, databaseOf } from './context.ts';
import { recordDenial } from './denials.ts';
import { fail } from './failures.ts';

/** The answer to a caller who would give rights that they lack; null where they lack none. `what`: "the role admin". */
export async function refuseGiving(
  c: AdminContext,
  given: readonly Grant[],
  { what, route, action = 'identity.write' }: { what: string; route: string; action?: Action },
): Promise<Response | null> {
  const lacking = lackingOf(c.get('grants'), given);
  if (lacking.length === 0) return null;
  const requestId = c.get('requestId');
  const { actor } = c.get('principal');
  const denial = { actor, action, why: 'more_than_own', route, costCenter: null };
  await recordDenial(databaseOf(c), denial, requestId);
  const message = `nobody gives more than they have: ${what} includes ${lacking.join(', ')}, which ${actor} lacks there`;
  return fail(requestId, { why: 'forbidden', message });
}

/** The same where a caller names the manager of a cost center, who has that role there without a binding. */
export async function refuseManager(
  c: AdminContext,
  costCenter: string,
  route: string,
): Promise<Response | null> {
  const what = { what: `to be the manager of ${costCenter}`, route, action: 'cost_center.write' } as const;
  return await refuseGiving(c, [grantOf('manager', costCenter)], what);
}
