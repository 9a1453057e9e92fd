/** Policy versions: immutable documents, numbered from 1 in their cost center, of which at most one is live. */
import { and, asc, eq, gt, type SQL, sql } from 'drizzle-orm';
import type { PolicyProblem } from '../../durable-objects/core/policy/types.ts';
import { type Authorship, commitChange, type Outcome, untilCommitted } from './change.ts';
import { findCostCenter } from './cost-centers.ts';
import type { Database } from './database.ts';
import { costCenters, policyVersions } from './tables.ts';

export type PolicyVersionRow = typeof policyVersions.$inferSelect;

export function viewOfPolicyVersion(row: PolicyVersionRow) {
  return {
    version: row.version,
    state: row.state,
    warnings: row.warnings,
    policy: row.document,
    created_at: row.createdAt,
    activated_at: row.activatedAt,
  };
}

function isVersion(costCenter: string, version: number): SQL | undefined {
  return and(eq(policyVersions.costCenter, costCenter), eq(policyVersions.version, version));
}

export async function findPolicyVersion(
  database: Database,
  costCenter: string,
  version: number,
): Promise<PolicyVersionRow | null> {
  const [row] = await database.select().from(policyVersions).where(isVersion(costCenter, version));
  return row ?? null;
}

/** In order of version, from after `after` on. */
export async function listPolicyVersions(
  database: Database,
  costCenter: string,
  page: { after: number | null; limit: number },
): Promise<PolicyVersionRow[]> {
  return await database
    .select()
    .from(policyVersions)
    .where(and(eq(policyVersions.costCenter, costCenter), gt(policyVersions.version, page.after ?? 0)))
    .orderBy(asc(policyVersions.version))
    .limit(page.limit);
}

async function latestVersion(database: Database, costCenter: string): Promise<number> {
  const latest = sql<number>`coalesce(max(${policyVersions.version}), 0)`;
  const [row] = await database
    .select({ latest })
    .from(policyVersions)
    .where(eq(policyVersions.costCenter, costCenter));
  return row?.latest ?? 0;
}

/** Stores a checked document as the next version, a draft. */
export async function createPolicyVersion(
  database: Database,
  costCenter: string,
  draft: { document: unknown; warnings: PolicyProblem[] },
  authorship: Authorship,
): Promise<PolicyVersionRow | 'contended'> {
  return await untilCommitted(async () => {
    const version = (await latestVersion(database, costCenter)) + 1;
    const row = {
      costCenter,
      version,
      state: 'draft' as const,
      ...draft,
      createdAt: authorship.at,
      activatedAt: null,
    };
    const isTaken = sql`EXISTS (SELECT 1 FROM ${policyVersions} WHERE ${isVersion(costCenter, version)})`;
    const revision = await commitChange(
      database,
      {
        costCenter,
        action: 'policy.create',
        target: String(version),
        before: null,
        after: viewOfPolicyVersion(row),
        provided: sql`NOT ${isTaken}`,
        statements: [database.insert(policyVersions).values(row)],
      },
      authorship,
    );
    return revision === null ? 'stale' : row;
  });
}

function statementsToGoLive(database: Database, row: PolicyVersionRow, previous: number | null) {
  const { costCenter, version } = row;
  const live = database
    .update(policyVersions)
    .set({ state: 'live', activatedAt: row.activatedAt })
    .where(isVersion(costCenter, version));
  const pointer = database
    .update(costCenters)
    .set({ livePolicyVersion: version, updatedAt: row.activatedAt ?? row.createdAt })
    .where(eq(costCenters.id, costCenter));
  if (previous === null) return [live, pointer];
  const retired = database
    .update(policyVersions)
    .set({ state: 'retired' })
    .where(isVersion(costCenter, previous));
  return [retired, live, pointer];
}

/** A version that is live, and the cost center's revision that has it so. */
export interface LiveVersion {
  row: PolicyVersionRow;
  revision: number;
}

/**
 * Makes a version the live one and retires the one before. A version that is live already stays as it is.
 * `action` is what the audit log calls it.
 */
export async function goLive(
  database: Database,
  target: { costCenter: string; version: number },
  action: 'policy.activate' | 'policy.rollback',
  authorship: Authorship,
): Promise<Outcome<LiveVersion>> {
  const { costCenter, version } = target;
  return await untilCommitted(async () => {
    const owner = await findCostCenter(database, costCenter);
    const present = await findPolicyVersion(database, costCenter, version);
    if (!owner || !present) return 'unknown';
    const previous = owner.livePolicyVersion;
    if (previous === version) return { row: present, revision: owner.revision };
    const row: PolicyVersionRow = { ...present, state: 'live', activatedAt: authorship.at };
    const isStillLive = and(
      eq(costCenters.id, costCenter),
      sql`${costCenters.livePolicyVersion} IS ${previous}`,
    );
    const revision = await commitChange(
      database,
      {
        costCenter,
        action,
        target: String(version),
        before: { live_policy_version: previous },
        after: { live_policy_version: version },
        provided: sql`EXISTS (SELECT 1 FROM ${costCenters} WHERE ${isStillLive})`,
        statements: statementsToGoLive(database, row, previous),
      },
      authorship,
    );
    return revision === null ? 'stale' : { row, revision };
  });
}
