/** The steps that change which version decides: activate (now or at an instant), unschedule, roll back. */
import { GUARD_SIGNALS } from '../../durable-objects/core/guards/signals.ts';
import { endRollouts } from '../store/policy-rollouts.ts';
import type { PolicyFacts, PolicyMove, PolicyVersionRow } from '../store/policy-versions.ts';
import { documentProblems, stateOf } from './approval.ts';
import { type GuardSwitches, switched, switchGuards } from './guard-switches.ts';
import { conflict, type LifecycleContext, type Verdict } from './lifecycle.ts';
import { afterCanary, endOfSchedule, otherCanary, otherScheduled, toLive, unscheduled } from './schedule.ts';
import { signatureProblemOf, signVersion } from './signing.ts';
import { staleWhy } from './staleness.ts';

type Signed = { signed: PolicyVersionRow['signed'] } | { refused: Verdict };

/** Null where an approval allows the version to go live, or none is asked for. */
export function approvalProblem(facts: PolicyFacts, { settings }: LifecycleContext): Verdict | null {
  const { state } = facts.row;
  if (state === 'rejected') return conflict(`${stateOf(facts)}: submit it again, or store a new version`);
  if (!settings.policyApproval) return null;
  if (state === 'retired' && facts.row.activatedAt !== null) {
    return conflict(`${stateOf(facts)}: roll back to it`);
  }
  if (state === 'draft') return conflict(`${stateOf(facts)}: it needs an approval; submit it first`);
  if (state === 'submitted') return conflict(stateOf(facts));
  // As from a time when the deployment asked for no approvals.
  if (facts.row.approvedAt === null) {
    return conflict(`${stateOf(facts)} and was never approved: store its document as a new version`);
  }
  if (state === 'retired') {
    const outlived = outlivedWhy(facts);
    return outlived ? conflict(`${outlived}: store its document as a new version`) : null;
  }
  const stale = staleWhy(facts);
  return stale ? conflict(`${stale}: submit it again, so that its approval is about what it replaces`) : null;
}

/** A canary that a guard ended keeps its approval, as long as that is about what it would replace. */
function outlivedWhy({ row, owner }: PolicyFacts): string | null {
  if (row.baseVersion === owner.livePolicyVersion) return null;
  return `version ${row.version} was approved against another live version`;
}

/** The version's signature, once it was found to hold. One that needs no approval and has no signature gets one. */
export async function signatureFor(facts: PolicyFacts, context: LifecycleContext): Promise<Signed> {
  const { row, owner } = facts;
  const { signingKeys, policyApproval } = context.settings;
  const { actor, at } = context.authorship;
  const isUnapproved = row.approvedAt === null;
  if (row.signed === null && isUnapproved && (row.legacy || !policyApproval)) {
    const claims = row.legacy ? { legacy: true as const, actor, at } : { waived: true as const, actor, at };
    return { signed: await signVersion(row, owner.livePolicyVersion, claims, signingKeys) };
  }
  const problem = await signatureProblemOf(row, signingKeys);
  if (!problem) return { signed: row.signed };
  const message = `version ${row.version} is not put in force, because its signature ${problem}: store its document as a new version`;
  return { refused: conflict(message) };
}

/**
 * Makes the version live now, or at an instant to come (ISO 8601, UTC), in place of an earlier schedule, with all guards
 * but those that are switched off. Of a version that is live already it switches the guards.
 */
export function activate(context: LifecycleContext, activateAt: string | null, switches: GuardSwitches) {
  return async (facts: PolicyFacts): Promise<Verdict> => {
    const { row, owner } = facts;
    const { at } = context.authorship;
    if (row.state === 'live') {
      return activateAt === null
        ? await switchGuards(context, facts, switches)
        : conflict(`${stateOf(facts)} already, so it cannot be scheduled`);
    }
    if (row.state === 'canary') return conflict(`${stateOf(facts)}: promote it`);
    const guards = switched(GUARD_SIGNALS, switches);
    if (
      activateAt !== null &&
      row.state === 'scheduled' &&
      row.activateAt === activateAt &&
      row.guards?.join() === guards.join()
    ) {
      return { kind: 'unchanged' };
    }
    const problem = approvalProblem(facts, context) ?? documentProblems(facts, context);
    if (problem) return problem;
    const signature = await signatureFor(facts, context);
    if ('refused' in signature) return signature.refused;
    const { signed } = signature;
    if (activateAt === null) {
      return {
        kind: 'move',
        move: await toLive(context.database, facts, { action: 'policy.activate', at, signed, guards }),
      };
    }
    const waiting = await otherScheduled(context.database, owner, row.version);
    return {
      kind: 'move',
      move: {
        action: 'policy.schedule',
        edit: { state: 'scheduled', activateAt, signed, guards },
        others: waiting ? [{ version: waiting.version, edit: unscheduled(waiting) }] : [],
        pointers: { scheduledPolicyVersion: row.version },
        before: { scheduled_policy_version: owner.scheduledPolicyVersion },
        after: { scheduled_policy_version: row.version, guards },
      },
    };
  };
}

/** Takes a schedule back; repeated, it changes nothing. */
export function unschedule(facts: PolicyFacts): Verdict {
  const { row } = facts;
  if (row.state === 'scheduled') return { kind: 'move', move: endOfSchedule(row) };
  return row.state === 'live' || row.state === 'canary'
    ? conflict(`${stateOf(facts)}, not scheduled: roll back to another version`)
    : { kind: 'unchanged' };
}

/** Makes a version live again that was live once; to the live version itself, ends the canary. It needs no new approval. */
export function rollBack(context: LifecycleContext, reason: string | null) {
  return async (facts: PolicyFacts): Promise<Verdict> => {
    const { row, owner } = facts;
    if (row.state === 'live') {
      const canary = await otherCanary(context.database, owner, row.version);
      if (canary) return { kind: 'move', move: endOfCanary(context, facts, canary, reason) };
      return conflict(`${stateOf(facts)} already: there is nothing to roll back`);
    }
    if (row.state === 'canary') {
      const advice = `to end the canary, roll back to version ${owner.livePolicyVersion}`;
      return conflict(`${stateOf(facts)}, so nothing can be rolled back to it: ${advice}`);
    }
    if (owner.livePolicyVersion === null) {
      return conflict(`${owner.id} has no live version to roll back from; activate one`);
    }
    if (row.activatedAt === null) {
      return conflict(
        `${stateOf(facts)} and was never live, so nothing can be rolled back to it; activate it`,
      );
    }
    const signature = await signatureFor(facts, context);
    if ('refused' in signature) return signature.refused;
    const how = {
      action: 'policy.rollback',
      at: context.authorship.at,
      signed: signature.signed,
      guards: null,
      after: { reason },
    };
    return { kind: 'move', move: await toLive(context.database, facts, how) };
  };
}

/** Ends the canary beside the live version, which decides over all sessions again. */
function endOfCanary(
  { database, authorship }: LifecycleContext,
  { owner, row }: PolicyFacts,
  canary: PolicyVersionRow,
  reason: string | null,
): PolicyMove {
  const { at } = authorship;
  return {
    action: 'policy.rollback',
    edit: { state: 'live' },
    others: [{ version: canary.version, edit: afterCanary(canary) }],
    before: { canary_version: canary.version },
    after: { reason, live_policy_version: row.version, canary_version: null },
    statements: [endRollouts(database, owner.id, { at, why: 'ended', kinds: ['canary'] })],
  };
}
