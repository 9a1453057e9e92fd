/** Whom a raise is for: its budget and subject, checked against the policy that is live. */
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { parsePolicy } from '../../../durable-objects/core/policy/parse.ts';
import { foldDeveloper } from '../../../durable-objects/core/policy/schema.ts';
import type { Budget, PolicyProblem } from '../../../durable-objects/core/policy/types.ts';
import { err, ok, type Result } from '../../../durable-objects/core/result.ts';
import type { CostCenter } from '../../store/cost-centers.ts';
import type { Database } from '../../store/database.ts';
import { findPolicyVersion } from '../../store/policy-versions.ts';
import { findKey } from '../../store/virtual-keys.ts';
import { session } from './fields.ts';

/** As it was asked for; a null subject: everyone the budget counts. */
export interface RaiseTarget {
  budget: string;
  subject: string | null;
}

/** The budgets of the live policy; null without one. Throws where a stored policy can't be read: a bug. */
async function liveBudgets(database: Database, owner: CostCenter): Promise<readonly Budget[] | null> {
  const { id, timezone, livePolicyVersion } = owner;
  const row = livePolicyVersion === null ? null : await findPolicyVersion(database, id, livePolicyVersion);
  if (!row) return null;
  const context = { timezone, catalogue: builtinCatalogue, nowMs: Date.now(), enforce: 'stored' as const };
  const parsed = parsePolicy(row.document, context);
  if (!parsed.ok) throw new Error(`policy ${row.version} of ${id} cannot be read`);
  return parsed.value.policy.budgets;
}

/** The subject as budgets count it, or what was expected in its place. */
async function subjectFor(
  { id: budget, scope }: Budget,
  subject: string,
  owner: CostCenter,
  database: Database,
): Promise<Result<string, string>> {
  switch (scope) {
    case 'cost_center':
      if (subject === owner.id) return ok(subject);
      return err(`${budget} is shared by the cost center: expected no subject, or "${owner.id}"`);
    case 'developer': {
      const developer = foldDeveloper(subject);
      return developer === '' ? err('expected a developer') : ok(developer);
    }
    case 'key':
      if (await findKey(database, owner.id, subject)) return ok(subject);
      return err(`${budget} counts keys: expected the id of a key of cost center ${owner.id}`);
    case 'session':
      if (session.safeParse(subject).success) return ok(subject);
      return err(`${budget} counts sessions: expected at most 200 characters`);
  }
}

/** The target with its subject as budgets count it; else what is wrong with it. */
export async function checkTarget(
  { budget: name, subject }: RaiseTarget,
  owner: CostCenter,
  database: Database,
): Promise<Result<RaiseTarget, PolicyProblem>> {
  const budgets = await liveBudgets(database, owner);
  if (!budgets) {
    const message = `cost center ${owner.id} has no live policy, so it has no budget to raise`;
    return err({ path: 'budget', message });
  }
  const budget = budgets.find((each) => each.id === name);
  if (!budget) {
    const known = budgets.map((each) => each.id).join(', ') || 'it has none';
    return err({ path: 'budget', message: `expected a budget of the live policy: ${known}` });
  }
  if (subject === null) return ok({ budget: name, subject });
  const counted = await subjectFor(budget, subject, owner, database);
  return counted.ok
    ? ok({ budget: name, subject: counted.value })
    : err({ path: 'subject', message: counted.error });
}
