/** Whom a raise is for: its budget and subject, checked against the policy that is live. */
import { foldDeveloper } from '../../durable-objects/core/policy/overrides-schema.ts';
import type { Budget, PolicyProblem } from '../../durable-objects/core/policy/types.ts';
import { err, ok, type Result } from '../../durable-objects/core/result.ts';
import type { CostCenter } from '../store/cost-centers.ts';
import type { Database } from '../store/database.ts';
import { findKey } from '../store/virtual-keys.ts';
import { type LivePolicy, livePolicy } from './live-policy.ts';

/** Turns cut longer names of sessions to this. */
const MAX_SESSION_LENGTH = 200;

/** As it was asked for; a null subject: everyone the budget counts. */
export interface RaiseTarget {
  budget: string;
  subject: string | null;
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
      if (subject !== '' && subject.length <= MAX_SESSION_LENGTH) return ok(subject);
      return err(`${budget} counts sessions: expected at most ${MAX_SESSION_LENGTH} characters`);
  }
}

/** The budget of this name in the live policy; else what is wrong with the name. */
export function budgetOf(
  live: LivePolicy | null,
  name: string,
  { id }: Pick<CostCenter, 'id'>,
): Result<Budget, PolicyProblem> {
  if (!live) {
    const message = `cost center ${id} has no live policy, so it has no budget to raise`;
    return err({ path: 'budget', message });
  }
  const { budgets } = live.policy;
  const budget = budgets.find((each) => each.id === name);
  if (budget) return ok(budget);
  const known = budgets.map((each) => each.id).join(', ') || 'it has none';
  return err({ path: 'budget', message: `expected a budget of the live policy: ${known}` });
}

/** The target with its subject as budgets count it; else what is wrong with it. */
export async function checkTarget(
  { budget: name, subject }: RaiseTarget,
  owner: CostCenter,
  database: Database,
): Promise<Result<RaiseTarget, PolicyProblem>> {
  const live = await livePolicy(database, owner, name);
  const budget = budgetOf(live, name, owner);
  if (!budget.ok) return budget;
  if (subject === null) return ok({ budget: name, subject });
  const counted = await subjectFor(budget.value, subject, owner, database);
  return counted.ok
    ? ok({ budget: name, subject: counted.value })
    : err({ path: 'subject', message: counted.error });
}
