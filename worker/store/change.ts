/**
 * The one way configuration changes: what is changed, the new revision of the cost center and the audit event
 * commit together in one batch, or not at all. Wallets compare the revision; the event says what it was before.
 */
import { eq, type SQL, sql } from 'drizzle-orm';
import type { BatchItem } from 'drizzle-orm/batch';
import { type Database, violates } from './database.ts';
import { auditEvents, costCenters } from './tables.ts';

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

/** How a batch fails whose `provided` no longer held. */
const UNMET = 'NOT NULL constraint failed: audit_events.occurred_at';

/** Commits a change; null where `provided` no longer held. Rejects where D1 is away. */
export async function commitChange(
  database: Database,
  change: Change,
  authorship: Authorship,
): Promise<number | null> {
  const { costCenter, action, target, before, after, provided } = change;
  // A batch cannot branch, but a null where none may be undoes all of it.
  const occurredAt = sql<string>`CASE WHEN ${provided} THEN ${authorship.at} END`;
  const { actor, requestId } = authorship;
  try {
    const results = await database.batch([
      database
        .insert(auditEvents)
        .values({ occurredAt, actor, action, costCenter, target, before, after, requestId }),
      database
        .update(costCenters)
        .set({ revision: sql`${costCenters.revision} + 1` })
        .where(eq(costCenters.id, costCenter)),
      database
        .select({ revision: costCenters.revision })
        .from(costCenters)
        .where(eq(costCenters.id, costCenter)),
      ...change.statements,
    ]);
    return results[2][0]?.revision ?? null;
  } catch (error) {
    if (violates(error, UNMET)) return null;
    throw error;
  }
}

/**
 * Commits a change that concerns every cost center: all get a new revision to pull. False where `provided` no longer
 * held. Rejects where D1 is away.
 */
export async function commitForEveryone(
  database: Database,
  change: Omit<Change, 'costCenter'>,
  authorship: Authorship,
): Promise<boolean> {
  const { action, target, before, after, provided, statements } = change;
  const { actor, requestId, at } = authorship;
  const occurredAt = sql<string>`CASE WHEN ${provided} THEN ${at} END`;
  const event = { occurredAt, actor, action, costCenter: null, target, before, after, requestId };
  try {
    await database.batch([
      database.insert(auditEvents).values(event),
      database.update(costCenters).set({ revision: sql`${costCenters.revision} + 1` }),
      ...statements,
    ]);
    return true;
  } catch (error) {
    if (violates(error, UNMET)) return false;
    throw error;
  }
}

/**
 * Commits a change of the organisation that no wallet has a copy of: nothing to pull. False where `provided` no longer
 * held. Rejects where D1 is away.
 */
export async function commitForOrganisation(
  database: Database,
  change: Omit<Change, 'costCenter'>,
  { actor, requestId, at }: Authorship,
): Promise<boolean> {
  const { action, target, before, after, provided, statements } = change;
  const occurredAt = sql<string>`CASE WHEN ${provided} THEN ${at} END`;
  const event = { occurredAt, actor, action, costCenter: null, target, before, after, requestId };
  try {
    await database.batch([database.insert(auditEvents).values(event), ...statements]);
    return true;
  } catch (error) {
    if (violates(error, UNMET)) return false;
    throw error;
  }
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
