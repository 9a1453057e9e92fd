/**
 * Which sessions a canary decides over: a share of all, by a hash of the session and the version. So a session stays
 * where it is, a larger share keeps those that were in, and the canaries of two versions fall on different sessions.
 */

const MILLION = 1_000_000;
const WHOLE = 2 ** 32;

/** A share in millionths, from 1 to 999,999; null where the text is no decimal over 0 and under 1 of at most six places. */
export function parseShare(text: string): number | null {
  const [, digits] = /^0\.(\d{1,6})$/.exec(text) ?? [];
  if (digits === undefined) return null;
  const millionths = Number(digits.padEnd(6, '0'));
  return millionths === 0 ? null : millionths;
}

/** "0.1" for 100,000 millionths: the shortest that parses to the same share. */
export function formatShare(millionths: number): string {
  return `0.${String(millionths).padStart(6, '0').replace(/0+$/, '')}`;
}

/** Whether a session is in the canary of a version, for a share in millionths. */
export function isInCanary(session: string, version: number, shareMillionths: number): boolean {
  // Both products stay under 2⁵³.
  return hash32(session, version) * MILLION < shareMillionths * WHOLE;
}

const encoder = new TextEncoder();

/** MurmurHash3 (x86, 32 bits) of a text's UTF-8: spreads evenly, costs a microsecond, protects nothing. */
function hash32(text: string, seed: number): number {
  const bytes = encoder.encode(text);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const blocks = bytes.length - (bytes.length % 4);
  // The finalizer first: seeds are small numbers one apart.
  let hash = finalized(seed);
  for (let at = 0; at < blocks; at += 4) {
    hash ^= scrambled(view.getUint32(at, true));
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64;
  }
  let tail = 0;
  for (let at = bytes.length - 1; at >= blocks; at -= 1) tail = (tail << 8) | (bytes[at] ?? 0);
  return finalized(hash ^ scrambled(tail) ^ bytes.length);
}

function scrambled(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

function finalized(hash: number): number {
  let mixed = hash ^ (hash >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
