/** The policy whose budgets are raised and asked for in a cost center right now, as D1 has it. */
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { parsePolicy } from '../../durable-objects/core/policy/parse.ts';
import type { Policy } from '../../durable-objects/core/policy/types.ts';
import type { CostCenter } from '../store/cost-centers.ts';
import type { Database } from '../store/database.ts';
import { openCanary } from '../store/policy-rollouts.ts';
import { findPolicyVersion } from '../store/policy-versions.ts';

export interface LivePolicy {
  version: number;
  policy: Policy;
}

async function readPolicy(
  database: Database,
  { id, timezone }: CostCenter,
  version: number,
): Promise<LivePolicy | null> {
  const row = await findPolicyVersion(database, id, version);
  if (!row) return null;
  const context = { timezone, catalogue: builtinCatalogue, nowMs: Date.now(), enforce: 'stored' as const };
  const parsed = parsePolicy(row.document, context);
  if (!parsed.ok) throw new Error(`policy ${row.version} of ${id} cannot be read`);
  return { version: row.version, policy: parsed.value.policy };
}

/**
 * The live policy; where only the canary beside it has the budget, the canary: its sessions are counted by that. Null
 * without a live one. Throws where a stored policy can't be read: a bug.
 */
export async function livePolicy(
  database: Database,
  owner: CostCenter,
  budget: string,
): Promise<LivePolicy | null> {
  const { id, livePolicyVersion } = owner;
  const live = livePolicyVersion === null ? null : await readPolicy(database, owner, livePolicyVersion);
  if (!live || hasBudget(live, budget)) return live;
  const canary = await openCanary(database, id);
  const tried = canary && (await readPolicy(database, owner, canary.version));
  return tried && hasBudget(tried, budget) ? tried : live;
}

function hasBudget({ policy }: LivePolicy, budget: string): boolean {
  return policy.budgets.some(({ id }) => id === budget);
}
