/** Rollouts of policy versions, and the trips of their guards. A rollout changes with its version's step, in one batch. */
import { and, desc, eq, isNull, sql } from 'drizzle-orm';
import type { BatchItem } from 'drizzle-orm/batch';
import type { GuardSignal } from '../../durable-objects/core/guards/signals.ts';
import { timeOrderedId } from '../../durable-objects/ledger/time-ordered-id.ts';
import type { Database } from './database.ts';
import { policyRollouts, policyTrips } from './rollout-tables.ts';

export type Rollout = typeof policyRollouts.$inferSelect;
export type Trip = typeof policyTrips.$inferSelect;

/** A version that went live is watched this long. */
const WATCH_MS = 7 * 86_400_000;

/** Those that go on: at most one canary, and the one that brought the live version. */
export async function openRollouts(database: Database, costCenter: string): Promise<Rollout[]> {
  return await database
    .select()
    .from(policyRollouts)
    .where(and(eq(policyRollouts.costCenter, costCenter), isNull(policyRollouts.endedAt)));
}

export async function openCanary(database: Database, costCenter: string): Promise<Rollout | null> {
  return (await openRollouts(database, costCenter)).find(({ kind }) => kind === 'canary') ?? null;
}

/** A version's last rollout; null where it never had one. */
export async function lastRollout(
  database: Database,
  costCenter: string,
  version: number,
): Promise<Rollout | null> {
  const [row] = await database
    .select()
    .from(policyRollouts)
    .where(and(eq(policyRollouts.costCenter, costCenter), eq(policyRollouts.version, version)))
    .orderBy(desc(policyRollouts.startedAt), desc(policyRollouts.id))
    .limit(1);
  return row ?? null;
}

export interface NewRollout {
  costCenter: string;
  version: number;
  /** Null: for all. */
  shareMillionths: number | null;
  baseVersion: number;
  guards: readonly GuardSignal[];
}

/** Begins a rollout; where one of its kind goes on, `endRollouts` has to come before it. */
export function beginRollout(database: Database, rollout: NewRollout, at: string): BatchItem<'sqlite'> {
  const { shareMillionths, guards } = rollout;
  const ms = Date.parse(at);
  const isCanary = shareMillionths !== null;
  return database.insert(policyRollouts).values({
    ...rollout,
    id: `rollout_${timeOrderedId(ms)}`,
    kind: isCanary ? 'canary' : 'live',
    guards: [...guards],
    startedAt: at,
    watchUntil: isCanary ? null : new Date(ms + WATCH_MS).toISOString(),
  });
}

export function changeRollout(
  database: Database,
  { id }: Rollout,
  change: Partial<Pick<Rollout, 'shareMillionths' | 'guards'>>,
): BatchItem<'sqlite'> {
  return database.update(policyRollouts).set(change).where(eq(policyRollouts.id, id));
}

/** Ends what goes on in a cost center; of the version itself because it was `promoted`. */
export function endRollouts(
  database: Database,
  costCenter: string,
  {
    at,
    why,
    kinds = ['canary', 'live'],
  }: { at: string; why: Rollout['endedWhy']; kinds?: readonly Rollout['kind'][] },
): BatchItem<'sqlite'> {
  const isOne = sql`${policyRollouts.kind} IN ${kinds}`;
  return database
    .update(policyRollouts)
    .set({ endedAt: at, endedWhy: why })
    .where(and(eq(policyRollouts.costCenter, costCenter), isNull(policyRollouts.endedAt), isOne));
}

export async function findTrip(database: Database, rollout: string): Promise<Trip | null> {
  const [row] = await database.select().from(policyTrips).where(eq(policyTrips.rollout, rollout));
  return row ?? null;
}

/** Trips that no state has followed yet, of one cost center or (null) of all; the oldest first, at most `limit`. */
export async function tripsToFollow(
  database: Database,
  costCenter: string | null,
  limit: number,
): Promise<Trip[]> {
  const isOf = costCenter === null ? undefined : eq(policyTrips.costCenter, costCenter);
  return await database
    .select()
    .from(policyTrips)
    .where(and(isOf, isNull(policyTrips.followedAt)))
    .orderBy(policyTrips.occurredAt)
    .limit(limit);
}

export function followTrip(
  database: Database,
  { rollout }: Trip,
  outcome: NonNullable<Trip['outcome']>,
  at: string,
) {
  return database
    .update(policyTrips)
    .set({ followedAt: at, outcome })
    .where(and(eq(policyTrips.rollout, rollout), isNull(policyTrips.followedAt)));
}
