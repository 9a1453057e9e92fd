/** The steps of a canary: begin it, change its share, promote it. It ends as another version goes live (schedule.ts). */
import { GUARD_SIGNALS } from '../../durable-objects/core/guards/signals.ts';
import { beginRollout, openCanary } from '../store/policy-rollouts.ts';
import type { PolicyEdit, PolicyFacts } from '../store/policy-versions.ts';
import { documentProblems, stateOf } from './approval.ts';
import { approvalProblem, signatureFor } from './going-live.ts';
import { changed, type GuardSwitches, switched, told } from './guard-switches.ts';
import { conflict, type LifecycleContext, type Verdict } from './lifecycle.ts';
import { toLive } from './schedule.ts';

/** Puts a version in force for a share of sessions, in millionths, or changes the share or the guards of one that is. */
export function activateAsCanary(context: LifecycleContext, share: number, switches: GuardSwitches) {
  return async (facts: PolicyFacts): Promise<Verdict> => {
    const { row, owner } = facts;
    const { database, authorship } = context;
    const { version } = row;
    if (row.state === 'live') return conflict(`${stateOf(facts)}: it cannot be a canary beside itself`);
    const canary = await openCanary(database, owner.id);
    if (canary?.version === version) return changed(database, canary, { shareMillionths: share, switches });
    const live = owner.livePolicyVersion;
    if (canary) {
      const advice = `promote it, or end it by rolling back to version ${live}`;
      return conflict(
        `version ${canary.version} is running as a canary, and there is one at most: ${advice}`,
      );
    }
    if (live === null) {
      const advice = `activate version ${version} for all, without "canary"`;
      return conflict(`${owner.id} has no live version that a canary could be held against: ${advice}`);
    }
    if (row.state === 'scheduled') return conflict(`${stateOf(facts)}: unschedule it first`);
    const problem = approvalProblem(facts, context) ?? documentProblems(facts, context);
    if (problem) return problem;
    const signature = await signatureFor(facts, context);
    if ('refused' in signature) return signature.refused;
    const guards = switched(GUARD_SIGNALS, switches);
    const rollout = { costCenter: owner.id, version, shareMillionths: share, baseVersion: live, guards };
    const edit: PolicyEdit = { state: 'canary', signed: signature.signed };
    const statements = [beginRollout(database, rollout, authorship.at)];
    return { kind: 'move', move: { action: 'policy.canary', edit, after: told(rollout), statements } };
  };
}

/** Puts a canary in force for all, in the live version's place. Repeated, it changes nothing. */
export function promote(context: LifecycleContext) {
  return async (facts: PolicyFacts): Promise<Verdict> => {
    const { row, owner } = facts;
    const { database, authorship } = context;
    if (row.state === 'live') return { kind: 'unchanged' };
    const canary = await openCanary(database, owner.id);
    if (canary?.version !== row.version) {
      return conflict(`${stateOf(facts)}, not running as a canary: there is nothing to promote`);
    }
    const problem = approvalProblem(facts, context) ?? documentProblems(facts, context);
    if (problem) return problem;
    const signature = await signatureFor(facts, context);
    if ('refused' in signature) return signature.refused;
    const how = {
      action: 'policy.promote',
      at: authorship.at,
      signed: signature.signed,
      guards: canary.guards,
    };
    return { kind: 'move', move: await toLive(database, facts, how) };
  };
}
