/** Sessions that somebody stopped: one row a session, lifted where `liftedAt` is set; the audit log has the rest. */
import { and, desc, eq, isNull, lt, type SQL, sql } from 'drizzle-orm';
import { type Authorship, commitChange, type Outcome, revisionOf, untilCommitted } from './change.ts';
import type { Database } from './database.ts';
import { sessionStops } from './tables.ts';

export type SessionStop = typeof sessionStops.$inferSelect;

/** A stop, and whether the call was the one that changed something about it. */
export interface StopChange {
  row: SessionStop;
  /** Stopping: the session went on before. Lifting: it was stopped before. */
  isNew: boolean;
}

export function viewOfStop(row: Omit<SessionStop, 'revision'>) {
  return { session: row.session, reason: row.reason, stopped_at: row.stoppedAt };
}

type Target = Pick<SessionStop, 'costCenter' | 'session'>;

function isStop({ costCenter, session }: Target): SQL | undefined {
  return and(eq(sessionStops.costCenter, costCenter), eq(sessionStops.session, session));
}

async function findStop(database: Database, target: Target): Promise<SessionStop | null> {
  const [row] = await database.select().from(sessionStops).where(isStop(target));
  return row ?? null;
}

/** True while the row, or its absence, is as it was read. */
function isUnchanged(target: Target, present: SessionStop | null): SQL {
  if (!present) return sql`NOT EXISTS (SELECT 1 FROM ${sessionStops} WHERE ${isStop(target)})`;
  const row = and(isStop(target), eq(sessionStops.revision, present.revision));
  return sql`EXISTS (SELECT 1 FROM ${sessionStops} WHERE ${row})`;
}

/** Commits `row` in the place of `present`; null where that has changed in between. */
async function commitStop(
  database: Database,
  action: 'session.stop' | 'session.lift',
  { present, row }: { present: SessionStop | null; row: Omit<SessionStop, 'revision'> },
  authorship: Authorship,
): Promise<number | null> {
  const { costCenter, session } = row;
  const isStopped = present !== null && present.liftedAt === null;
  const columns = { ...row, revision: revisionOf(costCenter) };
  return await commitChange(
    database,
    {
      costCenter,
      action,
      target: session,
      before: isStopped ? viewOfStop(present) : null,
      after: row.liftedAt === null ? viewOfStop(row) : null,
      provided: isUnchanged(row, present),
      statements: [
        database
          .insert(sessionStops)
          .values(columns)
          .onConflictDoUpdate({ target: [sessionStops.costCenter, sessionStops.session], set: columns }),
      ],
    },
    authorship,
  );
}

/** Stops a session, or gives its stop another reason. The same reason again commits nothing. */
export async function stopSession(
  database: Database,
  fields: Target & Pick<SessionStop, 'reason'>,
  authorship: Authorship,
): Promise<StopChange | 'contended'> {
  return await untilCommitted(async () => {
    const present = await findStop(database, fields);
    const isStopped = present !== null && present.liftedAt === null;
    if (isStopped && present.reason === fields.reason) return { row: present, isNew: false };
    const { costCenter, session, reason } = fields;
    const stoppedAt = isStopped ? present.stoppedAt : authorship.at;
    const row = { costCenter, session, reason, stoppedAt, liftedAt: null };
    const revision = await commitStop(database, 'session.stop', { present, row }, authorship);
    return revision === null ? 'stale' : { row: { ...row, revision }, isNew: !isStopped };
  });
}

/** Lets a session go on. One that is not stopped any more stays as it is; `unknown`: it never was. */
export async function liftStop(
  database: Database,
  target: Target,
  authorship: Authorship,
): Promise<Outcome<StopChange>> {
  return await untilCommitted(async () => {
    const present = await findStop(database, target);
    if (!present) return 'unknown';
    if (present.liftedAt !== null) return { row: present, isNew: false };
    const row = { ...present, liftedAt: authorship.at };
    const revision = await commitStop(database, 'session.lift', { present, row }, authorship);
    return revision === null ? 'stale' : { row: { ...row, revision }, isNew: true };
  });
}

/**
 * The sessions stopped right now, last changed first; `after` is the revision of the last one seen, which no two
 * stops of a cost center share.
 */
export async function listStops(
  database: Database,
  costCenter: string,
  page: { after: number | null; limit: number },
): Promise<SessionStop[]> {
  const conditions = and(
    eq(sessionStops.costCenter, costCenter),
    isNull(sessionStops.liftedAt),
    page.after === null ? undefined : lt(sessionStops.revision, page.after),
  );
  return await database
    .select()
    .from(sessionStops)
    .where(conditions)
    .orderBy(desc(sessionStops.revision))
    .limit(page.limit);
}
