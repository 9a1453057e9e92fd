/**
 * Service tokens: `bst_<id>.<secret>`, for programs. The secret is 256 random bits, shown once; only its SHA-256 is
 * kept, so that whoever reads the database can use none.
 */
import { toBase64Url } from '../../durable-objects/core/base64url.ts';

const TOKEN = /^bst_([0-9a-f]{24})\.([A-Za-z0-9_-]{43})$/;

const encoder = new TextEncoder();

export interface ServiceTokenText {
  id: string;
  secret: string;
}

/** The two parts of a token; null where the text is none. */
export function readServiceToken(text: string): ServiceTokenText | null {
  const [, id, secret] = TOKEN.exec(text) ?? [];
  return id !== undefined && secret !== undefined ? { id, secret } : null;
}

/** What is kept of a secret: SHA-256 of it, in base64url. */
export async function digestOfSecret(secret: string): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.digest('SHA-256', encoder.encode(secret))));
}

/** Whether a secret is the one whose digest was kept; in constant time. */
export async function isSecretOf(secret: string, digest: string): Promise<boolean> {
  const [offered, expected] = [encoder.encode(await digestOfSecret(secret)), encoder.encode(digest)];
  return offered.byteLength === expected.byteLength && crypto.subtle.timingSafeEqual(offered, expected);
}

/** A new token, the text that its holder keeps, and what is kept of it here. */
export async function mintServiceToken(): Promise<{ id: string; text: string; digest: string }> {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  const id = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const secret = toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
  return { id, text: `bst_${id}.${secret}`, digest: await digestOfSecret(secret) };
}
