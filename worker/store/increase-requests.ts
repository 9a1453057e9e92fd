/**
 * Increase requests: the rows, their changes, and how the API and the audit log show them. Field names are those of
 * the official SDK's types where they fit. A request and the alert event that tells of it commit together; so do an
 * approval and its raise.
 */
import { and, desc, eq, gt, lt, lte, or, type SQL, sql } from 'drizzle-orm';
import { formatUsd, nanoUsd } from '../../durable-objects/core/money.ts';
import type { WindowKind } from '../../durable-objects/core/policy/types.ts';
import { alertInsertion } from '../../durable-objects/ledger/append.ts';
import type { AlertEvent } from '../../durable-objects/ledger/entry.ts';
import { isUnused, type LinkUse, useOf } from './alert-link-uses.ts';
import { type Authorship, commitChange } from './change.ts';
import type { Database } from './database.ts';
import { alertEvents } from './ledger-tables.ts';
import { type Raise, raiseOf, viewOfRaise } from './raises.ts';
import { type INCREASE_STATUSES, increaseRequests, virtualKeys } from './tables.ts';

export type IncreaseRequest = typeof increaseRequests.$inferSelect;
export type IncreaseStatus = (typeof INCREASE_STATUSES)[number];

const PERIOD: Record<WindowKind, 'daily' | 'weekly' | 'monthly' | null> = {
  day: 'daily',
  week: 'weekly',
  month: 'monthly',
  session: null,
};

/** One that is pending when its time is over has expired, whether or not anybody wrote that down. */
export function statusAt({ status, expiresAt }: IncreaseRequest, at: string): IncreaseStatus {
  return status === 'pending' && expiresAt <= at ? 'expired' : status;
}

function usdOrNull(amount: number | null): string | null {
  return amount === null ? null : formatUsd(nanoUsd(amount));
}

/** As it stands `at` an instant (ISO 8601, UTC). */
export function viewOfIncreaseRequest(row: IncreaseRequest, at = new Date().toISOString()) {
  const { developer } = row;
  return {
    type: 'spend_limit_increase_request' as const,
    id: row.id,
    cost_center: row.costCenter,
    actor: {
      type: 'user_actor' as const,
      user_id: developer,
      email_address: developer.includes('@') ? developer : null,
      name: null,
      deleted: row.reason === null,
    },
    budget: row.budget,
    subject: row.subject,
    period: PERIOD[row.window],
    extra_usd: formatUsd(nanoUsd(row.extraNanoUsd)),
    reason: row.reason,
    status: statusAt(row, at),
    created_at: row.createdAt,
    expires_at: row.expiresAt,
    resolved_at: row.resolvedAt,
    resolved_by: row.resolvedBy,
    resolution: row.resolution,
    approved_usd: usdOrNull(row.approvedNanoUsd),
    raise: row.raise,
  };
}

/** For the audit log, where free text of developers does not belong: it could never be taken out again. */
function auditedView({ id, developer, subject, budget, extraNanoUsd, status, resolution }: IncreaseRequest) {
  return { id, developer, subject, budget, extra_usd: usdOrNull(extraNanoUsd), status, resolution };
}

function isPendingAt(at: string): SQL | undefined {
  return and(eq(increaseRequests.status, 'pending'), gt(increaseRequests.expiresAt, at));
}

function isOfAsker({ costCenter, budget, developer }: IncreaseRequest): SQL | undefined {
  return and(
    eq(increaseRequests.costCenter, costCenter),
    eq(increaseRequests.budget, budget),
    eq(increaseRequests.developer, developer),
  );
}

function exists(where: SQL | undefined): SQL {
  return sql`EXISTS (SELECT 1 FROM ${increaseRequests} WHERE ${where})`;
}

/** The one that waits for an answer; null where none does. */
async function findPending(
  database: Database,
  row: IncreaseRequest,
  at: string,
): Promise<IncreaseRequest | null> {
  const where = and(isOfAsker(row), isPendingAt(at));
  const [pending] = await database.select().from(increaseRequests).where(where);
  return pending ?? null;
}

/**
 * Adds a request and its alert event, unless one of the same developer and budget waits for an answer (`pending`), or
 * the key was revoked or given to somebody else meanwhile (`key_gone`).
 */
export async function createIncreaseRequest(
  database: Database,
  row: IncreaseRequest,
  event: AlertEvent,
  authorship: Authorship,
): Promise<'created' | 'key_gone' | { pending: IncreaseRequest }> {
  const { at } = authorship;
  const isKey = sql`EXISTS (SELECT 1 FROM ${virtualKeys} WHERE ${virtualKeys.id} = ${row.keyId}
    AND ${virtualKeys.developer} = ${row.developer} AND ${virtualKeys.revokedAt} IS NULL)`;
  const isOver = and(
    isOfAsker(row),
    eq(increaseRequests.status, 'pending'),
    lte(increaseRequests.expiresAt, at),
  );
  const revision = await commitChange(
    database,
    {
      costCenter: row.costCenter,
      action: 'increase_request.create',
      target: row.id,
      before: null,
      after: auditedView(row),
      provided: sql`${isKey} AND NOT ${exists(and(isOfAsker(row), isPendingAt(at)))}`,
      statements: [
        database.update(increaseRequests).set({ status: 'expired', updatedAt: at }).where(isOver),
        database.insert(increaseRequests).values(row),
        database.run(sql.raw(alertInsertion(event))),
      ],
    },
    authorship,
  );
  if (revision !== null) return 'created';
  const pending = await findPending(database, row, at);
  return pending ? { pending } : 'key_gone';
}

export async function findIncreaseRequest(database: Database, id: string): Promise<IncreaseRequest | null> {
  const [row] = await database.select().from(increaseRequests).where(eq(increaseRequests.id, id));
  return row ?? null;
}

/** Requests that wait for an answer, with the events that told of them as they are kept; newest first. */
export async function pendingWithEvents(
  database: Database,
  at: string,
  limit: number,
): Promise<{ request: IncreaseRequest; event: AlertEvent }[]> {
  return await database
    .select({ request: increaseRequests, event: alertEvents })
    .from(increaseRequests)
    .innerJoin(alertEvents, eq(alertEvents.event_id, increaseRequests.eventId))
    .where(isPendingAt(at))
    .orderBy(desc(increaseRequests.id))
    .limit(limit);
}

/** Null: any. */
export interface IncreaseFilter {
  costCenter: string | null;
  developer: string | null;
  budget?: string;
  status: IncreaseStatus | null;
}

function hasStatus(status: IncreaseStatus, at: string): SQL | undefined {
  if (status === 'pending') return isPendingAt(at);
  const isRunOut = and(eq(increaseRequests.status, 'pending'), lte(increaseRequests.expiresAt, at));
  return status === 'expired'
    ? or(eq(increaseRequests.status, 'expired'), isRunOut)
    : eq(increaseRequests.status, status);
}

/** Newest first; `after` is the id of the last one seen. */
export async function listIncreaseRequests(
  database: Database,
  { costCenter, developer, budget, status }: IncreaseFilter,
  at: string,
  page: { after: string | null; limit: number },
): Promise<IncreaseRequest[]> {
  const conditions = and(
    costCenter === null ? undefined : eq(increaseRequests.costCenter, costCenter),
    developer === null ? undefined : eq(increaseRequests.developer, developer),
    budget === undefined ? undefined : eq(increaseRequests.budget, budget),
    status === null ? undefined : hasStatus(status, at),
    page.after === null ? undefined : lt(increaseRequests.id, page.after),
  );
  const { id } = increaseRequests;
  return await database.select().from(increaseRequests).where(conditions).orderBy(desc(id)).limit(page.limit);
}

/** How a request is answered; with `link`, in one batch with the use of that link. */
export interface Answering {
  resolution: string | null;
  link: LinkUse | null;
}

function resolved(
  present: IncreaseRequest,
  status: 'approved' | 'denied',
  { resolution }: Answering,
  { at, actor }: Authorship,
): IncreaseRequest {
  return { ...present, status, resolution, resolvedAt: at, resolvedBy: actor, updatedAt: at };
}

/** What has to hold still, and what is written in any case. */
function answering(database: Database, row: IncreaseRequest, { link }: Answering, authorship: Authorship) {
  const isIt = eq(increaseRequests.id, row.id);
  const isOpen = exists(and(isIt, isPendingAt(authorship.at)));
  return {
    provided: link ? sql`${isOpen} AND ${isUnused(link)}` : isOpen,
    statements: [
      database.update(increaseRequests).set(row).where(isIt),
      ...(link ? [useOf(database, link, authorship)] : []),
    ],
  };
}

/** Approves a request by a raise until then (ISO 8601, UTC); null where it was answered, or has expired, meanwhile. */
export async function approveIncreaseRequest(
  database: Database,
  present: IncreaseRequest,
  answer: Answering & { extraNanoUsd: number; until: string },
  authorship: Authorship,
): Promise<{ request: IncreaseRequest; raise: Raise } | null> {
  const { costCenter, budget, subject } = present;
  const { extraNanoUsd, until, resolution } = answer;
  const why = `increase request ${present.id}${resolution === null ? '' : `: ${resolution}`}`;
  const fields = { costCenter, budget, subject, extraNanoUsd, until, reason: why };
  const raise = raiseOf(database, fields, authorship.at);
  const row = {
    ...resolved(present, 'approved', answer, authorship),
    raise: raise.row.id,
    approvedNanoUsd: extraNanoUsd,
  };
  const { provided, statements } = answering(database, row, answer, authorship);
  const change = {
    costCenter,
    action: 'increase_request.approve',
    target: present.id,
    before: auditedView(present),
    after: { ...auditedView(row), raise: viewOfRaise(raise.row) },
    provided,
    statements: [raise.insert, ...statements],
  };
  const revision = await commitChange(database, change, authorship);
  return revision === null ? null : { request: row, raise: { ...raise.row, revision } };
}

/** Denies a request; null where it was answered, or has expired, meanwhile. */
export async function denyIncreaseRequest(
  database: Database,
  present: IncreaseRequest,
  answer: Answering,
  authorship: Authorship,
): Promise<IncreaseRequest | null> {
  const row = resolved(present, 'denied', answer, authorship);
  const { provided, statements } = answering(database, row, answer, authorship);
  const change = {
    costCenter: present.costCenter,
    action: 'increase_request.deny',
    target: present.id,
    before: auditedView(present),
    after: auditedView(row),
    provided,
    statements,
  };
  return (await commitChange(database, change, authorship)) === null ? null : row;
}
