/** A hash that spreads texts evenly over 32 bits: what is chosen by it stays chosen, wherever it is worked out. */

const encoder = new TextEncoder();

/** MurmurHash3 (x86, 32 bits) of a text's UTF-8: spreads evenly, costs a microsecond, protects nothing. */
export function hash32(text: string, seed: number): number {
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
