import { describe, expect, test } from 'vitest';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import type { Outcome } from '../../durable-objects/wallet/rpc.ts';
import type { MeterReading } from '../../worker/providers/provider.ts';
import type { Ending } from '../../worker/turn/answer-meter.ts';
import { type Call, outcomeOf, progressOf } from '../../worker/turn/outcome.ts';
import { usageOf } from '../fixture.ts';
import { turnFacts } from '../turn-facts.ts';

const SENT = Date.UTC(2026, 10, 23, 12);
const OPUS = 'claude-opus-5-5';
/** Tokens a second, as the catalogue assumes. */
const OPUS_RATE = 60;

function reading(changes: Partial<MeterReading>): MeterReading {
  return {
    usage: null,
    final: false,
    stopReason: null,
    messageId: null,
    outputCharacters: 0,
    contentSeen: false,
    silentMs: 0,
    error: null,
    ...changes,
  };
}

function call(seen: Partial<MeterReading> | null, facts: Partial<TurnFacts> = {}, model = OPUS): Call {
  return { facts: turnFacts({ model, ...facts }), model, sentAtMs: SENT, reading: seen && reading(seen) };
}

/** As message_start reports it. */
const STARTED = usageOf({ inputTokens: 1_000, outputTokens: 1 });
/** As the last message_delta reports it. */
const ENDED = usageOf({ inputTokens: 1_000, outputTokens: 250 });
const OVERLOADED = { type: 'overloaded_error', message: 'Overloaded' };

describe('the output of a stream so far', () => {
  test.each<[tokens: number, what: string, seen: Partial<MeterReading> | null, maxTokens: number | null]>([
    [0, 'before the head', null, 1_000],
    [0, 'before anything was read', {}, 1_000],
    [1, 'is what the start reports, where nothing was shown', { usage: STARTED }, 1_000],
    [100, 'is a token for 3.5 characters shown', { usage: STARTED, outputCharacters: 350 }, 1_000],
    [101, 'is rounded up', { usage: STARTED, outputCharacters: 351 }, 1_000],
    [2 * OPUS_RATE, 'is by time while the model is silent', { usage: STARTED, silentMs: 2_000 }, 1_000],
    [100 + OPUS_RATE, 'is both together', { usage: STARTED, outputCharacters: 350, silentMs: 1_000 }, 1_000],
    [1_000, 'is never more than was allowed', { usage: STARTED, silentMs: 600_000 }, 1_000],
    [600 * OPUS_RATE, 'is without limit where none was asked', { usage: STARTED, silentMs: 600_000 }, null],
    [250, 'is the upstream’s count where that is more', { usage: ENDED, outputCharacters: 35 }, 1_000],
    [250, 'is the upstream’s count even over the limit', { usage: ENDED, outputCharacters: 35 }, 100],
  ])('is %i: it %s', (tokens, _what, seen, maxTokens) => {
    const progress = progressOf(call(seen, { maxTokens }), SENT + 5_000);
    expect(progress).toEqual({ usage: seen?.usage ?? null, outputTokens: tokens });
  });
});

describe('the output of an answer in one piece, so far', () => {
  test.each<[tokens: number, what: string, ms: number, maxTokens: number | null]>([
    [0, 'in the first second, in which the prompt is read', 1_000, 1_000],
    [0, 'by a clock that was set back', -5_000, 1_000],
    [OPUS_RATE, 'a second later', 2_000, 1_000],
    [9 * OPUS_RATE, 'after ten seconds', 10_000, 1_000],
    [1_000, 'at its limit, however long it takes', 600_000, 1_000],
    [599 * OPUS_RATE, 'after ten minutes without a limit', 600_000, null],
  ])('is %i %s', (tokens, _what, ms, maxTokens) => {
    const asked = call(null, { stream: false, maxTokens });
    expect(progressOf(asked, SENT + ms)).toEqual({ usage: null, outputTokens: tokens });
  });

  test.each([
    ['claude-haiku-5-5', 160],
    ['a model the catalogue does not know', 60],
  ])('is at the rate of %s, %i tokens a second', (model, rate) => {
    expect(progressOf(call(null, { stream: false }, model), SENT + 2_000).outputTokens).toBe(rate);
  });
});

function brokenOff(
  why: Extract<Outcome, { kind: 'broken_off' }>['why'],
  outputTokens: number,
  usage = STARTED,
) {
  return { kind: 'broken_off', why, progress: { usage, outputTokens } };
}

describe('the outcome of a stream', () => {
  const final = { usage: ENDED, final: true, contentSeen: true, stopReason: 'end_turn' };
  const half = { usage: STARTED, contentSeen: true, outputCharacters: 350 };
  const refusal = { usage: ENDED, final: true, stopReason: 'refusal' };
  test.each<[ending: Ending, what: string, seen: Partial<MeterReading>, outcome: object]>([
    ['complete', 'with its last word', final, { kind: 'completed', usage: ENDED }],
    ['upstream_cut', 'after its last word', final, { kind: 'completed', usage: ENDED }],
    ['client_gone', 'after its last word', final, { kind: 'completed', usage: ENDED }],
    [
      'complete',
      'with an error after its last word',
      { ...final, error: OVERLOADED },
      { kind: 'completed', usage: ENDED },
    ],
    ['complete', 'refused before any output', refusal, { kind: 'refused_unbilled', usage: ENDED }],
    [
      'complete',
      'refused in mid-answer',
      { ...refusal, contentSeen: true },
      { kind: 'completed', usage: ENDED },
    ],
    [
      'complete',
      'refused without usage',
      { stopReason: 'refusal' },
      { kind: 'refused_unbilled', usage: null },
    ],
    ['complete', 'that never had a last word', half, brokenOff('usage_missing', 100)],
    ['complete', 'with an error event', { ...half, error: OVERLOADED }, brokenOff('upstream_error', 100)],
    ['upstream_cut', 'in mid-answer', half, brokenOff('upstream_cut', 100)],
    [
      'upstream_cut',
      'after an error event',
      { ...half, error: OVERLOADED },
      brokenOff('upstream_error', 100),
    ],
    ['client_gone', 'in mid-answer', half, brokenOff('client_gone', 100)],
    ['client_gone', 'after an error event', { ...half, error: OVERLOADED }, brokenOff('client_gone', 100)],
    ['complete', 'that was empty', {}, { kind: 'failed' }],
    ['complete', 'with nothing but an error event', { error: OVERLOADED }, { kind: 'failed' }],
    ['upstream_cut', 'before any usage', {}, { kind: 'failed' }],
    [
      'client_gone',
      'before any usage: the input was read all the same',
      {},
      { kind: 'broken_off', why: 'client_gone', progress: { usage: null, outputTokens: 0 } },
    ],
  ])('that ended %s, %s', (ending, _what, seen, outcome) => {
    expect(outcomeOf(call(seen), ending, SENT + 5_000)).toEqual(outcome);
  });

  test('that the client left before its head', () => {
    const progress = { usage: null, outputTokens: 0 };
    const outcome = outcomeOf(call(null), 'client_gone', SENT + 5_000);
    expect(outcome).toEqual({ kind: 'broken_off', why: 'client_gone', progress });
  });
});

describe('the outcome of an answer in one piece', () => {
  const byTime = { usage: null, outputTokens: 4 * OPUS_RATE };
  test.each<[ending: Ending, what: string, seen: Partial<MeterReading> | null, outcome: object]>([
    [
      'complete',
      'with usage',
      { usage: ENDED, final: true, contentSeen: true },
      { kind: 'completed', usage: ENDED },
    ],
    [
      'complete',
      'refused before any output',
      { usage: ENDED, final: true, stopReason: 'refusal' },
      { kind: 'refused_unbilled', usage: ENDED },
    ],
    ['complete', 'without usage', {}, { kind: 'broken_off', why: 'usage_missing', progress: byTime }],
    ['upstream_cut', 'in its body', {}, { kind: 'broken_off', why: 'upstream_cut', progress: byTime }],
    ['client_gone', 'before its head', null, { kind: 'broken_off', why: 'client_gone', progress: byTime }],
    [
      'complete',
      'that is an error',
      { error: OVERLOADED },
      { kind: 'broken_off', why: 'upstream_error', progress: byTime },
    ],
  ])('that ended %s, %s', (ending, _what, seen, outcome) => {
    expect(outcomeOf(call(seen, { stream: false }), ending, SENT + 5_000)).toEqual(outcome);
  });
});
