/** The policy that decides in a cost center right now, as D1 has it. */
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { parsePolicy } from '../../durable-objects/core/policy/parse.ts';
import type { Policy } from '../../durable-objects/core/policy/types.ts';
import type { CostCenter } from '../store/cost-centers.ts';
import type { Database } from '../store/database.ts';
import { findPolicyVersion, type PolicyVersionRow } from '../store/policy-versions.ts';

export interface LivePolicy {
  version: number;
  policy: Policy;
}

/** Null without one. Throws where a stored policy can't be read: a bug. */
export async function livePolicy(database: Database, owner: CostCenter): Promise<LivePolicy | null> {
  const { id, timezone } = owner;
  const row = await rowInForce(database, owner, new Date().toISOString());
  if (!row) return null;
  const context = { timezone, catalogue: builtinCatalogue, nowMs: Date.now(), enforce: 'stored' as const };
  const parsed = parsePolicy(row.document, context);
  if (!parsed.ok) throw new Error(`policy ${row.version} of ${id} cannot be read`);
  return { version: row.version, policy: parsed.value.policy };
}

/** The wallet puts a scheduled version in force at its instant, whether D1 has followed or not. */
async function rowInForce(
  database: Database,
  { id, livePolicyVersion, scheduledPolicyVersion }: CostCenter,
  at: string,
): Promise<PolicyVersionRow | null> {
  if (scheduledPolicyVersion !== null) {
    const scheduled = await findPolicyVersion(database, id, scheduledPolicyVersion);
    if (scheduled?.activateAt && scheduled.activateAt <= at) return scheduled;
  }
  return livePolicyVersion === null ? null : await findPolicyVersion(database, id, livePolicyVersion);
}
