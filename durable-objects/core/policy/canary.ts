/**
 * Which sessions a canary decides over: a share of all, by a hash of the session and the version. So a session stays
 * where it is, a larger share keeps those that were in, and the canaries of two versions fall on different sessions.
 */
import { hash32 } from '../hash32.ts';

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
