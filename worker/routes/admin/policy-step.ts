/** Runs one step of a policy version and answers with the version, once the wallet has what changed. */
import type { PolicyProblem } from '../../../durable-objects/core/policy/types.ts';
import { knownModels } from '../../policy/known-models.ts';
import { unknownProviders } from '../../policy/known-providers.ts';
import { type LifecycleContext, type StepOutcome, takeStep, type Verdict } from '../../policy/lifecycle.ts';
import type { Outcome } from '../../store/change.ts';
import type { PolicyFacts } from '../../store/policy-versions.ts';
import { isConfirmed } from '../../turn/wallet-confirm.ts';
import { type AdminContext, authorshipOf, databaseOf } from './context.ts';
import { type Failure, fail } from './failures.ts';
import { withOwner } from './owner.ts';
import { toPolicyVersionView } from './policy-contract.ts';

export function unknownVersion(costCenter: string, version: number): Failure {
  return { why: 'unknown', what: `policy version ${version} in cost center ${costCenter}` };
}

export interface Step {
  /** As in "the rollback of policy version 3 is stored". */
  name: string;
  decide: (context: LifecycleContext) => (facts: PolicyFacts) => Verdict | Promise<Verdict>;
  /** What to do where the wallet did not confirm and repeating the call is wrong. */
  advice?: string;
}

function failureOf(outcome: Exclude<Outcome<StepOutcome>, { kind: 'done' }>, unknown: Failure): Failure {
  if (outcome === 'unknown') return unknown;
  if (outcome === 'contended') return { why: 'contended' };
  if (outcome.kind === 'conflict') return { why: 'conflict', message: outcome.message };
  const problems: PolicyProblem[] = outcome.problems;
  return { why: 'invalid', problems };
}

/** Takes the step for the version that the path names. */
export async function step(
  c: AdminContext,
  { id, version }: { id: string; version: number },
  { name, decide, advice }: Step,
): Promise<Response> {
  const requestId = c.get('requestId');
  const database = databaseOf(c);
  return await withOwner(c, id, async () => {
    const known = await knownModels(database, Date.now());
    const settings = c.get('bindings');
    const context = { database, settings, known, principal: c.get('principal'), authorship: authorshipOf(c) };
    const outcome = await takeStep(context, { costCenter: id, version }, decide(context));
    if (typeof outcome === 'string' || outcome.kind !== 'done') {
      return fail(requestId, failureOf(outcome, unknownVersion(id, version)));
    }
    const { facts } = outcome;
    if (!(await isConfirmed(settings, facts.owner, facts.owner.revision))) {
      const stored = `the ${name} of policy version ${version}`;
      return fail(requestId, { why: 'unconfirmed', stored, ...(advice === undefined ? {} : { advice }) });
    }
    return c.json(toPolicyVersionView(facts, known, unknownProviders(facts.row, settings)), 200);
  });
}
