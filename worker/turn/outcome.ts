/** What became of a turn, as the wallet is told it: from how its answer ended and what was read of it. */
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import type { Outcome, Progress } from '../../durable-objects/wallet/rpc.ts';
import type { MeterReading } from '../providers/provider.ts';
import type { Ending } from './answer-meter.ts';

/** Characters of an answer's events a token makes, about; used only where the upstream's own count is missing. */
const CHARACTERS_PER_TOKEN = 3.5;
/** A rate for models the catalogue does not know. */
const DEFAULT_TOKENS_PER_SECOND = 60;
/** A model that answers all at once has read the prompt by then and begun to write. */
const UNSEEN_START_MS = 1_000;

/** An upstream call while it runs, and what is known of its answer. */
export interface Call {
  facts: TurnFacts;
  model: string;
  /** When the call went upstream, epoch ms. */
  sentAtMs: number;
  /** Null before the head of a successful answer. */
  reading: MeterReading | null;
}

function tokensInSeconds(model: string, ms: number): number {
  const rate = findModel(builtinCatalogue, model)?.outputTokensPerSecond ?? DEFAULT_TOKENS_PER_SECOND;
  return Math.ceil((Math.max(0, ms) / 1000) * rate);
}

/**
 * How far a call has come: the usage seen and the output so far, from what streamed, by time where the model is
 * silent (thinking that is not shown, or an answer that comes all at once).
 */
export function progressOf(call: Call, nowMs: number): Progress {
  const { facts, model, reading, sentAtMs } = call;
  const most = facts.maxTokens ?? Number.MAX_SAFE_INTEGER;
  if (!facts.stream) {
    const unseen = tokensInSeconds(model, nowMs - sentAtMs - UNSEEN_START_MS);
    return { usage: reading?.usage ?? null, outputTokens: Math.min(most, unseen) };
  }
  if (!reading) return { usage: null, outputTokens: 0 };
  const shown = Math.ceil(reading.outputCharacters / CHARACTERS_PER_TOKEN);
  const silent = tokensInSeconds(model, reading.silentMs);
  const counted = reading.usage?.tokens.outputTokens ?? 0;
  return { usage: reading.usage, outputTokens: Math.max(counted, Math.min(most, shown + silent)) };
}

/** The outcome of a successful answer that ended. */
export function outcomeOf(call: Call, ending: Ending, nowMs: number): Outcome {
  const { reading, facts } = call;
  if (reading?.stopReason === 'refusal' && !reading.contentSeen) {
    return { kind: 'refused_unbilled', usage: reading.usage };
  }
  if (reading?.final && reading.usage) return { kind: 'completed', usage: reading.usage };
  const progress = progressOf(call, nowMs);
  if (ending === 'client_gone') return { kind: 'broken_off', why: 'client_gone', progress };
  // A stream that broke before its first usage billed nothing; an answer in one piece was written by then.
  if (facts.stream && !reading?.usage) return { kind: 'failed' };
  if (reading?.error) return { kind: 'broken_off', why: 'upstream_error', progress };
  return { kind: 'broken_off', why: ending === 'upstream_cut' ? 'upstream_cut' : 'usage_missing', progress };
}
