/** Files as `GET /admin/v1/audit/export` makes them, from events that tests make up. */
import type { SigningKeyText } from '../../durable-objects/core/signing-keys.ts';
import { signAnchor } from '../../durable-objects/ledger/audit-anchor.ts';
import type { ChainedEvent } from '../../durable-objects/ledger/audit-check.ts';
import { AuditFileWriter } from '../../durable-objects/ledger/audit-file.ts';
import {
  auditHash,
  type ChainHead,
  contentDigest,
  EMPTY_CHAIN,
} from '../../durable-objects/ledger/audit-link.ts';
import { signRewriting } from '../../durable-objects/ledger/audit-rewriting.ts';
import { type PublicKey, publicKeysOf } from '../../durable-objects/ledger/signature.ts';

export const KEYS: SigningKeyText[] = [
  { generation: 3, seed: 'BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc' },
];
const MADE_AT = '2026-11-26T00:00:00.000Z';

export async function publicKeys(): Promise<PublicKey[]> {
  return await publicKeysOf(KEYS);
}

/** The next event of a chain. */
export function eventAfter(
  head: ChainHead,
  content: { action?: string; before?: unknown; after?: unknown },
): ChainedEvent {
  const { action = 'key.create', before = null, after = null } = content;
  const facts = {
    sequence: head.sequence + 1,
    occurred_at: '2026-11-25T10:00:00.000Z',
    actor: 'admin_token',
    action,
    cost_center: 'squad',
    target: 'k1',
    request_id: 'req_1',
  };
  const salt = '0123456789abcdef0123456789abcdef';
  const content_digest = contentDigest({ before, after, salt });
  const link = { content_digest, previous_hash: head.hash };
  const hash = auditHash(facts, content_digest, head.hash);
  return { ...facts, before, after, salt, ...link, hash, rewritten: [] };
}

/** Three changes, of which the second was pseudonymised by the fourth event, and an anchor. */
export async function someEvents(): Promise<ChainedEvent[]> {
  const first = eventAfter(EMPTY_CHAIN, { after: { name: 'Größe\u0001 "x" \u{1f600}', limit: 1.5 } });
  const second = eventAfter(first, { after: { developer: 'dev@example.com' } });
  const third = eventAfter(second, { before: [true, null], after: -0.25 });
  const renamed = { before: null, after: { developer: 'left-1' }, salt: 'ffff' };
  const digests = { old_digest: second.content_digest, new_digest: contentDigest(renamed) };
  const after = await signRewriting('k1', [{ sequence: 2, ...digests }], KEYS);
  const fourth = eventAfter(third, { action: 'audit.pseudonymised', after });
  const { sequence, hash } = fourth;
  const anchor = { day: '2026-11-25', chain: { sequence, hash }, wallets: [], ledger: [] };
  const fifth = eventAfter(fourth, { action: 'audit.anchor', after: await signAnchor(anchor, KEYS) });
  return [first, { ...second, ...renamed, rewritten: [{ by: 4, ...digests }] }, third, fourth, fifth];
}

export async function auditFileOf(events: readonly ChainedEvent[]): Promise<string> {
  const writer = new AuditFileWriter();
  const lines = events.map((event) => writer.record(event));
  const last = events.at(-1);
  const head = last ? { sequence: last.sequence, hash: last.hash } : null;
  const asked = { from: null, to: null };
  return lines.join('') + (await writer.manifest('audit', asked, { head, madeAt: MADE_AT }, KEYS));
}

export async function policyFileOf(versions: readonly object[]): Promise<string> {
  const writer = new AuditFileWriter();
  const lines = versions.map((version) => writer.record(version));
  const asked = { cost_center: 'squad' };
  return lines.join('') + (await writer.manifest('policies', asked, { head: null, madeAt: MADE_AT }, KEYS));
}
