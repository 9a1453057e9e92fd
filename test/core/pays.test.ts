import { describe, expect, test } from 'vitest';
import { findModel } from '../../durable-objects/core/catalogue/lookup.ts';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import type { CachedPrefix, SessionHistory } from '../../durable-objects/core/history.ts';
import { expectedTurns, pays } from '../../durable-objects/core/pays.ts';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import { NOW, nextTurn, warm } from './judging.ts';

const MINUTE = 60_000;

function candidate(id: string) {
  return { id: `claude-${id}`, model: findModel(builtinCatalogue, `claude-${id}`) };
}

/** The fewest turns over which the step costs less than staying; null where 200 are too few. */
function paidAfter(
  [from, to]: readonly [string, string],
  history: SessionHistory | null,
  facts: TurnFacts,
): number | null {
  for (let turns = 1; turns <= 200; turns += 1) {
    const turn = { facts, history };
    if (pays(candidate(from), candidate(to), turn, turns, builtinCatalogue, NOW)) return turns;
  }
  return null;
}

/** A thread of the table's shape: the prefix warm for four more minutes, 3K input more and 2K output a turn. */
function tableThread(from: string, prefix: number, changes: Partial<SessionHistory> = {}) {
  const cache: CachedPrefix = {
    model: `claude-${from}`,
    tokens: prefix,
    ttlMs: 5 * MINUTE,
    expiresAtMs: NOW + 4 * MINUTE,
  };
  return warm(prefix, `claude-${from}`, { growthTokens: 3_000, caches: [cache], ...changes });
}

describe('turns until a step down in mid-session has paid for itself (facts: downgrade and cache)', () => {
  // No tolerance is needed: counted with 3K more of prompt in each turn, this one included, every cell is met exactly.
  test.each<[from: string, to: string, prefix: number, turns: number]>([
    ['opus-5-5', 'sonnet-5-5', 20_000, 2],
    ['opus-5-5', 'sonnet-5-5', 80_000, 6],
    ['opus-5-5', 'sonnet-5-5', 150_000, 9],
    ['opus-5-5', 'sonnet-5-5', 400_000, 14],
    ['opus-5-5', 'haiku-5-5', 20_000, 1],
    ['opus-5-5', 'haiku-5-5', 80_000, 1],
    ['opus-5-5', 'haiku-5-5', 150_000, 2],
    ['opus-5-5', 'haiku-5-5', 400_000, 3],
    ['sonnet-5-5', 'haiku-5-5', 20_000, 1],
    ['sonnet-5-5', 'haiku-5-5', 80_000, 1],
    ['sonnet-5-5', 'haiku-5-5', 150_000, 4],
    ['sonnet-5-5', 'haiku-5-5', 400_000, 6],
    ['fable-5-2', 'opus-5-5', 20_000, 2],
    ['fable-5-2', 'opus-5-5', 80_000, 7],
    ['fable-5-2', 'opus-5-5', 150_000, 14],
    ['fable-5-2', 'opus-5-5', 400_000, 35],
  ])('%s to %s with a prefix of %i tokens: %i', (from, to, prefix, turns) => {
    const history = tableThread(from, prefix);
    const { facts } = nextTurn(history, { cacheTtl: '5m', model: `claude-${from}` });
    expect(paidAfter([from, to], history, facts)).toBe(turns);
  });
});

describe('turns until it has paid, where something is other than in the table', () => {
  const half = { cacheTtl: '5m' } as const;
  const expired = { caches: [] };
  test.each<
    [what: string, from: string, to: string, SessionHistory | null, Partial<TurnFacts>, number | null]
  >([
    ['a thread that begins', 'opus-5-5', 'sonnet-5-5', null, half, 1],
    [
      'a cold cache, however long the prefix',
      'opus-5-5',
      'sonnet-5-5',
      tableThread('opus-5-5', 400_000, expired),
      half,
      1,
    ],
    ['a cold cache of Fable', 'fable-5-2', 'opus-5-5', tableThread('fable-5-2', 400_000, expired), half, 1],
    [
      'no cache asked for: nothing is warm',
      'opus-5-5',
      'sonnet-5-5',
      tableThread('opus-5-5', 400_000),
      { cacheTtl: 'none' },
      1,
    ],
    [
      'a one-hour cache costs twice the input to write',
      'opus-5-5',
      'sonnet-5-5',
      tableThread('opus-5-5', 80_000),
      { cacheTtl: '1h' },
      8,
    ],
    [
      'gaps longer than the cache lives: the next turn is cold on either',
      'opus-5-5',
      'sonnet-5-5',
      tableThread('opus-5-5', 400_000, { typicalGapMs: 10 * MINUTE }),
      half,
      2,
    ],
    [
      'the dearer model, whose tokens are as many',
      'sonnet-5-5',
      'opus-5-5',
      tableThread('sonnet-5-5', 80_000),
      half,
      null,
    ],
    ['Haiku under its 100K tier', 'sonnet-5-5', 'haiku-5-5', tableThread('sonnet-5-5', 96_000), half, 1],
    ['Haiku just over it', 'sonnet-5-5', 'haiku-5-5', tableThread('sonnet-5-5', 98_000), half, 3],
    [
      'Fast mode doubles what is saved and not what Haiku costs',
      'opus-5-5',
      'haiku-5-5',
      tableThread('opus-5-5', 400_000),
      { ...half, modifiers: { speed: 'fast', inferenceGeo: null } },
      1,
    ],
  ])('%s: %s to %s', (_, from, to, history, facts, turns) => {
    const turn = nextTurn(history ?? warm(100_000), { model: `claude-${from}`, ...facts });
    expect(paidAfter([from, to], history, turn.facts)).toBe(turns);
  });

  test('a prompt too short for the cheaper model to cache costs its full input there in every turn', () => {
    const history = tableThread('sonnet-5-5', 3_000, { typicalOutputTokens: 100, growthTokens: 0 });
    const facts = { ...nextTurn(history, { cacheTtl: '5m' }).facts, bodyBytes: history.bodyBytes };
    expect(paidAfter(['sonnet-5-5', 'haiku-4-5'], history, facts)).toBe(null);
    expect(paidAfter(['sonnet-5-5', 'haiku-5-5'], history, facts)).toBe(1);
  });

  test('the older tokenizer makes fewer tokens of the same text: Sonnet 4.6 is worth as much less as it counts fewer', () => {
    // At 5 and 25 against 3 and 15 USD, with a quarter fewer tokens.
    const history = tableThread('opus-5', 80_000);
    const { facts } = nextTurn(history, { cacheTtl: '5m', model: 'claude-opus-5' });
    const asNew = findModel(builtinCatalogue, 'claude-sonnet-4-6');
    const target = candidate('sonnet-4-6');
    const turnsOn = (tokenizer: 'old' | 'new') => {
      for (let turns = 1; turns <= 200; turns += 1) {
        const model = asNew && { ...asNew, tokenizer };
        if (
          pays(candidate('opus-5'), { ...target, model }, { facts, history }, turns, builtinCatalogue, NOW)
        ) {
          return turns;
        }
      }
      return null;
    };
    expect(turnsOn('old')).toBeLessThan(turnsOn('new') ?? 0);
  });
});

describe('turns a thread is expected to go on', () => {
  test.each<[kind: TurnFacts['kind'], turns: number, expected: number]>([
    ['main', 0, 8],
    ['main', 30, 30],
    ['main', 500, 60],
    ['subagent', 1, 4],
    ['subagent', 12, 12],
    ['subagent', 90, 20],
    ['auxiliary', 50, 1],
    ['compaction', 50, 1],
  ])('%s after %i turns: %i', (kind, turns, expected) => {
    expect(expectedTurns(kind, warm(50_000, 'claude-opus-5-5', { turns }))).toBe(expected);
  });

  test.each<[kind: TurnFacts['kind'], expected: number]>([
    ['main', 8],
    ['subagent', 4],
    ['auxiliary', 1],
  ])('%s that begins: %i', (kind, expected) => {
    expect(expectedTurns(kind, null)).toBe(expected);
  });
});
