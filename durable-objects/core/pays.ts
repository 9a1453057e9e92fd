/**
 * Whether handing a thread to a cheaper model costs less than staying: the new model has to write the whole
 * prompt into a cold cache where the present one would read it from a warm one. Expected costs over the turns
 * the thread is expected to go on, as floating-point pico-USD: compared, never booked.
 */
import type { Candidate } from './cascade.ts';
import { pricesFor, type Tariff, tariffAt } from './catalogue/tariff.ts';
import type { Catalogue } from './catalogue/types.ts';
import {
  estimateCachedTokens,
  estimateOutputTokens,
  estimatePromptTokens,
  tokenizerRatio,
} from './estimate.ts';
import { cacheTtlMs, type SessionHistory } from './history.ts';
import type { TurnFacts, TurnKind } from './turn.ts';

/** The fewest and the most further turns a thread of each kind is expected to have, this one included. */
const FURTHER_TURNS: Record<TurnKind, { least: number; most: number }> = {
  main: { least: 8, most: 60 },
  subagent: { least: 4, most: 20 },
  auxiliary: { least: 1, most: 1 },
  compaction: { least: 1, most: 1 },
};

/**
 * Turns the thread is expected to go on for, this one included: as many as it had, because sessions are
 * heavy-tailed, so the longer one has lasted the longer it will last.
 */
export function expectedTurns(kind: TurnKind, history: SessionHistory | null): number {
  const { least, most } = FURTHER_TURNS[kind];
  return Math.min(most, Math.max(least, history?.turns ?? 0));
}

/** A thread's next turns on one model. */
interface Course {
  tariff: Tariff;
  prompt: number;
  /** What the model's cache holds of the prompt now. */
  cached: number;
  growth: number;
  output: number;
  ttl: TurnFacts['cacheTtl'];
  minCacheable: number;
  /** Whether the thread's turns come before its cache expires. */
  staysWarm: boolean;
  isFast: boolean;
}

function courseOn(
  { id, model }: Candidate,
  facts: TurnFacts,
  history: SessionHistory | null,
  catalogue: Catalogue,
  nowMs: number,
): Course {
  const prompt = estimatePromptTokens(facts, history, model);
  return {
    tariff: tariffAt(catalogue, model, nowMs),
    prompt,
    cached: estimateCachedTokens(facts, history, id, model, nowMs),
    growth: (history?.growthTokens ?? 0) * tokenizerRatio(model, history),
    output: estimateOutputTokens(facts, history, model),
    isFast: facts.modifiers.speed === 'fast',
    ttl: facts.cacheTtl,
    minCacheable: model?.minCacheable ?? 0,
    staysWarm: (history?.typicalGapMs ?? 0) < cacheTtlMs(facts.cacheTtl),
  };
}

/** What `turns` turns on this course cost. */
function costOf(course: Course, turns: number): number {
  const { tariff, growth, output, ttl, minCacheable, staysWarm, isFast } = course;
  let { prompt, cached } = course;
  let cost = 0;
  for (let turn = 0; turn < turns; turn += 1) {
    const prices = pricesFor(tariff, prompt);
    const isCached = ttl !== 'none' && prompt >= minCacheable;
    const write = !isCached ? prices.input : ttl === '5m' ? prices.cacheWrite5m : prices.cacheWrite1h;
    const read = isCached ? cached : 0;
    cost += read * prices.cacheRead + (prompt - read) * write + output * prices.output;
    cached = staysWarm ? prompt : 0;
    prompt += growth;
  }
  const [numerator, denominator] = isFast ? tariff.fast : ([1, 1] as const);
  const [charged, list] = tariff.share;
  return (((cost * numerator) / denominator) * charged) / list;
}

/** Whether `turns` turns of the thread cost less on `target` than on `present`. */
export function pays(
  present: Candidate,
  target: Candidate,
  turn: { facts: TurnFacts; history: SessionHistory | null },
  turns: number,
  catalogue: Catalogue,
  nowMs: number,
): boolean {
  const { facts, history } = turn;
  const staying = costOf(courseOn(present, facts, history, catalogue, nowMs), turns);
  return costOf(courseOn(target, facts, history, catalogue, nowMs), turns) < staying;
}
