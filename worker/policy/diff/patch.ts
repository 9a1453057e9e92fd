/** From one policy document to another as operations of RFC 6902. */
import { createPatch, type Operation } from 'rfc6902';

/**
 * Two lists are compared element by element, in time and memory of the product of their sizes. Beyond so many pairs,
 * or so many characters of JSON times elements, the whole list is replaced: as right, only less telling.
 */
const MAX_PAIRS = 10_000;
const MAX_COMPARED = 4_000_000;

function isTooLarge(from: readonly unknown[], to: readonly unknown[]): boolean {
  if (from.length * to.length > MAX_PAIRS) return true;
  const characters = JSON.stringify(from).length + JSON.stringify(to).length;
  return characters * Math.max(from.length, to.length) > MAX_COMPARED;
}

/** What, applied to `from`, makes `to`; empty where both are the same. Changes neither. */
export function patchOf(from: unknown, to: unknown): Operation[] {
  return createPatch(from, to, (before, after, pointer) => {
    if (!Array.isArray(before) || !Array.isArray(after) || !isTooLarge(before, after)) return undefined;
    const isSame = JSON.stringify(before) === JSON.stringify(after);
    return isSame ? [] : [{ op: 'replace', path: pointer.toString(), value: after }];
  });
}
