/**
 * A developer's name in audit events gives way to a pseudonym, and the chain stays verifiable: one event
 * `audit.pseudonymised` lists, signed, the digests of each rewritten event's content before and after, in the same
 * transaction.
 */
import { type SQL, sql } from 'drizzle-orm';
import type { Renaming } from '../../durable-objects/core/pseudonym.ts';
import type { SigningKeyText } from '../../durable-objects/core/signing-keys.ts';
import { contentDigest } from '../../durable-objects/ledger/audit-link.ts';
import { REWRITING, signRewriting } from '../../durable-objects/ledger/audit-rewriting.ts';
import { type AuditedAct, commitComposed, newSalt } from './audit-chain.ts';
import type { Authorship } from './change.ts';
import type { Database } from './database.ts';
import { auditChain, auditEvents } from './tables.ts';

/** The fields of an audit event's JSON that name developers, as migrations/0008_privacy.sql has them. */
const FIELDS = ['"developer":', '"subject":'];
/** Characters of JSON that are rewritten at once. */
const MAX_CHARACTERS = 4_000_000;

function renamed(column: string, { developer, pseudonym }: Renaming): SQL {
  return FIELDS.reduce(
    (text, field) =>
      sql`replace(${text}, ${field} || json_quote(${developer}), ${field} || json_quote(${pseudonym}))`,
    sql.raw(column),
  );
}

/** True of a row of `audit_events` (which the query must not call otherwise) that names the developer. */
export function isNamedInAudit(developer: string): SQL {
  const places = FIELDS.flatMap((field) =>
    ['before', 'after'].map(
      (column) => sql`coalesce(instr(${sql.raw(column)}, ${field} || json_quote(${developer})), 0)`,
    ),
  );
  return sql`${sql.join(places, sql` + `)} > 0`;
}

/** A renaming, and what signs the list of what it rewrites. */
export interface SignedRenaming {
  renaming: Renaming;
  signingKeys: readonly SigningKeyText[];
}

interface Named {
  sequence: number;
  salt: string;
  before: string | null;
  after: string | null;
  newBefore: string | null;
  newAfter: string | null;
}

/** Chained events that name the developer, as they are and as they will be; in order, at most `limit`. */
async function namedEvents(database: Database, renaming: Renaming, limit: number): Promise<Named[]> {
  return await database.all<Named>(sql`
    SELECT sequence, salt, before, after, newBefore, newAfter FROM (
      SELECT e.sequence AS sequence, c.salt AS salt, e.before AS before, e.after AS after,
        ${renamed('e.before', renaming)} AS newBefore, ${renamed('e.after', renaming)} AS newAfter,
        sum(coalesce(length(e.before), 0) + coalesce(length(e.after), 0)) OVER (ORDER BY e.sequence)
          - coalesce(length(e.before), 0) - coalesce(length(e.after), 0) AS ahead
      FROM (SELECT * FROM audit_events WHERE ${isNamedInAudit(renaming.developer)} ORDER BY sequence LIMIT ${limit}) e
      JOIN audit_chain c ON c.sequence = e.sequence
    ) WHERE ahead < ${MAX_CHARACTERS}`);
}

function parsed(text: string | null): unknown {
  return text === null ? null : JSON.parse(text);
}

/** What becomes of an event's content; the old digest is that of what is there, not of what should be. */
function rewritingOf({ sequence, salt, before, after, newBefore, newAfter }: Named) {
  const newSaltOfIt = newSalt();
  return {
    salted: { sequence, salt: newSaltOfIt },
    rewritten: {
      sequence,
      old_digest: contentDigest({ before: parsed(before), after: parsed(after), salt }),
      new_digest: contentDigest({ before: parsed(newBefore), after: parsed(newAfter), salt: newSaltOfIt }),
    },
  };
}

async function renamingAct(
  database: Database,
  { renaming, signingKeys }: SignedRenaming,
  named: readonly Named[],
  authorship: Authorship,
): Promise<AuditedAct> {
  const rewritings = named.map(rewritingOf);
  const salted = JSON.stringify(rewritings.map((each) => each.salted));
  const rewritten = rewritings.map((each) => each.rewritten);
  const sequences = sql`(SELECT value ->> '$.sequence' FROM json_each(${salted}))`;
  return {
    act: {
      action: REWRITING,
      costCenter: null,
      target: renaming.pseudonym,
      before: null,
      after: await signRewriting(renaming.pseudonym, rewritten, signingKeys),
    },
    authorship,
    provided: sql`EXISTS (SELECT 1 FROM pseudonym_mappings WHERE pseudonym = ${renaming.pseudonym})`,
    statements: [
      database
        .update(auditEvents)
        .set({ before: renamed('before', renaming), after: renamed('after', renaming) })
        .where(sql`${auditEvents.sequence} IN ${sequences}`),
      // A new salt with the new name: the old digest then leads to nobody, however many names are tried on it.
      database
        .update(auditChain)
        .set({
          salt: sql`(SELECT value ->> '$.salt' FROM json_each(${salted}) WHERE value ->> '$.sequence' = ${auditChain.sequence})`,
        })
        .where(sql`${auditChain.sequence} IN ${sequences}`),
    ],
  };
}

/**
 * Renames in at most `limit` audit events; how many. Rejects where D1 is away or the audit chain is busy. Every rewriting
 * moves the chain's head, so what was read is what is rewritten.
 */
export async function renameInAudit(
  database: Database,
  signed: SignedRenaming,
  limit: number,
  authorship: Authorship,
): Promise<number> {
  let count = 0;
  const results = await commitComposed(database, async () => {
    const named = await namedEvents(database, signed.renaming, limit);
    count = named.length;
    return count === 0 ? null : await renamingAct(database, signed, named, authorship);
  });
  return results === null ? 0 : count;
}
