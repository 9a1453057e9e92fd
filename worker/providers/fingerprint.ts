/** Names a credential without revealing it. */

/** Hexadecimal digits of it: enough to tell credentials apart, nothing to guess one from. */
const DIGITS = 8;

/** `bedrock-3fa9c1d2`, of a key or of the id of one. */
export async function fingerprint(kind: string, credential: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(credential));
  const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${kind}-${hex.slice(0, DIGITS)}`;
}
