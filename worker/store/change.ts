/**
 * The one way configuration changes: what is changed, the new revision of the cost center and the audit event
 * commit together in one batch, or not at all. Wallets compare the revision; the event says what it was before.
 */
import { eq, type SQL, sql } from 'drizzle-orm';
import type { BatchItem } from 'drizzle-orm/batch';
import { commitAct } from './audit-chain.ts';
import type { Database } from './database.ts';
import { costCenters } from './tables.ts';

/** Who asked for a change, when (ISO 8601, UTC) and in which request. */
export interface Authorship {
  actor: string;
  requestId: string;
  at: string;
}

export interface Change {
  costCenter: string;
  /** 'cost_center.create', 'key.revoke', … */
  action: string;
  /** What was changed: the id of a cost center or key, a policy's version. */
  target: string;
  /** JSON as the API shows it, null where there was nothing before or is nothing after. Never holds a secret. */
  before: unknown;
  after: unknown;
  /** Still true at the commit, or nothing is committed: how a change that was decided on old facts fails. */
  provided: SQL;
  /** Run after the new revision is set, in order. */
  statements: readonly BatchItem<'sqlite'>[];
}

/** The cost center's revision, for a row written in the same batch. */
export function revisionOf(costCenter: string): SQL<number> {
  return sql<number>`(SELECT revision FROM cost_centers WHERE id = ${costCenter})`;
}

/** Commits a change; null where `provided` no longer held. Rejects where D1 is away or the audit chain is busy. */
export async function commitChange(
  database: Database,
  { costCenter, action, target, before, after, provided, statements }: Change,
  authorship: Authorship,
): Promise<number | null> {
  const act = { action, costCenter, target, before, after };
  const isOwner = eq(costCenters.id, costCenter);
  const bump = database
    .update(costCenters)
    .set({ revision: sql`${costCenters.revision} + 1` })
    .where(isOwner)
    .returning({ revision: costCenters.revision });
  const all = { act, authorship, provided, statements: [bump, ...statements] };
  const results = await commitAct(database, all);
  const [bumped] = (results?.[0] ?? []) as Awaited<typeof bump>;
  return bumped?.revision ?? null;
}

/**
 * Commits a change that concerns every cost center: all get a new revision to pull. False where `provided` no longer
 * held. Rejects where D1 is away or the audit chain is busy.
 */
export async function commitForEveryone(
  database: Database,
  change: Omit<Change, 'costCenter'>,
  authorship: Authorship,
): Promise<boolean> {
  const bump = database.update(costCenters).set({ revision: sql`${costCenters.revision} + 1` });
  const statements = [bump, ...change.statements];
  return await commitForOrganisation(database, { ...change, statements }, authorship);
}

/**
 * Commits a change of the organisation that no wallet has a copy of: nothing to pull. False where `provided` no longer
 * held. Rejects where D1 is away or the audit chain is busy.
 */
export async function commitForOrganisation(
  database: Database,
  { action, target, before, after, provided, statements }: Omit<Change, 'costCenter'>,
  authorship: Authorship,
): Promise<boolean> {
  const act = { action, costCenter: null, target, before, after };
  return (await commitAct(database, { act, authorship, provided, statements })) !== null;
}

const MAX_TRIES = 8;

/** What a change came to: `contended` where others kept changing the same thing. */
export type Outcome<T> = T | 'unknown' | 'contended';

/** Decides a change anew, on fresh facts, each time another one came between: `attempt` says 'stale'. */
export async function untilCommitted<T>(attempt: () => Promise<T | 'stale'>): Promise<T | 'contended'> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const outcome = await attempt();
    if (outcome !== 'stale') return outcome;
  }
  return 'contended';
}
