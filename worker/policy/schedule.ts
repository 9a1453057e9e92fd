/**
 * Scheduled versions: the wallet puts one in force at its instant, by its own clock; here D1 follows, whenever somebody
 * looks or the cron runs.
 */
import { GUARD_SIGNALS, type GuardSignal } from '../../durable-objects/core/guards/signals.ts';
import type { Bindings } from '../bindings.ts';
import { type CostCenter, listScheduled } from '../store/cost-centers.ts';
import type { Database } from '../store/database.ts';
import { beginRollout, endRollouts, openCanary } from '../store/policy-rollouts.ts';
import {
  commitPolicyMove,
  findPolicyVersion,
  type PolicyEdit,
  type PolicyMove,
  type PolicyVersionRow,
} from '../store/policy-versions.ts';
import { oneByOne } from './one-by-one.ts';
import { signatureProblemOf } from './signing.ts';

/** Who follows the clock, as the audit log calls it. */
const ACTOR = 'schedule';
const FOLLOWED_A_RUN = 200;

/** A version that is scheduled no more, as it was before: one without an approval may be written again, unsigned. */
export function unscheduled(row: PolicyVersionRow): PolicyEdit {
  if (row.activatedAt !== null) return { state: 'retired', activateAt: null };
  if (row.approvedAt !== null) return { state: 'approved', activateAt: null };
  return { state: row.submittedAt === null ? 'draft' : 'submitted', activateAt: null, signed: null };
}

/** A canary that is over: it may be tried again as it was before. */
export function afterCanary(row: PolicyVersionRow): PolicyEdit {
  if (row.activatedAt !== null) return { state: 'retired' };
  if (row.approvedAt !== null) return { state: 'approved' };
  return { state: row.submittedAt === null ? 'draft' : 'submitted', signed: null };
}

/** The cost center's version that waits for its instant, where that is another than `version`. */
export async function otherScheduled(
  database: Database,
  { id, scheduledPolicyVersion }: CostCenter,
  version: number,
): Promise<PolicyVersionRow | null> {
  if (scheduledPolicyVersion === null || scheduledPolicyVersion === version) return null;
  return await findPolicyVersion(database, id, scheduledPolicyVersion);
}

/** How a version comes to be the live one. */
export interface GoingLive {
  action: string;
  at: string;
  signed: PolicyVersionRow['signed'];
  /** The signals that are watched, against the version before; null: it comes back, and no guard watches it. */
  guards: readonly GuardSignal[] | null;
  after?: Record<string, unknown>;
}

/** Makes a version the live one; the one before retires, another one's schedule is over, and so is a canary. */
export async function toLive(
  database: Database,
  { owner, row }: { owner: CostCenter; row: PolicyVersionRow },
  { action, at, signed, guards, after }: GoingLive,
): Promise<PolicyMove> {
  const { id: costCenter, livePolicyVersion: previous } = owner;
  const { version } = row;
  const waiting = await otherScheduled(database, owner, version);
  const canary = await otherCanary(database, owner, version);
  const others: { version: number; edit: PolicyEdit }[] = [];
  if (previous !== null) others.push({ version: previous, edit: { state: 'retired' } });
  if (waiting) others.push({ version: waiting.version, edit: unscheduled(waiting) });
  if (canary) others.push({ version: canary.version, edit: afterCanary(canary) });
  const why = row.state === 'canary' ? 'promoted' : 'replaced';
  const statements = [endRollouts(database, costCenter, { at, why })];
  if (guards && previous !== null) {
    const rollout = { costCenter, version, shareMillionths: null, baseVersion: previous, guards };
    statements.push(beginRollout(database, rollout, at));
  }
  return {
    action,
    edit: { state: 'live', activatedAt: at, activateAt: null, signed, guards: null },
    others,
    pointers: { livePolicyVersion: version, scheduledPolicyVersion: null },
    before: { live_policy_version: previous, scheduled_policy_version: owner.scheduledPolicyVersion },
    after: { ...after, live_policy_version: version, scheduled_policy_version: null, guards },
    statements,
  };
}

/** The cost center's canary, where that is another version than this one. */
export async function otherCanary(
  database: Database,
  { id }: CostCenter,
  version: number,
): Promise<PolicyVersionRow | null> {
  const canary = await openCanary(database, id);
  if (!canary || canary.version === version) return null;
  return await findPolicyVersion(database, id, canary.version);
}

/**
 * Has D1 follow a schedule whose instant has come (`at`, ISO 8601 in UTC): false where there is none. What is true then
 * has to be read anew: it was followed, or somebody else came between. A version whose signature does not hold is not
 * live in the wallet either: its schedule is over, and says why.
 */
export async function followDueSchedule(
  database: Database,
  settings: Pick<Bindings, 'signingKeys'>,
  owner: CostCenter,
  at: string,
): Promise<boolean> {
  if (owner.scheduledPolicyVersion === null) return false;
  const row = await findPolicyVersion(database, owner.id, owner.scheduledPolicyVersion);
  if (!row || row.activateAt === null || row.activateAt > at) return false;
  const facts = { owner, row };
  const problem = await signatureProblemOf(row, settings.signingKeys);
  const move = problem
    ? endOfSchedule(row, { why: `its signature ${problem}` })
    : await toLive(database, facts, {
        action: 'policy.activate',
        at: row.activateAt,
        signed: row.signed,
        guards: row.guards ?? GUARD_SIGNALS,
      });
  if (problem) {
    console.error({
      message: 'a scheduled policy is not signed',
      costCenter: owner.id,
      version: row.version,
      problem,
    });
  }
  const authorship = { actor: ACTOR, requestId: `schedule_${crypto.randomUUID()}`, at };
  await commitPolicyMove(database, facts, move, authorship);
  return true;
}

/** Takes a version's schedule away. */
export function endOfSchedule(row: PolicyVersionRow, after: Record<string, unknown> = {}): PolicyMove {
  return {
    action: 'policy.unschedule',
    edit: unscheduled(row),
    pointers: { scheduledPolicyVersion: null },
    after,
  };
}

/** Has D1 follow every schedule that is due. Rejects where D1 is away. */
export async function followSchedules(
  database: Database,
  settings: Pick<Bindings, 'signingKeys'>,
  at: string,
): Promise<void> {
  const due = (await listScheduled(database, at, FOLLOWED_A_RUN)).map((owner) => ({
    owner,
    costCenter: owner.id,
  }));
  await oneByOne('following a schedule', due, ({ owner }) =>
    followDueSchedule(database, settings, owner, at),
  );
}
