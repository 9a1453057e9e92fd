/** The steps that change which version decides: activate (now or at an instant), unschedule, roll back. */
import type { PolicyFacts, PolicyVersionRow } from '../store/policy-versions.ts';
import { documentProblems, stateOf } from './approval.ts';
import { conflict, type LifecycleContext, type Verdict } from './lifecycle.ts';
import { endOfSchedule, otherScheduled, toLive, unscheduled } from './schedule.ts';
import { signatureProblemOf, signVersion } from './signing.ts';
import { staleWhy } from './staleness.ts';

type Signed = { signed: PolicyVersionRow['signed'] } | { refused: Verdict };

/** Null where an approval allows the version to go live, or none is asked for. */
function approvalProblem(facts: PolicyFacts, { settings }: LifecycleContext): Verdict | null {
  const { state } = facts.row;
  if (state === 'rejected') return conflict(`${stateOf(facts)}: submit it again, or store a new version`);
  if (!settings.policyApproval) return null;
  if (state === 'retired') return conflict(`${stateOf(facts)}: roll back to it`);
  if (state === 'draft') return conflict(`${stateOf(facts)}: it needs an approval; submit it first`);
  if (state === 'submitted') return conflict(stateOf(facts));
  const stale = staleWhy(facts);
  return stale ? conflict(`${stale}: submit it again, so that its approval is about what it replaces`) : null;
}

/** The version's signature, once it was found to hold. One that needs no approval and has no signature gets one. */
async function signatureFor(facts: PolicyFacts, context: LifecycleContext): Promise<Signed> {
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

/** Makes the version live now, or at an instant to come (ISO 8601, UTC), in place of an earlier schedule. */
export function activate(context: LifecycleContext, activateAt: string | null) {
  return async (facts: PolicyFacts): Promise<Verdict> => {
    const { row, owner } = facts;
    const { at } = context.authorship;
    if (row.state === 'live') {
      return activateAt === null
        ? { kind: 'unchanged' }
        : conflict(`${stateOf(facts)} already, so it cannot be scheduled`);
    }
    if (row.state === 'canary') return conflict(stateOf(facts));
    if (activateAt !== null && row.state === 'scheduled' && row.activateAt === activateAt) {
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
        move: await toLive(context.database, facts, { action: 'policy.activate', at, signed }),
      };
    }
    const waiting = await otherScheduled(context.database, owner, row.version);
    return {
      kind: 'move',
      move: {
        action: 'policy.schedule',
        edit: { state: 'scheduled', activateAt, signed },
        others: waiting ? [{ version: waiting.version, edit: unscheduled(waiting) }] : [],
        pointers: { scheduledPolicyVersion: row.version },
        before: { scheduled_policy_version: owner.scheduledPolicyVersion },
        after: { scheduled_policy_version: row.version },
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

/** Makes a version live again that was live once. It needs no new approval. */
export function rollBack(context: LifecycleContext, reason: string | null) {
  return async (facts: PolicyFacts): Promise<Verdict> => {
    const { row, owner } = facts;
    if (row.state === 'live') return conflict(`${stateOf(facts)} already: there is nothing to roll back`);
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
      after: { reason },
    };
    return { kind: 'move', move: await toLive(context.database, facts, how) };
  };
}
