/** The audit log: read here, written only with the change it tells of, or before an act on a wallet. */
import { and, desc, eq, getTableColumns, gte, lt, type SQL, sql } from 'drizzle-orm';
import { commitAct } from './audit-chain.ts';
import type { Authorship } from './change.ts';
import type { Database } from './database.ts';
import { auditChain, auditEvents } from './tables.ts';

/** An event with its link; null where it is from before the chain and was not chained yet. */
export type AuditEvent = typeof auditEvents.$inferSelect & {
  hash: string | null;
  previousHash: string | null;
};

export interface AuditFilter {
  costCenter: string | null;
  /** Half-open span of `occurred_at`, ISO 8601 in UTC. */
  from: string | null;
  to: string | null;
}

export function viewOfAuditEvent(row: AuditEvent) {
  return {
    sequence: row.sequence,
    occurred_at: row.occurredAt,
    actor: row.actor,
    action: row.action,
    cost_center: row.costCenter,
    target: row.target,
    before: row.before,
    after: row.after,
    request_id: row.requestId,
    hash: row.hash,
    previous_hash: row.previousHash,
  };
}

/** Records an act that changes no configuration, such as ending a hold. */
export async function recordAct(
  database: Database,
  act: { action: string; costCenter: string | null; target: string; after: unknown },
  authorship: Authorship,
): Promise<void> {
  await commitAct(database, {
    act: { ...act, before: null },
    authorship,
    provided: sql`TRUE`,
    statements: [],
  });
}

function conditions(filter: AuditFilter, before: number | null): SQL | undefined {
  return and(
    filter.costCenter === null ? undefined : eq(auditEvents.costCenter, filter.costCenter),
    filter.from === null ? undefined : gte(auditEvents.occurredAt, filter.from),
    filter.to === null ? undefined : lt(auditEvents.occurredAt, filter.to),
    before === null ? undefined : lt(auditEvents.sequence, before),
  );
}

/** Newest first; `after` is the sequence of the last event seen. */
export async function listAuditEvents(
  database: Database,
  filter: AuditFilter,
  page: { after: number | null; limit: number },
): Promise<AuditEvent[]> {
  return await database
    .select({
      ...getTableColumns(auditEvents),
      hash: auditChain.hash,
      previousHash: auditChain.previousHash,
    })
    .from(auditEvents)
    .leftJoin(auditChain, eq(auditChain.sequence, auditEvents.sequence))
    .where(conditions(filter, page.after))
    .orderBy(desc(auditEvents.sequence))
    .limit(page.limit);
}
