/** The facts of an ordinary turn of Claude Code's main loop. */
import type { TurnFacts } from '../durable-objects/core/turn.ts';

export function turnFacts(changes: Partial<TurnFacts> = {}): TurnFacts {
  return {
    model: 'claude-opus-5-5',
    kind: 'main',
    session: 'session-1',
    agent: null,
    stream: true,
    bodyBytes: 50_000,
    maxTokens: 32_000,
    messageCount: 1,
    imageCount: 0,
    prefill: false,
    cacheTtl: '1h',
    modifiers: { speed: null, inferenceGeo: null },
    thinking: 'adaptive',
    effort: 'high',
    toolsOffered: ['Bash', 'Read'],
    toolsUsed: [],
    toolResultsFailed: null,
    unbounded: [],
    ...changes,
  };
}
