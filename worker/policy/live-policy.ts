/** The policy whose budgets are raised and asked for in a cost center right now, as D1 has it. */
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { parsePolicy } from '../../durable-objects/core/policy/parse.ts';
import type { Policy } from '../../durable-objects/core/policy/types.ts';
import type { CostCenter } from '../store/cost-centers.ts';
import type { Database } from '../store/database.ts';
import { openCanary } from '../store/policy-rollouts.ts';
import { findPolicyVersion, type PolicyVersionRow } from '../store/policy-versions.ts';

export interface LivePolicy {
  version: number;
  policy: Policy;
}

/**
 * The live policy; where only the canary beside it has the budget asked for, the canary: its sessions are counted by
 * that. Null without a live one. Throws where a stored policy can't be read: a bug.
 */
export async function livePolicy(
  database: Database,
  owner: CostCenter,
  budget: string | null,
): Promise<LivePolicy | null> {
  const row = await rowInForce(database, owner, new Date().toISOString());
  const live = row && readPolicy(row, owner);
  if (!live || budget === null || hasBudget(live, budget)) return live;
  const canary = await openCanary(database, owner.id);
  const tried = canary && (await findPolicyVersion(database, owner.id, canary.version));
  const policy = tried && readPolicy(tried, owner);
  return policy && hasBudget(policy, budget) ? policy : live;
}

function readPolicy(row: PolicyVersionRow, { id, timezone }: CostCenter): LivePolicy {
  const context = { timezone, catalogue: builtinCatalogue, nowMs: Date.now(), enforce: 'stored' as const };
  const parsed = parsePolicy(row.document, context);
  if (!parsed.ok) throw new Error(`policy ${row.version} of ${id} cannot be read`);
  return { version: row.version, policy: parsed.value.policy };
}

function hasBudget({ policy }: LivePolicy, budget: string): boolean {
  return policy.budgets.some(({ id }) => id === budget);
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
