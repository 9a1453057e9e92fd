/** The audit chain in order, a page at a time, for those who recompute it: a page is bounded in events and in size. */
import { type LedgerDay, readAnchor } from '../../durable-objects/ledger/audit-anchor.ts';
import type { ChainedEvent, Rewriting } from '../../durable-objects/ledger/audit-check.ts';
import type { HashedWalletEvent } from '../../durable-objects/ledger/audit-link.ts';
import { canonicalText } from '../../durable-objects/ledger/signature.ts';

const PAGE_EVENTS = 500;
const PAGE_CHARACTERS = 4_000_000;

interface Row extends Omit<ChainedEvent, 'before' | 'after' | 'rewritten'> {
  before: string | null;
  after: string | null;
  /** 0: there is only the link. */
  has_event: number;
}

/** An event, or why there is none to be had at that place of the chain. */
export type PageEvent = { event: ChainedEvent } | { sequence: number; problem: string };

/** The links after ?1, each with its event; as many as a page takes. */
const PAGE = `
  SELECT c.sequence AS sequence, occurred_at, actor, action, cost_center, target, before, after, request_id, salt,
    content_digest, previous_hash, hash, e.sequence IS NOT NULL AS has_event
  FROM (
    SELECT sequence, sum(size) OVER (ORDER BY sequence) - size AS ahead FROM (
      SELECT c.sequence AS sequence, coalesce(length(before), 0) + coalesce(length(after), 0) AS size
      FROM audit_chain c LEFT JOIN audit_events e ON e.sequence = c.sequence
      WHERE c.sequence > ?1 AND c.sequence <= ?2 ORDER BY c.sequence LIMIT ${PAGE_EVENTS}
    )
  ) p
  JOIN audit_chain c ON c.sequence = p.sequence
  LEFT JOIN audit_events e ON e.sequence = p.sequence
  WHERE p.ahead < ${PAGE_CHARACTERS}
  ORDER BY c.sequence`;

/** The last link that a page after ?1 can reach; it may stop before, where events are large. */
const FARTHEST = `(
  SELECT max(sequence) FROM (
    SELECT sequence FROM audit_chain WHERE sequence > ?1 AND sequence <= ?2 ORDER BY sequence LIMIT ${PAGE_EVENTS}
  )
)`;

/** By events of the chain: what stands in none was vouched for by nobody. Text that is no JSON lists nothing. */
const REWRITINGS = `
  SELECT r.value ->> '$.sequence' AS sequence, e.sequence AS "by",
    r.value ->> '$.old_digest' AS old_digest, r.value ->> '$.new_digest' AS new_digest
  FROM audit_events e INDEXED BY audit_events_that_rewrite,
    json_each(iif(json_valid(e.after), e.after, '{}'), '$.rewritten') r
  WHERE e.action = 'audit.pseudonymised' AND r.value ->> '$.sequence' BETWEEN ?1 + 1 AND ${FARTHEST}
    AND EXISTS (SELECT 1 FROM audit_chain c WHERE c.sequence = e.sequence)
  ORDER BY e.sequence`;

/** Events among the chained ones that have no link. */
const UNLINKED = `
  SELECT sequence FROM audit_events e WHERE sequence BETWEEN ?1 + 1 AND ${FARTHEST}
    AND NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.sequence = e.sequence)`;

/** Throws on what is no JSON, and on a number that no JSON can have come from: nothing of it can be hashed. */
function parsed(text: string | null): unknown {
  return text === null ? null : finite(JSON.parse(text));
}

function finite(value: unknown): unknown {
  canonicalText(value);
  return value;
}

function toPageEvent({ has_event, ...row }: Row, rewritten: readonly Rewriting[]): PageEvent {
  if (!has_event) return { sequence: row.sequence, problem: 'the event is gone, only its link is there' };
  try {
    return { event: { ...row, before: parsed(row.before), after: parsed(row.after), rewritten } };
  } catch {
    return { sequence: row.sequence, problem: 'before or after is no JSON' };
  }
}

/**
 * The page after a sequence, up to and with `until`; empty at the end. Read at one moment: a pseudonym that is put in
 * meanwhile is in both the event and what is said of it, or in neither. Rejects where D1 is away.
 */
export async function readAuditPage(db: D1Database, after: number, until: number): Promise<PageEvent[]> {
  const queries = [PAGE, REWRITINGS, UNLINKED].map((query) => db.prepare(query).bind(after, until));
  const [page, rewritings, unlinked] = await db.batch(queries);
  const rows = (page?.results ?? []) as Row[];
  const last = rows.at(-1)?.sequence;
  if (last === undefined) return [];
  const bySequence = Map.groupBy(
    (rewritings?.results ?? []) as ({ sequence: number } & Rewriting)[],
    ({ sequence }) => sequence,
  );
  const events = rows.map((row) => {
    const rewritten = bySequence.get(row.sequence) ?? [];
    return toPageEvent(
      row,
      rewritten.map(({ by, old_digest, new_digest }) => ({ by, old_digest, new_digest })),
    );
  });
  const strays = ((unlinked?.results ?? []) as { sequence: number }[])
    .filter(({ sequence }) => sequence <= last)
    .map(({ sequence }) => ({ sequence, problem: 'the event is in no chain' }));
  return [...events, ...strays];
}

/** The hash of a link; null where there is none. */
export async function hashAt(db: D1Database, sequence: number): Promise<string | null> {
  return await db.prepare('SELECT hash FROM audit_chain WHERE sequence = ?').bind(sequence).first('hash');
}

/** How many events are not chained yet. */
export async function countUnchained(db: D1Database): Promise<number> {
  const query = `SELECT count(*) AS events FROM audit_events
    WHERE sequence > coalesce((SELECT max(sequence) FROM audit_chain), 0)`;
  return (await db.prepare(query).first<number>('events')) ?? 0;
}

/** Where a wallet's event stands among all of them. */
export interface WalletPlace {
  cost_center: string;
  sequence: number;
  hash: string;
}

/** Events of wallets' chains after a place, by cost center and sequence. `details` null: it is no JSON. */
export async function readWalletPage(
  db: D1Database,
  after: WalletPlace,
  limit: number,
): Promise<HashedWalletEvent[]> {
  const query = `SELECT * FROM wallet_audit_events WHERE (cost_center, sequence, hash) > (?, ?, ?)
    ORDER BY cost_center, sequence, hash LIMIT ?`;
  const { results } = await db
    .prepare(query)
    .bind(after.cost_center, after.sequence, after.hash, limit)
    .all<HashedWalletEvent & { details: string }>();
  return results.map((row) => ({ ...row, details: jsonOrNull(row.details) }));
}

function jsonOrNull(text: string): unknown {
  try {
    return parsed(text);
  } catch {
    return null;
  }
}

/** Those of some places that have no event in D1. */
export async function missingWalletEvents(
  db: D1Database,
  places: readonly WalletPlace[],
): Promise<WalletPlace[]> {
  const query = `
    SELECT value ->> '$.cost_center' AS cost_center, value ->> '$.sequence' AS sequence, value ->> '$.hash' AS hash
    FROM json_each(?) WHERE NOT EXISTS (
      SELECT 1 FROM wallet_audit_events w WHERE w.cost_center = value ->> '$.cost_center'
        AND w.sequence = value ->> '$.sequence' AND w.hash = value ->> '$.hash'
    )`;
  return (await db.prepare(query).bind(JSON.stringify(places)).all<WalletPlace>()).results;
}

/** An anchor's event, and what it says of the ledger's days. */
export interface AnchoredDays {
  sequence: number;
  ledger: readonly LedgerDay[];
}

/**
 * The first anchor from a sequence on that may name days from `firstDay` on: it names none after its own. One that
 * cannot be read names none; that is told of where the chain is recomputed. Null at the end. Rejects where D1 is away.
 */
export async function anchorFrom(
  db: D1Database,
  from: number,
  firstDay: string,
): Promise<AnchoredDays | null> {
  const query = `SELECT sequence, iif(json_valid(after), after, 'null') AS after FROM audit_events WHERE sequence = (
    SELECT min(sequence) FROM audit_events INDEXED BY audit_events_that_anchor
    WHERE action = 'audit.anchor' AND target >= ?2 AND sequence >= ?1
  )`;
  const row = await db.prepare(query).bind(from, firstDay).first<{ sequence: number; after: string }>();
  if (!row) return null;
  return { sequence: row.sequence, ledger: readAnchor(JSON.parse(row.after))?.anchor.ledger ?? [] };
}

/** The first and the last event of a half-open span of time; all in between belong to it, whatever their time. */
export async function sequencesIn(
  db: D1Database,
  { from, to }: { from: string | null; to: string | null },
): Promise<{ first: number; last: number }> {
  const query = `SELECT coalesce(min(sequence), 1) AS first, coalesce(max(sequence), 0) AS last FROM audit_events
    WHERE occurred_at >= coalesce(?1, '') AND (?2 IS NULL OR occurred_at < ?2)
      AND sequence <= (SELECT max(sequence) FROM audit_chain)`;
  const found = await db.prepare(query).bind(from, to).first<{ first: number; last: number }>();
  return found ?? { first: 1, last: 0 };
}
