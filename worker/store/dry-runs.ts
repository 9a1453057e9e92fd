/**
 * Dry runs: what was asked for, how far each is and what came of it. A row is made and cancelled here; the rest of its
 * life is written by its object (durable-objects/dry-runs).
 */
import { and, asc, desc, eq, gt, inArray, isNull, lt, type SQL, sql } from 'drizzle-orm';
import { WINDOWS, type WindowKind } from '../../durable-objects/core/policy/types.ts';
import { MAY_HAVE_DECIDED } from '../../durable-objects/ledger/decided-versions.ts';
import { idBound, timeOrderedId } from '../../durable-objects/ledger/time-ordered-id.ts';
import { type Authorship, commitChange, type Outcome, untilCommitted } from './change.ts';
import type { Database } from './database.ts';
import { documentDigest } from './document-digest.ts';
import { dryRunDrafts, dryRuns } from './dry-run-tables.ts';
import type { PolicyVersionRow } from './policy-versions.ts';

export type DryRun = typeof dryRuns.$inferSelect;
export type DryRunDraft = typeof dryRunDrafts.$inferSelect;
/** Without its result, which can be large. */
export type AskedDraft = Omit<DryRunDraft, 'result'>;

/** What making one takes: `drafts` in their order, one to three. */
export interface NewDryRun
  extends Pick<DryRun, 'costCenter' | 'digest' | 'fromAt' | 'toAt' | 'seedStanding' | 'livePolicyVersion'> {
  drafts: readonly Pick<DryRunDraft, 'name' | 'version' | 'document' | 'digest' | 'warnings'>[];
  /** Whether its end was left open: then "the same thing" depends on what was recorded since. */
  isOpenEnded: boolean;
}

/** Asked again within this, an open end is the same one whatever was recorded since. */
const SAME_WITHIN_MS = 60_000;
/** And within this where nothing was. */
const SAME_WHILE_QUIET_MS = 3_600_000;

const UNFINISHED = ['queued', 'running'] as const;

/** For the audit log: what was asked for, by the digests of the documents. */
function auditedView(row: DryRun, drafts: NewDryRun['drafts']) {
  return {
    id: row.id,
    from: row.fromAt,
    to: row.toAt,
    seed_standing: row.seedStanding,
    live_policy_version: row.livePolicyVersion,
    drafts: drafts.map(({ name, version, digest }) => ({ name, version, sha256: digest })),
  };
}

/** Those that answer the same question from after `after` on: failed and cancelled ones and those without events left aside. */
function isSame({ costCenter, digest }: NewDryRun, after: string): SQL | undefined {
  return and(
    eq(dryRuns.costCenter, costCenter),
    eq(dryRuns.digest, digest),
    inArray(dryRuns.status, [...UNFINISHED, 'succeeded']),
    isNull(dryRuns.emptiedAt),
    gt(dryRuns.id, after),
  );
}

/** Whether nothing of its cost center was recorded since its end: the ids of entries are in the order of recording. */
async function isQuietSince(database: Database, { costCenter, toAt }: DryRun): Promise<boolean> {
  const rows = await database.all(
    sql`SELECT 1 FROM ledger_entries WHERE cost_center = ${costCenter} AND entry_id >= ${idBound(Date.parse(toAt))} LIMIT 1`,
  );
  return rows.length === 0;
}

/** Whether a dry run up to the time of its making says all that one made `at` an instant would. */
async function isUpToDate(database: Database, row: DryRun, at: string): Promise<boolean> {
  const ageMs = Date.parse(at) - Date.parse(row.createdAt);
  if (ageMs < SAME_WITHIN_MS) return true;
  return ageMs < SAME_WHILE_QUIET_MS && (await isQuietSince(database, row));
}

/** Adds a dry run, queued; or the first one that was asked the same. Rejects where D1 is away. */
export async function createDryRun(
  database: Database,
  asked: NewDryRun,
  authorship: Authorship,
): Promise<{ row: DryRun; isNew: boolean } | 'contended'> {
  const { at } = authorship;
  const { drafts, isOpenEnded, ...fields } = asked;
  const row: DryRun = {
    ...fields,
    id: `dry_${timeOrderedId(Date.parse(at))}`,
    status: 'queued',
    error: null,
    rowsDone: 0,
    rowsTotal: null,
    createdAt: at,
    startedAt: null,
    finishedAt: null,
    emptiedAt: null,
  };
  return await untilCommitted(async () => {
    const same = database.select().from(dryRuns).where(isSame(asked, ''));
    const [latest] = await same.orderBy(desc(dryRuns.id)).limit(1);
    if (latest && (!isOpenEnded || (await isUpToDate(database, latest, at))))
      return { row: latest, isNew: false };
    const isNewer = isSame(asked, latest?.id ?? '');
    const revision = await commitChange(
      database,
      {
        costCenter: asked.costCenter,
        action: 'dry_run.create',
        target: row.id,
        before: null,
        after: auditedView(row, drafts),
        provided: sql`NOT EXISTS (SELECT 1 FROM ${dryRuns} WHERE ${isNewer})`,
        statements: [
          database.insert(dryRuns).values(row),
          ...drafts.map((draft, position) =>
            database.insert(dryRunDrafts).values({ ...draft, dryRun: row.id, position }),
          ),
        ],
      },
      authorship,
    );
    return revision === null ? 'stale' : { row, isNew: true };
  });
}

export async function findDryRun(database: Database, costCenter: string, id: string): Promise<DryRun | null> {
  const [row] = await database
    .select()
    .from(dryRuns)
    .where(and(eq(dryRuns.costCenter, costCenter), eq(dryRuns.id, id)));
  return row ?? null;
}

/** Newest first; `after` is the id of the last one seen. */
export async function listDryRuns(
  database: Database,
  costCenter: string,
  page: { after: string | null; limit: number },
): Promise<DryRun[]> {
  const after = page.after === null ? undefined : lt(dryRuns.id, page.after);
  return await database
    .select()
    .from(dryRuns)
    .where(and(eq(dryRuns.costCenter, costCenter), after))
    .orderBy(desc(dryRuns.id))
    .limit(page.limit);
}

/** The drafts of one dry run in their order, with their results. */
export async function draftsOf(database: Database, id: string): Promise<DryRunDraft[]> {
  return await database
    .select()
    .from(dryRunDrafts)
    .where(eq(dryRunDrafts.dryRun, id))
    .orderBy(asc(dryRunDrafts.position));
}

/** The drafts of several dry runs, in order of dry run and position, without their results. */
export async function askedDraftsOf(database: Database, ids: readonly string[]): Promise<AskedDraft[]> {
  const { result: _, ...columns } = {
    dryRun: dryRunDrafts.dryRun,
    position: dryRunDrafts.position,
    name: dryRunDrafts.name,
    version: dryRunDrafts.version,
    document: dryRunDrafts.document,
    digest: dryRunDrafts.digest,
    warnings: dryRunDrafts.warnings,
    result: dryRunDrafts.result,
  };
  return await database
    .select(columns)
    .from(dryRunDrafts)
    .where(sql`${dryRunDrafts.dryRun} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`)
    .orderBy(asc(dryRunDrafts.dryRun), asc(dryRunDrafts.position));
}

/** Cancels one that is not over; one that is stays as it is. */
export async function cancelDryRun(
  database: Database,
  target: { costCenter: string; id: string },
  authorship: Authorship,
): Promise<Outcome<DryRun>> {
  const { costCenter, id } = target;
  const { at } = authorship;
  return await untilCommitted(async () => {
    const present = await findDryRun(database, costCenter, id);
    if (!present) return 'unknown';
    if (present.finishedAt !== null) return present;
    const isUnfinished = and(eq(dryRuns.id, id), inArray(dryRuns.status, [...UNFINISHED]));
    const revision = await commitChange(
      database,
      {
        costCenter,
        action: 'dry_run.cancel',
        target: id,
        before: { status: present.status },
        after: { status: 'cancelled' },
        provided: sql`EXISTS (SELECT 1 FROM ${dryRuns} WHERE ${isUnfinished})`,
        statements: [
          database.update(dryRuns).set({ status: 'cancelled', finishedAt: at }).where(isUnfinished),
        ],
      },
      authorship,
    );
    return revision === null ? 'stale' : { ...present, status: 'cancelled', finishedAt: at };
  });
}

/** Of these documents' digests, those that a dry run in the cost center succeeded with. */
export async function triedDigests(
  database: Database,
  costCenter: string,
  digests: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await database
    .selectDistinct({ digest: dryRunDrafts.digest })
    .from(dryRunDrafts)
    .innerJoin(dryRuns, eq(dryRuns.id, dryRunDrafts.dryRun))
    .where(
      and(
        sql`${dryRunDrafts.digest} IN (SELECT value FROM json_each(${JSON.stringify(digests)}))`,
        eq(dryRuns.costCenter, costCenter),
        eq(dryRuns.status, 'succeeded'),
      ),
    );
  return new Set(rows.map(({ digest }) => digest));
}

/**
 * The latest dry run that succeeded with the very document of a version, whether it was asked for by that version or
 * as a document; with an `id`, that one. Null where there is none such.
 */
export async function latestDryRunOf(
  database: Database,
  { costCenter, document }: Pick<PolicyVersionRow, 'costCenter' | 'document'>,
  id: string | null = null,
): Promise<DryRun | null> {
  const drafts = database
    .select({ id: dryRunDrafts.dryRun })
    .from(dryRunDrafts)
    .where(eq(dryRunDrafts.digest, await documentDigest(document)));
  const [latest] = await database
    .select()
    .from(dryRuns)
    .where(
      and(
        inArray(dryRuns.id, drafts),
        eq(dryRuns.costCenter, costCenter),
        eq(dryRuns.status, 'succeeded'),
        id === null ? undefined : eq(dryRuns.id, id),
      ),
    )
    .orderBy(desc(dryRuns.id))
    .limit(1);
  return latest ?? null;
}

/** The kinds of windows in all versions that may have decided in a cost center. */
export async function windowKindsOf(database: Database, costCenter: string): Promise<WindowKind[]> {
  const rows = await database.all<{ kind: string }>(sql`
    SELECT DISTINCT b.value ->> '$.window' AS kind
    FROM policy_versions p, json_each(p.document, '$.budgets') b
    WHERE p.cost_center = ${costCenter} AND ${sql.raw(MAY_HAVE_DECIDED)}`);
  return WINDOWS.filter((each) => rows.some(({ kind }) => kind === each));
}

/** Those not over that were made before an instant (ISO 8601, UTC), oldest first. */
export async function listUnfinished(
  database: Database,
  madeBefore: string,
  limit: number,
): Promise<DryRun[]> {
  return await database
    .select()
    .from(dryRuns)
    .where(and(isNull(dryRuns.finishedAt), lt(dryRuns.createdAt, madeBefore)))
    .orderBy(asc(dryRuns.createdAt))
    .limit(limit);
}

/** Those over before an instant (ISO 8601, UTC) whose objects still keep something, oldest first. */
export async function listKept(database: Database, finishedBefore: string, limit: number): Promise<DryRun[]> {
  return await database
    .select()
    .from(dryRuns)
    .where(and(isNull(dryRuns.emptiedAt), lt(dryRuns.finishedAt, finishedBefore)))
    .orderBy(asc(dryRuns.finishedAt))
    .limit(limit);
}

/** Notes that a dry run's object keeps nothing any more. */
export async function markEmptied(database: Database, id: string, at: string): Promise<void> {
  await database.update(dryRuns).set({ emptiedAt: at }).where(eq(dryRuns.id, id));
}
