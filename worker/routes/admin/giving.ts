/** Nobody gives more than they have: what roles and service tokens are checked against when they are made. */
import { type Grant, lackingOf } from '../../auth/permissions.ts';
import { type AdminContext, databaseOf } from './context.ts';
import { recordDenial } from './denials.ts';
import { fail } from './failures.ts';

/** The answer to a caller who would give rights that they lack; null where they lack none. `what`: "the role admin". */
export async function refuseGiving(
  c: AdminContext,
  given: readonly Grant[],
  { what, route }: { what: string; route: string },
): Promise<Response | null> {
  const lacking = lackingOf(c.get('grants'), given);
  if (lacking.length === 0) return null;
  const requestId = c.get('requestId');
  const { actor } = c.get('principal');
  const denial = { actor, action: 'identity.write', why: 'more_than_own', route, costCenter: null };
  await recordDenial(databaseOf(c), denial, requestId);
  const message = `nobody gives more than they have: ${what} includes ${lacking.join(', ')}, which ${actor} lacks there`;
  return fail(requestId, { why: 'forbidden', message });
}
