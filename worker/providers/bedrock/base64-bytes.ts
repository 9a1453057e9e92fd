/** Base64 that stands in bytes, read into bytes: no string is made on the way. */

const INVALID = 0xff;
const PADDING = 0x3d;
const SEXTETS = new Uint8Array(256).fill(INVALID);
for (const [value, letter] of [
  ...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
].entries()) {
  SEXTETS[letter.charCodeAt(0)] = value;
}

/**
 * Writes what the base64 in `bytes` from `from` up to `to` holds into `target` at `at`, and returns where that ends; null
 * where it is no base64 that is padded to fours. `target` needs room for three bytes of every four.
 */
export function readBase64(
  bytes: Uint8Array,
  from: number,
  to: number,
  target: Uint8Array,
  at: number,
): number | null {
  if ((to - from) % 4 !== 0) return null;
  const padding = paddingBefore(bytes, from, to);
  const end = to - padding;
  let written = at;
  let seen = 0;
  for (let index = from; index < to; index += 4) {
    const first = sextet(bytes[index]);
    const second = sextet(bytes[index + 1]);
    const third = index + 2 < end ? sextet(bytes[index + 2]) : 0;
    const fourth = index + 3 < end ? sextet(bytes[index + 3]) : 0;
    seen |= first | second | third | fourth;
    target[written] = (first << 2) | (second >>> 4);
    target[written + 1] = (second << 4) | (third >>> 2);
    target[written + 2] = (third << 6) | fourth;
    written += 3;
  }
  // Only what is no letter of base64 has one of the two highest bits.
  return seen > 63 ? null : written - padding;
}

function sextet(letter = 0): number {
  return SEXTETS[letter] ?? INVALID;
}

function paddingBefore(bytes: Uint8Array, from: number, to: number): number {
  if (to === from || bytes[to - 1] !== PADDING) return 0;
  return bytes[to - 2] === PADDING ? 2 : 1;
}
