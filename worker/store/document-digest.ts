/** What tells two JSON documents apart, whatever the order of their fields and the space between them. */
import { canonicalText } from '../../durable-objects/ledger/signature.ts';

/** SHA-256 of the canonical form (RFC 8785), hexadecimal. Throws on what is no JSON. */
export async function documentDigest(document: unknown): Promise<string> {
  const bytes = new TextEncoder().encode(canonicalText(document));
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
