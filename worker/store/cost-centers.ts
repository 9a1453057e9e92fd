/** Cost centers: the rows, their changes and how the API and the audit log show them. */
import { and, asc, eq, gt, inArray, isNotNull, lte, type SQL, sql } from 'drizzle-orm';
import { type Authorship, commitChange, type Outcome, untilCommitted } from './change.ts';
import { type Database, violates } from './database.ts';
import { auditEvents, costCenterNames, costCenters, policyVersions } from './tables.ts';

export type CostCenter = typeof costCenters.$inferSelect;

/** What creating one takes. */
export type NewCostCenter = Pick<
  CostCenter,
  'id' | 'name' | 'timezone' | 'managerName' | 'managerEmail' | 'managerSlackUserId' | 'jurisdiction'
>;

/** What can be changed about one. */
export type CostCenterEdit = Partial<
  Pick<
    CostCenter,
    | 'name'
    | 'timezone'
    | 'managerName'
    | 'managerEmail'
    | 'managerSlackUserId'
    | 'archivedAt'
    | 'pausedAt'
    | 'pausedUntil'
    | 'pausedReason'
    | 'exemptUntil'
    | 'exemptReason'
  >
>;

/** As it is `at` an instant (ISO 8601, UTC): an exemption that is over is none. */
export function viewOfCostCenter(row: CostCenter, at = new Date().toISOString()) {
  const isExempt = row.exemptUntil !== null && row.exemptUntil > at;
  return {
    id: row.id,
    name: row.name,
    timezone: row.timezone,
    manager: { name: row.managerName, email: row.managerEmail, slack_user_id: row.managerSlackUserId },
    jurisdiction: row.jurisdiction,
    archived_at: row.archivedAt,
    paused_at: row.pausedAt,
    paused_until: row.pausedUntil,
    paused_reason: row.pausedReason,
    exempt_until: isExempt ? row.exemptUntil : null,
    exempt_reason: isExempt ? row.exemptReason : null,
    live_policy_version: row.livePolicyVersion,
    created_at: row.createdAt,
    updated_at: row.updatedAt,
  };
}

/** Remembers from when on the cost center has its name: a month's report shows the name of then. */
function nameFrom(database: Database, { id, name, updatedAt }: CostCenter) {
  return database
    .insert(costCenterNames)
    .values({ costCenter: id, fromAt: updatedAt, name })
    .onConflictDoUpdate({ target: [costCenterNames.costCenter, costCenterNames.fromAt], set: { name } });
}

/** Creates a cost center at revision 1; null where the id is taken. */
export async function createCostCenter(
  database: Database,
  fields: NewCostCenter,
  authorship: Authorship,
): Promise<CostCenter | null> {
  const row: CostCenter = {
    ...fields,
    revision: 1,
    archivedAt: null,
    pausedAt: null,
    pausedUntil: null,
    pausedReason: null,
    exemptUntil: null,
    exemptReason: null,
    livePolicyVersion: null,
    scheduledPolicyVersion: null,
    createdAt: authorship.at,
    updatedAt: authorship.at,
  };
  const event = {
    occurredAt: authorship.at,
    actor: authorship.actor,
    action: 'cost_center.create',
    costCenter: row.id,
    target: row.id,
    before: null,
    after: viewOfCostCenter(row, authorship.at),
    requestId: authorship.requestId,
  };
  try {
    await database.batch([
      database.insert(costCenters).values(row),
      database.insert(auditEvents).values(event),
      nameFrom(database, row),
    ]);
    return row;
  } catch (error) {
    if (violates(error, 'UNIQUE constraint failed: cost_centers.id')) return null;
    throw error;
  }
}

export async function findCostCenter(database: Database, id: string): Promise<CostCenter | null> {
  const [row] = await database.select().from(costCenters).where(eq(costCenters.id, id));
  return row ?? null;
}

/** In order of id, from after `after` on. */
export async function listCostCenters(
  database: Database,
  page: { after: string | null; limit: number },
): Promise<CostCenter[]> {
  return await database
    .select()
    .from(costCenters)
    .where(page.after === null ? undefined : gt(costCenters.id, page.after))
    .orderBy(asc(costCenters.id))
    .limit(page.limit);
}

/** Those whose scheduled policy version's instant has come (`at`, ISO 8601 in UTC), at most `limit`. */
export async function listScheduled(database: Database, at: string, limit: number): Promise<CostCenter[]> {
  const isDue = and(
    eq(policyVersions.costCenter, costCenters.id),
    eq(policyVersions.version, costCenters.scheduledPolicyVersion),
    lte(policyVersions.activateAt, at),
  );
  return await database
    .select()
    .from(costCenters)
    .where(
      and(
        isNotNull(costCenters.scheduledPolicyVersion),
        sql`EXISTS (SELECT 1 FROM ${policyVersions} WHERE ${isDue})`,
      ),
    )
    .orderBy(asc(costCenters.id))
    .limit(limit);
}

/** Where the objects of these cost centers are, at most 100 of them; one that is unknown is missing. */
export async function jurisdictionsOf(
  database: Database,
  ids: readonly string[],
): Promise<ReadonlyMap<string, 'eu' | null>> {
  const { id, jurisdiction } = costCenters;
  const rows = await database
    .select({ id, jurisdiction })
    .from(costCenters)
    .where(inArray(id, [...ids]));
  return new Map(rows.map((row) => [row.id, row.jurisdiction]));
}

/** How many there are whose id comes after this one. */
export async function countCostCenters(database: Database, after: string): Promise<number> {
  return await database.$count(costCenters, gt(costCenters.id, after));
}

/** True while the cost center, its keys and its policies have not changed since it was read. */
export function isUnchanged({ id, revision }: Pick<CostCenter, 'id' | 'revision'>): SQL {
  const row = and(eq(costCenters.id, id), eq(costCenters.revision, revision));
  return sql`EXISTS (SELECT 1 FROM ${costCenters} WHERE ${row})`;
}

/**
 * Changes a cost center as `edit` says of its present row. An edit that changes nothing commits nothing, so that
 * a call can be repeated. `note` goes into the audit event beside what was changed.
 */
export async function changeCostCenter(
  database: Database,
  id: string,
  change: { action: string; edit: (present: CostCenter) => CostCenterEdit; note?: Record<string, unknown> },
  authorship: Authorship,
): Promise<Outcome<CostCenter>> {
  return await untilCommitted(async () => {
    const present = await findCostCenter(database, id);
    if (!present) return 'unknown';
    const changed = { ...present, ...change.edit(present) };
    const before = viewOfCostCenter(present, authorship.at);
    if (JSON.stringify(before) === JSON.stringify(viewOfCostCenter(changed, authorship.at))) return present;
    const row = { ...changed, updatedAt: authorship.at };
    const { revision: _, ...columns } = row;
    const revision = await commitChange(
      database,
      {
        costCenter: id,
        action: change.action,
        target: id,
        before,
        after: { ...viewOfCostCenter(row, authorship.at), ...change.note },
        provided: isUnchanged(present),
        statements: [
          database.update(costCenters).set(columns).where(eq(costCenters.id, id)),
          ...(row.name === present.name ? [] : [nameFrom(database, row)]),
        ],
      },
      authorship,
    );
    return revision === null ? 'stale' : { ...row, revision };
  });
}
