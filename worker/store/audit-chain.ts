/**
 * The one writer of the audit log. An event and its link in the chain commit in one batch with the change they tell of.
 * D1 has no interactive transactions: the head is read, the hash computed here, and where another event came between,
 * D1 refuses the batch (migration 0017) and it is tried anew.
 */
import { asc, desc, gt, type SQL, sql } from 'drizzle-orm';
import type { BatchItem } from 'drizzle-orm/batch';
import {
  auditHash,
  type ChainHead,
  contentDigest,
  EMPTY_CHAIN,
  storable,
  storableJson,
} from '../../durable-objects/ledger/audit-link.ts';
import type { Authorship } from './change.ts';
import { type Database, violates } from './database.ts';
import { auditChain, auditEvents } from './tables.ts';

type AuditEventRow = typeof auditEvents.$inferSelect;
type Link = typeof auditChain.$inferSelect;

/** What an event tells; who did it and when is its authorship. */
export interface Act {
  /** 'cost_center.create', 'key.revoke', … */
  action: string;
  /** Null: it concerns the organisation. */
  costCenter: string | null;
  /** What was changed: the id of a cost center or key, a policy's version. */
  target: string;
  /** JSON as the API shows it, null where there was nothing before or is nothing after. Never holds a secret. */
  before: unknown;
  after: unknown;
}

/** An act to be committed with what it did. */
export interface AuditedAct {
  act: Act;
  authorship: Authorship;
  /** Still true at the commit, or nothing is committed. */
  provided: SQL;
  /** Run after the event is written, in order. */
  statements: readonly BatchItem<'sqlite'>[];
}

/** Others appended at the same time, again and again, or the log from before the chain is longer than a call can chain. */
export class AuditChainBusy extends Error {}

/** Writers of one isolate queue, so only other isolates make a try fail. */
const MAX_TRIES = 60;
const MAX_WAIT_MS = 50;
/** A writer that waited this long goes on: the one before it may have ended with its request. */
const QUEUE_MS = 2_000;
const MOVED = 'the audit chain has moved';
/** How a batch fails whose `provided` no longer held. */
const UNMET = 'NOT NULL constraint failed: audit_events.occurred_at';

/** Events of one step of chaining, and characters of JSON they may have together. */
const STEP_EVENTS = 500;
const STEP_CHARACTERS = 4_000_000;
/** Steps one change or run takes at most: 20,000 events. */
const MAX_STEPS = 40;
const SALT_BYTES = 16;

export function newSalt(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

function linkOf(event: AuditEventRow, previous: ChainHead): Link {
  const { sequence, occurredAt, actor, action, costCenter, target, requestId, before, after } = event;
  const salt = newSalt();
  const digest = contentDigest({ before, after, salt });
  const facts = { sequence, occurred_at: occurredAt, actor, action, cost_center: costCenter, target };
  const hash = auditHash({ ...facts, request_id: requestId }, digest, previous.hash);
  return { sequence, salt, contentDigest: digest, previousHash: previous.hash, hash };
}

const HEAD_SEQUENCE = sql<number>`coalesce((SELECT max(sequence) FROM audit_chain), 0)`;

/** The head of the chain, and whether there are events that are not chained yet. Rejects where D1 is away. */
export async function readHead(database: Database): Promise<{ head: ChainHead; isBehind: boolean }> {
  const { sequence, hash } = auditChain;
  const [[head], [unchained]] = await database.batch([
    database.select({ sequence, hash }).from(auditChain).orderBy(desc(sequence)).limit(1),
    database
      .select({ sequence: auditEvents.sequence })
      .from(auditEvents)
      .where(gt(auditEvents.sequence, HEAD_SEQUENCE))
      .limit(1),
  ]);
  return { head: head ?? EMPTY_CHAIN, isBehind: unchained !== undefined };
}

/** The events after a sequence that one step takes, in order. */
async function unchainedAfter(database: Database, after: number): Promise<AuditEventRow[]> {
  const sizes = sql`(
    SELECT sequence, sum(coalesce(length(before), 0) + coalesce(length(after), 0)) OVER (ORDER BY sequence)
      - coalesce(length(before), 0) - coalesce(length(after), 0) AS ahead
    FROM (SELECT sequence, before, after FROM audit_events WHERE sequence > ${after} ORDER BY sequence LIMIT ${STEP_EVENTS})
  )`;
  const within = sql`${auditEvents.sequence} IN (SELECT sequence FROM ${sizes} WHERE ahead < ${STEP_CHARACTERS})`;
  return await database.select().from(auditEvents).where(within).orderBy(asc(auditEvents.sequence));
}

/**
 * Chains events from before the chain was there, in steps of bounded size. False: there are more than one call chains.
 * Several may do it at once: a step that another one took is none. Rejects where D1 is away.
 */
export async function chainOldEvents(database: Database): Promise<boolean> {
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const { head, isBehind } = await readHead(database);
    if (!isBehind) return true;
    let last = head;
    const links = (await unchainedAfter(database, head.sequence)).map((event) => {
      const link = linkOf(event, last);
      last = link;
      return link;
    });
    const columns = ['sequence', 'salt', 'contentDigest', 'previousHash', 'hash'].map(
      (field) => sql`value ->> ${`$.${field}`}`,
    );
    const rows = sql`SELECT ${sql.join(columns, sql`, `)} FROM json_each(${JSON.stringify(links)}) ORDER BY key`;
    try {
      await database.insert(auditChain).select(rows);
    } catch (error) {
      if (!violates(error, MOVED)) throw error;
    }
  }
  return !(await readHead(database)).isBehind;
}

/**
 * Commits what `compose` makes of the chain's present head, as one batch; it is asked anew each time the head moved.
 * The results of its statements, in order; null where it made nothing, or where `provided` no longer held. Throws
 * AuditChainBusy where others never let it through. Rejects where D1 is away.
 */
export async function commitComposed(
  database: Database,
  compose: (head: ChainHead) => Promise<AuditedAct | null>,
): Promise<unknown[] | null> {
  return await inTurn(() => commitOnHead(database, compose));
}

/** The writer that came last in this isolate. */
let lastWriter: Promise<void> = Promise.resolve();

/**
 * Runs writers of this isolate one after the other: those that raced would fail each other's tries, and some would wait
 * long. A courtesy only; that no two follow the same head is D1's to see to.
 */
async function inTurn<T>(write: () => Promise<T>): Promise<T> {
  const before = lastWriter;
  const { promise, resolve } = Promise.withResolvers<void>();
  lastWriter = promise;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<void>((over) => {
    timer = setTimeout(over, QUEUE_MS);
  });
  try {
    await Promise.race([before, patience]);
    clearTimeout(timer);
    return await write();
  } finally {
    resolve();
  }
}

async function commitOnHead(
  database: Database,
  compose: (head: ChainHead) => Promise<AuditedAct | null>,
): Promise<unknown[] | null> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const { head, isBehind } = await readHead(database);
    if (isBehind) {
      if (await chainOldEvents(database)) continue;
      throw new AuditChainBusy('events from before the audit chain are still being chained');
    }
    const composed = await compose(head);
    if (!composed) return null;
    try {
      return await commit(database, head, composed);
    } catch (error) {
      if (violates(error, UNMET)) return null;
      if (!violates(error, MOVED)) throw error;
    }
    const waitMs = Math.random() * Math.min(2 ** tries, MAX_WAIT_MS);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  throw new AuditChainBusy('others were writing the audit log all the time');
}

/** The same for an act that does not depend on the chain. */
export async function commitAct(database: Database, act: AuditedAct): Promise<unknown[] | null> {
  return await commitComposed(database, async () => act);
}

async function commit(
  database: Database,
  head: ChainHead,
  { act, authorship, provided, statements }: AuditedAct,
): Promise<unknown[]> {
  const event: AuditEventRow = {
    sequence: head.sequence + 1,
    occurredAt: storable(authorship.at),
    actor: storable(authorship.actor),
    action: act.action,
    costCenter: act.costCenter,
    target: storable(act.target),
    before: storableJson(act.before),
    after: storableJson(act.after),
    requestId: storable(authorship.requestId),
  };
  // A batch cannot branch, but a null where none may be undoes all of it.
  const occurredAt = sql<string>`CASE WHEN ${provided} THEN ${event.occurredAt} END`;
  const results: unknown[] = await database.batch([
    database.insert(auditEvents).values({ ...event, occurredAt }),
    database.insert(auditChain).values(linkOf(event, head)),
    ...statements,
  ]);
  return results.slice(2);
}
