/**
 * One turn as its client means it, whatever model serves it: what a person or an agent asks, when, and how long
 * the answer will be. What it costs on a model is CacheWorld's to say.
 */
import type { Model } from '../../durable-objects/core/catalogue/types.ts';
import type { TurnFacts, TurnKind } from '../../durable-objects/core/turn.ts';

/** Tokens of the same text: the newer tokenizer makes about 30 % more (facts: models and prices). */
const TOKENS_OF_AN_OLD_ONE = { old: 1, new: 1.3 } as const;

/** Sizes of text are in tokens of the older tokenizer wherever a name says no model. */
export interface TrafficTurn {
  /** Unique in a seed: the thread and the sequence. */
  id: string;
  costCenter: string;
  /** E-mail. */
  developer: string;
  keyTags: Record<string, string>;
  session: string;
  /** Null but for sub-agents. */
  agent: string | null;
  /** What shares one conversation and so one cached prefix: the main loop, one sub-agent, or the title request. */
  thread: string;
  /** Within the thread, from 1. A retry of a turn that failed upstream counts. */
  sequence: number;
  kind: TurnKind;
  atMs: number;
  /** The model asked for. */
  model: string;

  /** The whole prompt. */
  promptTokens: number;
  /** Of it, system and tools: what a compaction leaves as it is. */
  prefixTokens: number;
  /** What the thread's last answered prompt did not have; all of it in a first turn. */
  newTokens: number;
  /** How often the thread's history has been replaced by a summary before this turn. */
  compactions: number;
  /** The first turn since the last of those: the prompt is shorter than the one before. */
  justCompacted: boolean;
  bodyBytes: number;
  messageCount: number;

  /** Of the whole answer, thinking included; one that is left half-way has less (`leftAfter`). */
  outputTokens: number;
  stopReason: 'end_turn' | 'tool_use';
  /** From the request to the answer's first token. */
  firstTokenMs: number;
  /** From the request to the end of the answer on the model asked for; shorter where it is left or fails. */
  durationMs: number;
  /** The part of the answer (0 to 1) after which the developer stops it; null: it is read to its end. */
  leftAfter: number | null;
  /** The HTTP status of an upstream that answers nothing and bills nothing; null: it answers. */
  failedStatus: number | null;

  cacheTtl: TurnFacts['cacheTtl'];
  maxTokens: number;
  toolsOffered: string[];
  /** Called in the last assistant message of the prompt. */
  toolsUsed: string[];
  toolResultsFailed: boolean | null;
  effort: string | null;
  thinking: string | null;
  stream: boolean;
  /** A person wrote the last message, and not a tool or another agent. */
  prompted: boolean;
}

/** How many tokens a text of `oldTokens` is on a model. */
export function tokensOn(model: Pick<Model, 'tokenizer'>, oldTokens: number): number {
  return Math.round(oldTokens * TOKENS_OF_AN_OLD_ONE[model.tokenizer]);
}

/** The output that is made before the answer ends or is left, in tokens of the older tokenizer; at least one. */
export function outputUntilLeft({ outputTokens, leftAfter }: TrafficTurn): number {
  return leftAfter === null ? outputTokens : Math.max(1, Math.floor(outputTokens * leftAfter));
}

/** From the request to the answer's end, or to where it is left, on the model that serves it. */
export function answerMs(
  turn: TrafficTurn,
  model: Pick<Model, 'tokenizer' | 'outputTokensPerSecond'>,
): number {
  if (turn.failedStatus !== null) return turn.firstTokenMs;
  const streamedMs = (tokensOn(model, outputUntilLeft(turn)) / model.outputTokensPerSecond) * 1000;
  return Math.round(turn.firstTokenMs + streamedMs);
}

/** The turn as the gateway reads it from the request. */
export function toTurnFacts(turn: TrafficTurn): TurnFacts {
  return {
    model: turn.model,
    kind: turn.kind,
    session: turn.session,
    agent: turn.agent,
    stream: turn.stream,
    bodyBytes: turn.bodyBytes,
    maxTokens: turn.maxTokens,
    messageCount: turn.messageCount,
    imageCount: 0,
    prefill: false,
    cacheTtl: turn.cacheTtl,
    modifiers: { speed: null, inferenceGeo: null },
    thinking: turn.thinking,
    effort: turn.effort,
    toolsOffered: turn.toolsOffered,
    toolsUsed: turn.toolsUsed,
    toolResultsFailed: turn.toolResultsFailed,
    unbounded: [],
  };
}
