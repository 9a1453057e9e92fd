/** Who hears of a policy's stages in its cost center as of now: told among a version's warnings when it is read. */
import { reachWarnings } from '../../durable-objects/core/alerting/reach.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { parsePolicy } from '../../durable-objects/core/policy/parse.ts';
import type { PolicyProblem } from '../../durable-objects/core/policy/types.ts';
import { ORGANISATION } from '../../durable-objects/ledger/entry.ts';
import type { Bindings } from '../bindings.ts';
import { findAlertRoutes } from '../store/alert-routes.ts';
import type { Database } from '../store/database.ts';
import type { PolicyVersionRow } from '../store/policy-versions.ts';

/**
 * What to say of a version by the alert routes in force in its cost center now. A document that no longer parses has
 * worse problems, and none of these. Rejects where D1 is away.
 */
export async function alertReach(
  database: Database,
  { costCenter, document }: Pick<PolicyVersionRow, 'costCenter' | 'document'>,
  { alertMeans }: Pick<Bindings, 'alertMeans'>,
): Promise<PolicyProblem[]> {
  // No time zone is asked about: it has no part in who hears of what.
  const context = {
    timezone: 'UTC',
    catalogue: builtinCatalogue,
    nowMs: Date.now(),
    enforce: 'stored' as const,
  };
  const parsed = parsePolicy(document, context);
  if (!parsed.ok) return [];
  const own = await findAlertRoutes(database, costCenter);
  const routes = own ?? (await findAlertRoutes(database, ORGANISATION));
  return reachWarnings(parsed.value.policy, routes?.document ?? null, alertMeans);
}
