/**
 * Putting a pseudonym in the place of a developer who left. The mapping of the two is a row only while it is needed;
 * with the last row renamed it is deleted, and what stays in `pseudonyms` leads to nobody.
 */
import { and, eq, isNull, type SQL, sql } from 'drizzle-orm';
import type { Renaming } from '../../durable-objects/core/pseudonym.ts';
import { commitComposed } from './audit-chain.ts';
import { isNamedInAudit } from './audit-renaming.ts';
import { type Authorship, commitChange, revisionOf } from './change.ts';
import type { Database } from './database.ts';
import { isNamedInResult } from './dry-run-names.ts';
import { policyRollouts } from './rollout-tables.ts';
import { increaseRequests, pseudonymMappings, pseudonyms, raises, virtualKeys } from './tables.ts';

/** 64 bits: enough for no two to meet. */
function newPseudonym(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return `left-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

/** Whether anything at all is kept under this name. */
function isKnown(developer: string): SQL {
  return sql`(
    EXISTS (SELECT 1 FROM virtual_keys WHERE developer = ${developer})
    OR EXISTS (SELECT 1 FROM ledger_entries WHERE developer = ${developer})
    OR EXISTS (SELECT 1 FROM daily_rollups WHERE developer = ${developer})
    OR EXISTS (SELECT 1 FROM alert_events
      WHERE developer = ${developer} OR instr(context, '"developer":' || json_quote(${developer})) > 0)
    OR EXISTS (SELECT 1 FROM raises WHERE subject = ${developer})
    OR EXISTS (SELECT 1 FROM reconciliations WHERE developer = ${developer})
    OR EXISTS (SELECT 1 FROM archive_segment_developers WHERE developer = ${developer})
    OR EXISTS (SELECT 1 FROM increase_requests WHERE developer = ${developer})
    OR EXISTS (SELECT 1 FROM dry_run_drafts WHERE ${isNamedInResult(developer)})
    OR EXISTS (SELECT 1 FROM audit_events WHERE ${isNamedInAudit(developer)}))`;
}

/** The open mapping of a developer, made where there is none; null where nothing is kept under that name. */
export async function openMapping(
  database: Database,
  developer: string,
  at: string,
): Promise<Renaming | null> {
  const pseudonym = newPseudonym();
  const isNew = sql`${isKnown(developer)} AND NOT EXISTS
    (SELECT 1 FROM pseudonym_mappings WHERE developer = ${developer})`;
  const mapped = database.select().from(pseudonymMappings).where(eq(pseudonymMappings.developer, developer));
  const [, , rows] = await database.batch([
    database.insert(pseudonyms).select(sql`SELECT ${pseudonym}, ${at}, NULL, 0, 0 WHERE ${isNew}`),
    database.insert(pseudonymMappings).select(sql`SELECT ${developer}, ${pseudonym} WHERE ${isNew}`),
    mapped,
  ]);
  return rows[0] ?? null;
}

export async function isPseudonym(database: Database, developer: string): Promise<boolean> {
  const rows = await database.all(sql`SELECT 1 FROM pseudonyms WHERE pseudonym = ${developer}`);
  return rows.length > 0;
}

export interface NamingPolicy {
  costCenter: string;
  version: number;
  live: boolean;
}

/** Whether a policy version, `p`, names the developer in an override. */
function isNamedIn(developer: string): SQL {
  return sql`EXISTS (
    SELECT 1 FROM json_each(p.document, '$.budgets') b, json_each(b.value, '$.overrides') o
    WHERE lower(o.key) = ${developer}
    UNION ALL
    SELECT 1 FROM json_each(p.document, '$.limits') l, json_each(l.value, '$.overrides') o
    WHERE lower(o.key) = ${developer}
  )`;
}

/** Versions of policies that name the developer in an override, those in force (a canary too) or scheduled first. */
export async function policiesNaming(database: Database, developer: string): Promise<NamingPolicy[]> {
  const rows = await database.all<{ costCenter: string; version: number; live: number }>(sql`
    SELECT p.cost_center AS costCenter, p.version AS version,
      (p.version IS c.live_policy_version OR p.version IS c.scheduled_policy_version OR p.state = 'canary') AS live
    FROM policy_versions p JOIN cost_centers c ON c.id = p.cost_center
    WHERE ${isNamedIn(developer)}
    ORDER BY live DESC, p.cost_center, p.version`);
  return rows.map((row) => ({ ...row, live: row.live === 1 }));
}

export interface NamedCostCenter {
  id: string;
  jurisdiction: 'eu' | null;
  revision: number;
  /** Whether keys, raises, requests or a version to go back to there still have the name. */
  hasName: boolean;
}

/** The cost centers whose wallets know, or knew before this began, the developer. */
export async function costCentersOf(
  database: Database,
  { developer, pseudonym }: Renaming,
): Promise<NamedCostCenter[]> {
  const rows = await database.all<Omit<NamedCostCenter, 'hasName'> & { hasName: number }>(sql`
    SELECT c.id AS id, c.jurisdiction AS jurisdiction, c.revision AS revision, max(named.name = ${developer}) AS hasName
    FROM (
      SELECT cost_center, developer AS name FROM virtual_keys WHERE developer IN (${developer}, ${pseudonym})
      UNION SELECT cost_center, subject FROM raises WHERE subject IN (${developer}, ${pseudonym})
      UNION SELECT cost_center, developer FROM increase_requests WHERE developer IN (${developer}, ${pseudonym})
      UNION SELECT r.cost_center, ${developer} FROM policy_rollouts r
        JOIN policy_versions p ON p.cost_center = r.cost_center AND p.version = r.base_version
        WHERE r.ended_at IS NULL AND ${isNamedIn(developer)}
    ) named JOIN cost_centers c ON c.id = named.cost_center
    GROUP BY c.id ORDER BY c.id`);
  return rows.map((row) => ({ ...row, hasName: row.hasName === 1 }));
}

/** Revokes and renames the developer's keys in one cost center, and renames their raises and requests for more. */
export async function renameInCostCenter(
  database: Database,
  costCenter: string,
  { developer, pseudonym }: Renaming,
  reason: string,
  authorship: Authorship,
): Promise<number | null> {
  const { at } = authorship;
  const revision = revisionOf(costCenter);
  return await commitChange(
    database,
    {
      costCenter,
      action: 'developer.pseudonymise',
      target: pseudonym,
      before: null,
      after: { reason },
      provided: sql`TRUE`,
      statements: [
        database
          .update(virtualKeys)
          .set({
            developer: pseudonym,
            name: null,
            tags: sql`replace(tags, ':' || json_quote(${developer}), ':' || json_quote(${pseudonym}))`,
            revokedAt: sql`coalesce(revoked_at, ${at})`,
            updatedAt: at,
            revision,
          })
          .where(and(eq(virtualKeys.costCenter, costCenter), eq(virtualKeys.developer, developer))),
        database
          .update(raises)
          .set({ subject: pseudonym, updatedAt: at, revision })
          .where(and(eq(raises.costCenter, costCenter), eq(raises.subject, developer))),
        database
          .update(increaseRequests)
          // Their own words may say who they are; what waits for an answer has nobody to answer any more.
          .set({
            developer: pseudonym,
            subject: sql`iif(subject = ${developer}, ${pseudonym}, subject)`,
            reason: null,
            status: sql`iif(status = 'pending', 'expired', status)`,
            updatedAt: at,
          })
          .where(and(eq(increaseRequests.costCenter, costCenter), eq(increaseRequests.developer, developer))),
        // A base that names them is nothing to go back to: its document leaves the wallet, and the guard's watch ends.
        database
          .update(policyRollouts)
          .set({ endedAt: at, endedWhy: 'base_gone' })
          .where(
            and(
              eq(policyRollouts.costCenter, costCenter),
              isNull(policyRollouts.endedAt),
              sql`EXISTS (SELECT 1 FROM policy_versions p WHERE p.cost_center = ${costCenter}
                AND p.version = ${policyRollouts.baseVersion} AND ${isNamedIn(developer)})`,
            ),
          ),
      ],
    },
    authorship,
  );
}

/** Renames in at most `limit` records of reconciliation, and counts them under the pseudonym; how many. */
export async function renameInReconciliations(
  db: D1Database,
  { developer, pseudonym }: Renaming,
  limit: number,
): Promise<number> {
  const found = 'SELECT reconciliation_id FROM reconciliations WHERE developer = ?1 LIMIT ?3';
  const [, renamed] = await db.batch([
    db
      .prepare(
        `UPDATE pseudonyms SET reconciliations = reconciliations + (SELECT count(*) FROM (${found})) WHERE pseudonym = ?2`,
      )
      .bind(developer, pseudonym, limit),
    db
      .prepare(
        `UPDATE reconciliations SET developer = ?2, subject = json_set(subject, '$[5]', ?2),
           evidence = replace(evidence, '"developer":' || json_quote(?1), '"developer":' || json_quote(?2))
         WHERE reconciliation_id IN (${found}) RETURNING 1`,
      )
      .bind(developer, pseudonym, limit),
  ]);
  return renamed?.results.length ?? 0;
}

/**
 * Destroys the mapping, and records without the name that it is done; false where something is left under the name,
 * perhaps younger than the search for it, or an object that may hold it is not deleted yet.
 */
export async function closeMapping(
  database: Database,
  { developer, pseudonym }: Renaming,
  reason: string,
  authorship: Authorship,
): Promise<boolean> {
  const isMapping = eq(pseudonymMappings.developer, developer);
  const [mapping] = await database.select().from(pseudonymMappings).where(isMapping);
  // Another call was faster, and told the audit log.
  if (!mapping) return true;
  const isPseudonymised = eq(pseudonyms.pseudonym, pseudonym);
  const isOpen = sql`EXISTS (SELECT 1 FROM ${pseudonymMappings} WHERE ${isMapping})`;
  const isLeft = sql`(${isKnown(developer)} OR EXISTS (SELECT 1 FROM archive_leftovers))`;
  const results = await commitComposed(database, async () => {
    const [counted] = await database.select().from(pseudonyms).where(isPseudonymised);
    const counts = {
      archived_objects: counted?.archivedObjects ?? 0,
      reconciliations: counted?.reconciliations ?? 0,
    };
    const after = { reason, completed: true, ...counts };
    return {
      act: { action: 'developer.pseudonymise', costCenter: null, target: pseudonym, before: null, after },
      authorship,
      provided: sql`${isOpen} AND NOT ${isLeft}`,
      statements: [
        database.delete(pseudonymMappings).where(isMapping),
        database.update(pseudonyms).set({ completedAt: authorship.at }).where(isPseudonymised),
      ],
    };
  });
  return results !== null;
}
