import { expect, test } from 'vitest';
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import type { Model } from '../../durable-objects/core/catalogue/types.ts';
import { CacheWorld } from './cache-world.ts';
import { generateTraffic } from './generate.ts';
import { answerMs, type TrafficTurn, tokensOn, toTurnFacts } from './turn.ts';

function model(id: string): Model {
  const found = findModel(builtinCatalogue, id);
  if (!found) throw new RangeError(id);
  return found;
}

const OPUS = model('claude-opus-5-5');
const SONNET = model('claude-sonnet-5-5');
const HAIKU_4_5 = model('claude-haiku-4-5');
const MINUTE_MS = 60_000;
const [FIRST] = generateTraffic({ seed: 1, startMs: Date.UTC(2026, 9, 26), days: 7 });

function turn(changes: Partial<TrafficTurn>): TrafficTurn {
  if (!FIRST) throw new RangeError('no traffic');
  const plain = { promptTokens: 10_000, prefixTokens: 8_000, compactions: 0, outputTokens: 100 };
  return { ...FIRST, ...plain, cacheTtl: '5m', leftAfter: null, failedStatus: null, ...changes };
}

/** Uncached, written for 5 minutes and an hour, read, output. */
function served(world: CacheWorld, asked: TrafficTurn, by: Model, atMinute: number): number[] {
  const usage = world.serve(asked, by, atMinute * MINUTE_MS);
  if (!usage) throw new RangeError('not served');
  const { inputTokens, cacheWrite5mTokens, cacheWrite1hTokens, cacheReadTokens, outputTokens } = usage.tokens;
  return [inputTokens, cacheWrite5mTokens, cacheWrite1hTokens, cacheReadTokens, outputTokens];
}

const LONG = turn({ promptTokens: 20_000 });
const HOUR = turn({ cacheTtl: '1h' });
const COMPACTED = turn({ promptTokens: 12_000, compactions: 1 });
const SHORT = turn({ promptTokens: 2_000, prefixTokens: 1_500 });

test.each<[what: string, then: [TrafficTurn, Model, minute: number][], usage: number[]]>([
  ['a first turn writes its prompt', [[turn({}), OPUS, 0]], [4, 12_996, 0, 0, 130]],
  ['an older tokenizer counts fewer', [[turn({}), HAIKU_4_5, 0]], [4, 9_996, 0, 0, 100]],
  [
    'the next reads it and writes what is new',
    [
      [turn({}), OPUS, 0],
      [LONG, OPUS, 4],
    ],
    [4, 12_996, 0, 13_000, 130],
  ],
  [
    'after 5 minutes it is gone',
    [
      [turn({}), OPUS, 0],
      [LONG, OPUS, 5],
    ],
    [4, 25_996, 0, 0, 130],
  ],
  [
    'each use makes it last again',
    [
      [turn({}), OPUS, 0],
      [turn({}), OPUS, 4],
      [LONG, OPUS, 8],
    ],
    [4, 12_996, 0, 13_000, 130],
  ],
  [
    'an hour is an hour',
    [
      [HOUR, OPUS, 0],
      [HOUR, OPUS, 59],
    ],
    [4, 0, 0, 12_996, 130],
  ],
  [
    'another model begins cold',
    [
      [turn({}), OPUS, 0],
      [LONG, SONNET, 1],
    ],
    [4, 25_996, 0, 0, 130],
  ],
  [
    'back on the first it reads what that knew',
    [
      [turn({}), OPUS, 0],
      [LONG, SONNET, 1],
      [LONG, OPUS, 2],
    ],
    [4, 12_996, 0, 13_000, 130],
  ],
  [
    'a compaction leaves system and tools',
    [
      [LONG, OPUS, 0],
      [COMPACTED, OPUS, 1],
    ],
    [4, 5_196, 0, 10_400, 130],
  ],
  [
    'a prompt too short is not cached',
    [
      [SHORT, HAIKU_4_5, 0],
      [SHORT, HAIKU_4_5, 1],
    ],
    [2_000, 0, 0, 0, 100],
  ],
  ['nor one that does not ask', [[turn({ cacheTtl: 'none' }), OPUS, 0]], [13_000, 0, 0, 0, 130]],
  [
    'another thread shares nothing',
    [
      [turn({}), OPUS, 0],
      [turn({ thread: 'other' }), OPUS, 1],
    ],
    [4, 12_996, 0, 0, 130],
  ],
  [
    'an answer left half-way has half its tokens',
    [[turn({ leftAfter: 0.5 }), OPUS, 0]],
    [4, 12_996, 0, 0, 65],
  ],
])('%s', (_, turns, usage) => {
  const world = new CacheWorld();
  const all = turns.map(([asked, by, minute]) => served(world, asked, by, minute));
  expect(all.at(-1)).toEqual(usage);
});

test('a turn that fails upstream uses and caches nothing', () => {
  const world = new CacheWorld();
  expect(world.serve(turn({ failedStatus: 529 }), OPUS, 0)).toBeNull();
  expect(world.cachedTokens(turn({}), OPUS, 1)).toBe(0);
});

test('an answer takes as long as its model needs for it', () => {
  const asked = turn({ outputTokens: 600, firstTokenMs: 1_000 });
  expect(answerMs(asked, OPUS)).toBe(1_000 + (780 / 60) * 1000);
  expect(answerMs(asked, HAIKU_4_5)).toBe(1_000 + (600 / 160) * 1000);
  expect(answerMs(turn({ ...asked, leftAfter: 0.5 }), OPUS)).toBe(1_000 + (390 / 60) * 1000);
  expect(answerMs(turn({ ...asked, failedStatus: 529 }), OPUS)).toBe(1_000);
});

test('the facts of a turn are those the gateway would read', () => {
  const asked = turn({ agent: 'a1', kind: 'subagent' });
  expect(toTurnFacts(asked)).toMatchObject({
    model: asked.model,
    kind: 'subagent',
    agent: 'a1',
    session: asked.session,
    bodyBytes: asked.bodyBytes,
    cacheTtl: '5m',
    unbounded: [],
  });
  expect(tokensOn(OPUS, 1_000)).toBe(1_300);
});
