/**
 * One thread of a session as its client keeps it: how long the prompt has grown, what was called last, and the
 * turns sent so far. Each turn carries all of it.
 *
 * Assumptions: a token of the newer tokenizer is 3.6 bytes of body on average, some sessions' text (code, logs)
 * lighter or heavier by a tenth, each addition by another tenth; every message adds a few bytes of JSON. Half of
 * a thinking answer is thinking, which the next prompt does not carry. One call in 300 meets a 529 and is sent
 * again after a few seconds; 2 in 100 answers are stopped half-way by the developer.
 */
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import type { TurnKind } from '../../durable-objects/core/turn.ts';
import type { Random } from './random.ts';
import { answerMs, type TrafficTurn } from './turn.ts';

/** Tokens of the newer tokenizer in one of the older. */
const NEWER = 1.3;
/** 3.6 bytes a token of the newer tokenizer. */
const BYTES_A_TOKEN = 3.6 * NEWER;
const MESSAGE_BYTES = 120;
/** System and tools are much the same text for all: an exponent on what the session's text differs by. */
const PREFIX_VARIES = 0.4;
const OVERLOADED = 529;
const OVERLOADED_CHANCE = 1 / 300;
const LEFT_CHANCE = 0.025;
/** Of a thinking answer, what stays in the conversation. */
const KEPT_OF_THINKING = 0.5;
/** The client cuts longer messages and tool results: 25,000 tokens of the newer tokenizer. */
const LONGEST_MESSAGE_TOKENS = 19_000;

/** What every turn of the thread has in common. */
export type ThreadFacts = Pick<
  TrafficTurn,
  | 'costCenter'
  | 'developer'
  | 'keyTags'
  | 'session'
  | 'agent'
  | 'thread'
  | 'model'
  | 'cacheTtl'
  | 'maxTokens'
  | 'toolsOffered'
  | 'effort'
  | 'thinking'
  | 'stream'
>;

/** How the session as a whole differs from others. */
export interface SessionTemper {
  random: Random;
  /** Median of an agent's answer, older tokenizer. */
  outputMedian: number;
  /** Bytes of its text, to the average's. */
  textFactor: number;
}

/** One call as it is about to be made. */
export interface Call {
  kind: TurnKind;
  atMs: number;
  prompted: boolean;
  /** Median of the output, older tokenizer. */
  outputMedian: number;
  outputSigma: number;
  /** Tools that the answer will call; none: it ends the agent's work. */
  calls: string[];
  /** A person looks on who may stop it. */
  watched: boolean;
}

export interface Called {
  turn: TrafficTurn;
  endMs: number;
}

export class Conversation {
  readonly turns: TrafficTurn[] = [];
  readonly #facts: ThreadFacts;
  readonly #random: Random;
  readonly #prefixTokens: number;
  readonly #prefixBytes: number;
  readonly #bytesAToken: number;
  #promptTokens: number;
  #bodyBytes: number;
  #messageCount = 0;
  /** The last answered prompt. */
  #answeredTokens = 0;
  #compactions = 0;
  #justCompacted = false;
  #toolsUsed: string[] = [];

  constructor(facts: ThreadFacts, prefixBytes: number, textFactor: number, random: Random) {
    this.#facts = facts;
    this.#random = random;
    this.#prefixBytes = prefixBytes;
    this.#prefixTokens = Math.round(prefixBytes / (BYTES_A_TOKEN * textFactor ** PREFIX_VARIES));
    this.#bytesAToken = BYTES_A_TOKEN * textFactor;
    this.#promptTokens = this.#prefixTokens;
    this.#bodyBytes = prefixBytes;
  }

  get promptTokens(): number {
    return this.#promptTokens;
  }

  /** A message of so many tokens (older tokenizer): a person's, or tool results. */
  add(tokens: number): void {
    const added = Math.max(1, Math.round(Math.min(tokens, LONGEST_MESSAGE_TOKENS)));
    this.#promptTokens += added;
    this.#bodyBytes += Math.round(added * this.#bytesAToken * this.#random.factor(0.1)) + MESSAGE_BYTES;
    this.#messageCount += 1;
  }

  /** Sends what there is and keeps the answer. A call that fails upstream is sent again until it is answered. */
  call(call: Call): Called {
    const draft = this.#draft(call);
    const leftAfter =
      call.watched && this.#random.chance(LEFT_CHANCE) ? this.#random.between(0.02, 0.9) : null;
    const turn = this.#book({ ...draft, leftAfter, atMs: this.#overloaded(draft) });
    const toldTokens = turn.outputTokens * (turn.leftAfter ?? 1);
    this.#answeredTokens = this.#promptTokens;
    this.#justCompacted = false;
    this.#toolsUsed = turn.leftAfter === null ? call.calls : [];
    this.add(turn.thinking === null ? toldTokens : toldTokens * KEPT_OF_THINKING);
    return { turn, endMs: turn.atMs + turn.durationMs };
  }

  /** Replaces the history by a summary and the files read again. */
  compact(keptTokens: number): void {
    this.#promptTokens = this.#prefixTokens;
    this.#bodyBytes = this.#prefixBytes;
    this.#messageCount = 0;
    // What was sent before is no part of the new history, but for system and tools.
    this.#answeredTokens = this.#prefixTokens;
    this.#compactions += 1;
    this.#justCompacted = true;
    this.#toolsUsed = [];
    this.add(keptTokens);
  }

  #draft({ kind, atMs, prompted, outputMedian, outputSigma, calls }: Call): TrafficTurn {
    const random = this.#random;
    return {
      ...this.#facts,
      id: '',
      sequence: 0,
      kind,
      atMs: Math.round(atMs),
      promptTokens: this.#promptTokens,
      prefixTokens: this.#prefixTokens,
      newTokens: this.#promptTokens - this.#answeredTokens,
      compactions: this.#compactions,
      justCompacted: this.#justCompacted,
      bodyBytes: this.#bodyBytes,
      messageCount: this.#messageCount,
      outputTokens: Math.max(
        5,
        Math.round(Math.min(this.#longestAnswer(), random.logNormal(outputMedian, outputSigma))),
      ),
      stopReason: calls.length > 0 ? 'tool_use' : 'end_turn',
      // A long prompt takes its time even where it is cached.
      firstTokenMs: Math.round(random.logNormal(1_100 + this.#promptTokens / 100, 0.35)),
      durationMs: 0,
      leftAfter: null,
      failedStatus: null,
      toolsUsed: this.#toolsUsed,
      toolResultsFailed: prompted || this.#toolsUsed.length === 0 ? null : random.chance(0.07),
      prompted,
    };
  }

  /** `max_tokens` counts the asked model's tokens, here of the newer tokenizer. */
  #longestAnswer(): number {
    return Math.floor(this.#facts.maxTokens / NEWER);
  }

  /** Books calls that meet an overloaded upstream; returns when the one that is answered begins. */
  #overloaded(draft: TrafficTurn): number {
    let { atMs } = draft;
    while (this.#random.chance(OVERLOADED_CHANCE)) {
      const firstTokenMs = Math.round(this.#random.logNormal(700, 0.5));
      const failed = this.#book({ ...draft, atMs, firstTokenMs, failedStatus: OVERLOADED });
      atMs = Math.round(atMs + failed.durationMs + this.#random.between(500, 8_000));
    }
    return atMs;
  }

  #book(draft: TrafficTurn): TrafficTurn {
    const sequence = this.turns.length + 1;
    const turn = { ...draft, sequence, id: `${draft.thread}#${sequence}` };
    const model = findModel(builtinCatalogue, turn.model);
    if (!model) throw new RangeError(`${turn.model} is no model of the catalogue`);
    turn.durationMs = answerMs(turn, model);
    this.turns.push(turn);
    return turn;
  }
}
