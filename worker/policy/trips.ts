/**
 * Guards that tripped: the wallet decides by the base version from its next turn on, and tells D1; here the versions'
 * states follow, whenever somebody looks or the cron runs. What people changed in between stays as they have it.
 */
import { type CostCenter, findCostCenter } from '../store/cost-centers.ts';
import type { Database } from '../store/database.ts';
import { endRollouts, followTrip, openRollouts, type Trip, tripsToFollow } from '../store/policy-rollouts.ts';
import {
  commitPolicyMove,
  findPolicyVersion,
  type PolicyEdit,
  type PolicyMove,
} from '../store/policy-versions.ts';
import { oneByOne } from './one-by-one.ts';
import { afterCanary, otherCanary, otherScheduled, unscheduled } from './schedule.ts';

/** Who takes a version back by itself, as the audit log calls it. */
const ACTOR = 'guard';
const FOLLOWED_A_RUN = 200;

/** What the audit event has of a trip, beside the states. */
function told({ rollout, version, occurredAt, evidence }: Trip) {
  return { rollout, rolled_back_version: version, tripped_at: occurredAt, evidence };
}

/**
 * Back from a version that went live: its base is live again. A canary beside it was held against it, and a schedule
 * approved in its place: both end.
 */
async function backToBase(
  database: Database,
  owner: CostCenter,
  trip: Trip,
  at: string,
): Promise<PolicyMove> {
  const canary = await otherCanary(database, owner, trip.version);
  const waiting = await otherScheduled(database, owner, trip.baseVersion);
  const others: { version: number; edit: PolicyEdit }[] = [
    { version: trip.version, edit: { state: 'retired' } },
  ];
  if (canary) others.push({ version: canary.version, edit: afterCanary(canary) });
  if (waiting) others.push({ version: waiting.version, edit: unscheduled(waiting) });
  return {
    action: 'policy.rollback',
    edit: { state: 'live', activatedAt: at, activateAt: null },
    others,
    pointers: { livePolicyVersion: trip.baseVersion, scheduledPolicyVersion: null },
    before: { live_policy_version: trip.version, scheduled_policy_version: owner.scheduledPolicyVersion },
    after: { ...told(trip), live_policy_version: trip.baseVersion, scheduled_policy_version: null },
    statements: [
      endRollouts(database, owner.id, { at, why: 'tripped' }),
      followTrip(database, trip, 'rolled_back', at),
    ],
  };
}

/** Back from a canary: the live version decides over all sessions again. */
function endOfCanary(database: Database, owner: CostCenter, trip: Trip, at: string): PolicyMove {
  return {
    action: 'policy.rollback',
    edit: { state: 'retired' },
    before: { live_policy_version: owner.livePolicyVersion, canary_version: trip.version },
    after: { ...told(trip), live_policy_version: owner.livePolicyVersion, canary_version: null },
    statements: [
      endRollouts(database, owner.id, { at, why: 'tripped', kinds: ['canary'] }),
      followTrip(database, trip, 'rolled_back', at),
    ],
  };
}

async function follow(database: Database, owner: CostCenter, trip: Trip, at: string): Promise<void> {
  const rollout = (await openRollouts(database, owner.id)).find(({ id }) => id === trip.rollout);
  const isCanary = rollout?.kind === 'canary';
  const row = await findPolicyVersion(database, owner.id, isCanary ? trip.version : trip.baseVersion);
  if (!rollout || !row) {
    await followTrip(database, trip, 'superseded', at);
    return;
  }
  const move = isCanary
    ? endOfCanary(database, owner, trip, at)
    : await backToBase(database, owner, trip, at);
  const authorship = { actor: ACTOR, requestId: `guard_${trip.rollout}`, at };
  await commitPolicyMove(database, { owner, row }, move, authorship);
}

/**
 * Has the states of a cost center's versions follow its guards that tripped: false where none did. What is true then has
 * to be read anew: they were followed, or somebody else came between.
 */
export async function followTripsOf(database: Database, owner: CostCenter, at: string): Promise<boolean> {
  const [trip] = await tripsToFollow(database, owner.id, 1);
  if (!trip) return false;
  await follow(database, owner, trip, at);
  return true;
}

/** Has D1 follow every guard that tripped, at most some a run. Rejects where D1 is away. */
export async function followTrips(database: Database, at: string): Promise<void> {
  const trips = await tripsToFollow(database, null, FOLLOWED_A_RUN);
  await oneByOne('following a guard', trips, async (trip) => {
    const owner = await findCostCenter(database, trip.costCenter);
    if (owner) await follow(database, owner, trip, at);
  });
}
