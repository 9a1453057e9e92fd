/**
 * How a policy version takes a step: on facts read together, in one batch with its audit event, or not at all where
 * somebody else's change came between. What each step asks for is in files of their own.
 */

import type { KnownModels } from '../../durable-objects/core/policy/retirement.ts';
import type { PolicyProblem } from '../../durable-objects/core/policy/types.ts';
import type { Principal } from '../auth/principal.ts';
import type { Bindings } from '../bindings.ts';
import { type Authorship, type Outcome, untilCommitted } from '../store/change.ts';
import { findCostCenter } from '../store/cost-centers.ts';
import type { Database } from '../store/database.ts';
import {
  commitPolicyMove,
  findPolicyVersion,
  type PolicyFacts,
  type PolicyMove,
} from '../store/policy-versions.ts';
import { followWallet } from './followed.ts';

/** What steps are decided with. */
export interface LifecycleContext {
  database: Database;
  settings: Pick<Bindings, 'signingKeys' | 'policyApproval' | 'policyFourEyes'>;
  /** Documents are checked against it: models can have retired since they were written. */
  known: KnownModels;
  principal: Principal;
  authorship: Authorship;
}

/** What a step comes to on the facts at hand. */
export type Verdict =
  | { kind: 'move'; move: PolicyMove }
  /** It was taken before. */
  | { kind: 'unchanged' }
  /** The state does not allow it; `message` is the sentence. */
  | { kind: 'conflict'; message: string }
  /** The document is not valid any more. */
  | { kind: 'invalid'; problems: PolicyProblem[] };

export type StepOutcome =
  | { kind: 'done'; facts: PolicyFacts }
  | Extract<Verdict, { kind: 'conflict' | 'invalid' }>;

export interface PolicyTarget {
  costCenter: string;
  version: number;
}

/** Takes a step: `decide` is asked anew, on fresh facts, each time another change came between. */
export async function takeStep(
  { database, settings, authorship }: Pick<LifecycleContext, 'database' | 'settings' | 'authorship'>,
  { costCenter, version }: PolicyTarget,
  decide: (facts: PolicyFacts) => Verdict | Promise<Verdict>,
): Promise<Outcome<StepOutcome>> {
  return await untilCommitted(async () => {
    const owner = await findCostCenter(database, costCenter);
    if (!owner) return 'unknown';
    if (await followWallet(database, settings, owner, authorship.at)) return 'stale';
    const row = await findPolicyVersion(database, costCenter, version);
    if (!row) return 'unknown';
    const facts = { owner, row };
    const verdict = await decide(facts);
    if (verdict.kind === 'unchanged') return { kind: 'done', facts } as const;
    if (verdict.kind !== 'move') return verdict;
    const moved = await commitPolicyMove(database, facts, verdict.move, authorship);
    return moved ? ({ kind: 'done', facts: moved } as const) : 'stale';
  });
}

export function conflict(message: string): Verdict {
  return { kind: 'conflict', message };
}
