/** What is wrong with an event of D1's audit chain, seen next to the one before it; by the Worker and offline alike. */
import { ANCHOR, type Anchor, isAnchorSigned, readAnchor } from './audit-anchor.ts';
import { type AuditFacts, auditHash, type ChainHead, contentDigest } from './audit-link.ts';
import { isRewritingSigned, REWRITING, type Rewritten, readRewriting } from './audit-rewriting.ts';
import type { PublicKey } from './signature.ts';

/** The event `by` put a pseudonym into another event's content. */
export interface Rewriting {
  by: number;
  old_digest: string;
  new_digest: string;
}

/** An event with its link. */
export interface ChainedEvent extends AuditFacts {
  before: unknown;
  after: unknown;
  salt: string;
  content_digest: string;
  previous_hash: string;
  hash: string;
  /** Of this event's content, in order of `by`. */
  rewritten: readonly Rewriting[];
}

/** What is wrong with the event's own hashes and with its place after `previous`; empty where nothing is. */
export function problemsOfEvent(event: ChainedEvent, previous: ChainHead): string[] {
  const problems: string[] = [];
  if (event.sequence !== previous.sequence + 1) {
    problems.push(`it comes after event ${previous.sequence}: expected sequence ${previous.sequence + 1}`);
  }
  if (event.previous_hash !== previous.hash)
    problems.push('previous_hash is not the hash of the event before');
  if (auditHash(event, event.content_digest, event.previous_hash) !== event.hash) {
    problems.push('its hash does not fit what it says');
  }
  let digest = event.content_digest;
  for (const { by, old_digest, new_digest } of event.rewritten) {
    if (old_digest !== digest) problems.push(`event ${by} put a pseudonym into another content than this`);
    digest = new_digest;
  }
  if (contentDigest(event) !== digest) problems.push('before, after or salt is not what was recorded');
  return problems;
}

/** What is wrong with an anchor; `keys` null: its signature is not checked. The anchor itself, where it is one. */
export async function checkAnchor(
  event: ChainedEvent,
  previous: ChainHead,
  keys: readonly PublicKey[] | null,
): Promise<{ anchor: Anchor | null; problems: string[] }> {
  if (event.action !== ANCHOR) return { anchor: null, problems: [] };
  const signed = readAnchor(event.after);
  if (!signed) return { anchor: null, problems: ['its anchor cannot be read'] };
  const problems: string[] = [];
  const { chain } = signed.anchor;
  if (chain.sequence !== previous.sequence || chain.hash !== previous.hash) {
    problems.push('its anchor is of another chain than this');
  }
  if (keys && !(await isAnchorSigned(signed, keys))) problems.push('its anchor is not signed by a known key');
  return { anchor: signed.anchor, problems };
}

/** What is wrong with a rewriting; `keys` null: its signature is not checked. What it lists, where the event is one. */
export async function checkRewriting(
  { action, target, after }: ChainedEvent,
  keys: readonly PublicKey[] | null,
): Promise<{ rewritten: readonly Rewritten[] | null; problems: string[] }> {
  if (action !== REWRITING) return { rewritten: null, problems: [] };
  const signed = readRewriting(after);
  if (!signed) return { rewritten: [], problems: ['what it says was rewritten cannot be read'] };
  const isForged = keys !== null && !(await isRewritingSigned(target, signed, keys));
  const problems = isForged ? ['what it says was rewritten is not signed by a known key'] : [];
  return { rewritten: signed.rewritten, problems };
}
