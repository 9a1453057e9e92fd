/**
 * Policy versions: documents numbered from 1 in their cost center, of which at most one is live. A document changes
 * as long as its version is a draft, and never again; every version is kept.
 */
import { and, asc, eq, gt, type SQL, sql } from 'drizzle-orm';
import type { BatchItem } from 'drizzle-orm/batch';
import type { PolicyProblem } from '../../durable-objects/core/policy/types.ts';
import { summaryOfEnvelope } from '../../durable-objects/ledger/policy-envelope.ts';
import { type Authorship, commitChange, untilCommitted } from './change.ts';
import { type CostCenter, isUnchanged } from './cost-centers.ts';
import type { Database } from './database.ts';
import { costCenters, policyVersions } from './tables.ts';

export type PolicyVersionRow = typeof policyVersions.$inferSelect;

/** What a step may change of a version; its document only while it is a draft, which the table sees to. */
export type PolicyEdit = Partial<Omit<PolicyVersionRow, 'costCenter' | 'version' | 'createdAt' | 'legacy'>>;

/** A version and its cost center, of one moment: the cost center is read first, and every change raises its revision. */
export interface PolicyFacts {
  owner: CostCenter;
  row: PolicyVersionRow;
}

/** One step of a version, with what else gives way to it. */
export interface PolicyMove {
  /** As the audit log calls it: 'policy.submit'. */
  action: string;
  edit: PolicyEdit;
  others?: readonly { version: number; edit: PolicyEdit }[];
  /** Which versions the cost center's wallet decides by from then on. */
  pointers?: Partial<Pick<CostCenter, 'livePolicyVersion' | 'scheduledPolicyVersion'>>;
  /** Beside the version's own fields, in the audit event. */
  before?: Record<string, unknown>;
  after?: Record<string, unknown>;
  /** What else commits with it. */
  statements?: readonly BatchItem<'sqlite'>[];
}

/** How far a version has come, without its document. */
export function wayOfPolicyVersion(row: PolicyVersionRow) {
  const envelope = summaryOfEnvelope(row.signed);
  return {
    state: row.state,
    author: row.authors.at(-1) ?? null,
    note: row.note,
    base_version: row.baseVersion,
    submitted_at: row.submittedAt,
    submitted_by: row.submittedBy,
    approved_at: row.approvedAt,
    approved_by: row.approvedBy,
    approval_note: row.approvalNote,
    dry_run: row.dryRun,
    rejected_at: row.rejectedAt,
    rejected_by: row.rejectedBy,
    rejection_reason: row.rejectionReason,
    activate_at: row.activateAt,
    activated_at: row.activatedAt,
    signature: envelope && {
      algorithm: envelope.algorithm,
      key: envelope.key,
      signed_at: envelope.signedAt,
    },
  };
}

export function viewOfPolicyVersion(row: PolicyVersionRow) {
  const { state, activated_at, ...way } = wayOfPolicyVersion(row);
  return {
    version: row.version,
    state,
    warnings: row.warnings,
    policy: row.document,
    created_at: row.createdAt,
    activated_at,
    ...way,
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

function newDraft(
  costCenter: string,
  version: number,
  draft: { document: unknown; warnings: PolicyProblem[] },
  { actor, at }: Authorship,
): PolicyVersionRow {
  return {
    costCenter,
    version,
    state: 'draft',
    ...draft,
    createdAt: at,
    activatedAt: null,
    authors: [actor],
    baseVersion: null,
    note: null,
    submittedAt: null,
    submittedBy: null,
    approvalNote: null,
    approvedAt: null,
    approvedBy: null,
    dryRun: null,
    rejectedAt: null,
    rejectedBy: null,
    rejectionReason: null,
    activateAt: null,
    signed: null,
    legacy: false,
    guards: null,
  };
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
    const row = newDraft(costCenter, version, draft, authorship);
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

/** Commits a step that was decided on these facts; null where they are no longer true. */
export async function commitPolicyMove(
  database: Database,
  { owner, row }: PolicyFacts,
  { action, edit, others = [], pointers = {}, before = {}, after = {}, statements = [] }: PolicyMove,
  authorship: Authorship,
): Promise<PolicyFacts | null> {
  const { costCenter, version } = row;
  const moved = { ...row, ...edit };
  // The document is told where it changes.
  const shown = 'document' in edit ? viewOfPolicyVersion : wayOfPolicyVersion;
  const edits = [...others, { version, edit }].map((each) =>
    database.update(policyVersions).set(each.edit).where(isVersion(costCenter, each.version)),
  );
  const pointed = database
    .update(costCenters)
    .set({ ...pointers, updatedAt: authorship.at })
    .where(eq(costCenters.id, costCenter));
  const revision = await commitChange(
    database,
    {
      costCenter,
      action,
      target: String(version),
      before: { ...shown(row), ...before },
      after: { ...shown(moved), ...after },
      provided: isUnchanged(owner),
      statements: [...edits, ...(Object.keys(pointers).length > 0 ? [pointed] : []), ...statements],
    },
    authorship,
  );
  return revision === null ? null : { owner: { ...owner, ...pointers, revision }, row: moved };
}

/** Versions that were live before versions were signed, and are not signed yet: live ones first, at most `limit`. */
export async function listUnsignedLegacy(database: Database, limit: number): Promise<PolicyVersionRow[]> {
  return await database
    .select()
    .from(policyVersions)
    .where(and(eq(policyVersions.legacy, true), sql`${policyVersions.signed} IS NULL`))
    .orderBy(sql`${policyVersions.state} <> 'live'`)
    .limit(limit);
}
