/**
 * The prompt cache, emulated: entries by prefix and model, written at breakpoints, read from the furthest one
 * that lives, refreshed by every use. Rules from Anthropic's prompt caching guide: order tools, system, messages;
 * a breakpoint also finds entries at up to 20 blocks before it; prefixes below the model's minimum are not cached
 * and nobody is told.
 *
 * It is one cache for all callers, in memory, and forgets the least recently used entry when full.
 */
import type { Boundary, CacheTtl, Prompt } from './prompt.ts';

const TTL_MS = { '5m': 300_000, '1h': 3_600_000 } as const satisfies Record<CacheTtl, number>;
const LOOKBACK_BLOCKS = 20;
const MAX_ENTRIES = 4096;

/** How a prompt's tokens fall to the cache; the rest of them is plain input. */
export interface CacheUse {
  readTokens: number;
  write5mTokens: number;
  write1hTokens: number;
}

export interface PromptCache {
  /** Sends a prompt through the cache: what it finds is read, what it marks is written. `nowMs` is epoch ms. */
  use(prompt: Prompt, minCacheable: number, nowMs: number): CacheUse;
}

interface Entry {
  ttlMs: number;
  expiresAtMs: number;
}

export function createPromptCache(maxEntries = MAX_ENTRIES): PromptCache {
  const entries = new Map<number, Entry>();

  const liveEntry = (prefix: number, nowMs: number): Entry | undefined => {
    const entry = entries.get(prefix);
    return entry && entry.expiresAtMs > nowMs ? entry : undefined;
  };

  /** Writes or refreshes; a shorter TTL never shortens a living entry's. */
  const keep = (prefix: number, ttl: CacheTtl | null, nowMs: number): void => {
    const ttlMs = Math.max(ttl ? TTL_MS[ttl] : 0, liveEntry(prefix, nowMs)?.ttlMs ?? 0);
    // Deleted first, so that the map stays in the order of last use.
    entries.delete(prefix);
    entries.set(prefix, { ttlMs, expiresAtMs: nowMs + ttlMs });
    const [oldest] = entries.keys();
    if (entries.size > maxEntries && oldest !== undefined) entries.delete(oldest);
  };

  return {
    use({ boundaries }, minCacheable, nowMs) {
      const isLive = ({ prefix }: Boundary): boolean => liveEntry(prefix, nowMs) !== undefined;
      const found = findHit(boundaries, minCacheable, isLive);
      // Reading a prefix uses the shorter ones in it too.
      for (const { prefix, ttl } of boundaries.slice(0, found + 1).filter(isLive)) keep(prefix, ttl, nowMs);
      const use: CacheUse = {
        readTokens: boundaries[found]?.endTokens ?? 0,
        write5mTokens: 0,
        write1hTokens: 0,
      };
      let cachedTokens = use.readTokens;
      for (const { ttl, prefix, endTokens } of boundaries.slice(found + 1)) {
        if (!ttl || endTokens < minCacheable) continue;
        use[ttl === '1h' ? 'write1hTokens' : 'write5mTokens'] += endTokens - cachedTokens;
        cachedTokens = endTokens;
        keep(prefix, ttl, nowMs);
      }
      return use;
    },
  };
}

/** Index of the furthest boundary that a breakpoint can read from; -1 where none lives. */
function findHit(boundaries: Boundary[], minCacheable: number, isLive: (at: Boundary) => boolean): number {
  let reach = 0;
  for (let index = boundaries.length - 1; index >= 0; index--) {
    const boundary = boundaries[index];
    if (!boundary) continue;
    if (boundary.ttl) reach = LOOKBACK_BLOCKS + 1;
    if (reach > 0 && boundary.endTokens >= minCacheable && isLive(boundary)) return index;
    reach -= 1;
  }
  return -1;
}
