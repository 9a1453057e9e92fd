/** Names a credential in the ledger without revealing it: `anthropic-3fa9c1d2`. */

/** Hexadecimal digits: enough to tell credentials apart, nothing to guess one from. */
const DIGITS = 8;

/** `prefix`, and the beginning of the credential's SHA-256. */
export async function fingerprint(prefix: string, credential: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(credential));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${prefix}-${hex.slice(0, DIGITS)}`;
}
