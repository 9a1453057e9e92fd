/**
 * Temporary raises of a budget: the rows, their changes, and how the API and the audit log show them. A raise
 * ends by itself at `until`, which nobody has to write down, or earlier where `endedAt` is set.
 */
import { and, desc, eq, gt, isNotNull, isNull, lt, lte, or, type SQL, sql } from 'drizzle-orm';
import { formatUsd, nanoUsd } from '../../durable-objects/core/money.ts';
import { timeOrderedId } from '../../durable-objects/ledger/time-ordered-id.ts';
import { isUnused, type LinkUse, useOf } from './alert-link-uses.ts';
import { type Authorship, commitChange, type Outcome, revisionOf, untilCommitted } from './change.ts';
import type { Database } from './database.ts';
import { raises } from './tables.ts';

export type Raise = typeof raises.$inferSelect;

export type NewRaise = Pick<Raise, 'costCenter' | 'budget' | 'subject' | 'extraNanoUsd' | 'until' | 'reason'>;

export function viewOfRaise(row: Omit<Raise, 'revision'>) {
  return {
    id: row.id,
    budget: row.budget,
    subject: row.subject,
    extra_usd: formatUsd(nanoUsd(row.extraNanoUsd)),
    until: row.until,
    reason: row.reason,
    ended_at: row.endedAt,
    created_at: row.createdAt,
  };
}

/** An id that sorts by the time of its making, so that a list by id is one by age. */
function newRaiseId(at: string): string {
  return `raise_${timeOrderedId(Date.parse(at))}`;
}

/** A new raise, and the statement that adds it in a batch with the change it belongs to. */
export function raiseOf(database: Database, fields: NewRaise, at: string) {
  const row = { ...fields, id: newRaiseId(at), endedAt: null, createdAt: at, updatedAt: at };
  const insert = database.insert(raises).values({ ...row, revision: revisionOf(fields.costCenter) });
  return { row, insert };
}

async function commitRaise(
  database: Database,
  fields: NewRaise,
  link: LinkUse | null,
  authorship: Authorship,
): Promise<Raise | null> {
  const { costCenter } = fields;
  const { row, insert } = raiseOf(database, fields, authorship.at);
  const revision = await commitChange(
    database,
    {
      costCenter,
      action: 'raise.create',
      target: row.id,
      before: null,
      after: viewOfRaise(row),
      provided: link ? isUnused(link) : sql`TRUE`,
      statements: link ? [insert, useOf(database, link, authorship)] : [insert],
    },
    authorship,
  );
  return revision === null ? null : { ...row, revision };
}

/** Adds a raise to a cost center that exists. */
export async function createRaise(
  database: Database,
  fields: NewRaise,
  authorship: Authorship,
): Promise<Raise> {
  const raise = await commitRaise(database, fields, null, authorship);
  if (!raise) throw new Error(`cost center ${fields.costCenter} is gone`);
  return raise;
}

/** Adds a raise in one batch with the use of the link that asked for it; null where the link was used before. */
export async function createRaiseByLink(
  database: Database,
  fields: NewRaise,
  link: LinkUse,
  authorship: Authorship,
): Promise<Raise | null> {
  return await commitRaise(database, fields, link, authorship);
}

function isRaise(costCenter: string, id: string): SQL | undefined {
  return and(eq(raises.costCenter, costCenter), eq(raises.id, id));
}

async function findRaise(database: Database, costCenter: string, id: string): Promise<Raise | null> {
  const [row] = await database.select().from(raises).where(isRaise(costCenter, id));
  return row ?? null;
}

/** Whether raises are in force at an instant (ISO 8601, UTC), or over. */
function isInForce(inForce: boolean, at: string): SQL | undefined {
  return inForce
    ? and(isNull(raises.endedAt), gt(raises.until, at))
    : or(isNotNull(raises.endedAt), lte(raises.until, at));
}

/** Newest first; `inForce` null: those that are and those that are over; `after` is the id of the last one seen. */
export async function listRaises(
  database: Database,
  costCenter: string,
  filter: { inForce: boolean | null; at: string },
  page: { after: string | null; limit: number },
): Promise<Raise[]> {
  const conditions = and(
    eq(raises.costCenter, costCenter),
    filter.inForce === null ? undefined : isInForce(filter.inForce, filter.at),
    page.after === null ? undefined : lt(raises.id, page.after),
  );
  return await database.select().from(raises).where(conditions).orderBy(desc(raises.id)).limit(page.limit);
}

/** Ends a raise now. One that is over, ended or run out, stays as it is. */
export async function endRaise(
  database: Database,
  target: { costCenter: string; id: string },
  authorship: Authorship,
): Promise<Outcome<Raise>> {
  const { costCenter, id } = target;
  const { at } = authorship;
  return await untilCommitted(async () => {
    const present = await findRaise(database, costCenter, id);
    if (!present) return 'unknown';
    if (present.endedAt !== null || present.until <= at) return present;
    const row = { ...present, endedAt: at, updatedAt: at };
    const isUnchanged = and(isRaise(costCenter, id), eq(raises.revision, present.revision));
    const revision = await commitChange(
      database,
      {
        costCenter,
        action: 'raise.end',
        target: id,
        before: viewOfRaise(present),
        after: viewOfRaise(row),
        provided: sql`EXISTS (SELECT 1 FROM ${raises} WHERE ${isUnchanged})`,
        statements: [
          database
            .update(raises)
            .set({ endedAt: at, updatedAt: at, revision: revisionOf(costCenter) })
            .where(isRaise(costCenter, id)),
        ],
      },
      authorship,
    );
    return revision === null ? 'stale' : { ...row, revision };
  });
}
