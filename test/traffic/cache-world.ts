/**
 * The provider's side of prompt caching, as it is: what a turn uses on the model that serves it. It is the truth
 * that Bursar's own estimate is measured against, so it takes nothing from that estimate.
 *
 * Assumptions: the client marks the end of the system prompt and of its last message, so that within a thread
 * all of the prompt before is read, and after a compaction system and tools alone. Threads share nothing (their
 * system prompts name the folder and the date). A cache belongs to one model, lives for the TTL it was written
 * with and is refreshed free by each use. A turn that is left half-way has written its prompt.
 */
import type { Model } from '../../durable-objects/core/catalogue/types.ts';
import type { TokenCounts, Usage } from '../../durable-objects/core/usage.ts';
import { outputUntilLeft, type TrafficTurn, tokensOn } from './turn.ts';

const TTL_MS = { none: 0, '5m': 300_000, '1h': 3_600_000 } as const;

/** Behind the last cache mark of a request there are always some tokens of the format itself. */
const UNMARKED_TOKENS = 4;

interface CachedPrompt {
  /** In tokens of the older tokenizer, as in the turn. */
  promptTokens: number;
  prefixTokens: number;
  /** The thread's compactions then: a history of another number is another text. */
  compactions: number;
  expiresAtMs: number;
}

export class CacheWorld {
  readonly #cached = new Map<string, CachedPrompt>();

  /**
   * Serves a turn on a model at an instant (epoch ms) and tells its exact usage; null where the upstream fails
   * it, which uses and caches nothing. Calls of one thread go forward in time.
   */
  serve(turn: TrafficTurn, model: Model, atMs: number): Usage | null {
    if (turn.failedStatus !== null) return null;
    const { tokens, isCached } = this.#promptUsage(turn, model, atMs);
    if (isCached) {
      this.#cached.set(nameOf(turn, model), {
        promptTokens: turn.promptTokens,
        prefixTokens: turn.prefixTokens,
        compactions: turn.compactions,
        expiresAtMs: atMs + TTL_MS[turn.cacheTtl],
      });
    }
    return {
      model: model.id,
      tokens: { ...tokens, outputTokens: tokensOn(model, outputUntilLeft(turn)) },
      webSearchRequests: 0,
      speed: 'standard',
      inferenceGeo: null,
      serviceTier: 'standard',
      iterations: null,
    };
  }

  /** What of the turn's prompt a model's cache holds at an instant, in that model's tokens. */
  cachedTokens(turn: TrafficTurn, model: Model, atMs: number): number {
    const cached = this.#cached.get(nameOf(turn, model));
    if (!cached || atMs >= cached.expiresAtMs) return 0;
    const known = cached.compactions === turn.compactions ? cached.promptTokens : cached.prefixTokens;
    const tokens = tokensOn(model, Math.min(known, turn.promptTokens));
    return tokens < model.minCacheable ? 0 : tokens;
  }

  #promptUsage(turn: TrafficTurn, model: Model, atMs: number): { tokens: TokenCounts; isCached: boolean } {
    const prompt = tokensOn(model, turn.promptTokens);
    const none = { cacheWrite5mTokens: 0, cacheWrite1hTokens: 0, cacheReadTokens: 0, outputTokens: 0 };
    if (turn.cacheTtl === 'none' || prompt < model.minCacheable) {
      return { tokens: { ...none, inputTokens: prompt }, isCached: false };
    }
    const marked = prompt - UNMARKED_TOKENS;
    const cacheReadTokens = Math.min(marked, this.cachedTokens(turn, model, atMs));
    const written = marked - cacheReadTokens;
    return {
      tokens: {
        ...none,
        inputTokens: UNMARKED_TOKENS,
        cacheReadTokens,
        [turn.cacheTtl === '1h' ? 'cacheWrite1hTokens' : 'cacheWrite5mTokens']: written,
      },
      isCached: true,
    };
  }
}

function nameOf({ thread }: TrafficTurn, { id }: Model): string {
  return `${thread} ${id}`;
}
