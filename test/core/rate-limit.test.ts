/** Limits besides money, against a model that keeps every turn and looks at all of them each time it is asked. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RateFigures } from '../../durable-objects/core/policy/types.ts';
import { type RatedTurn, type RateHit, RateWindows } from '../../durable-objects/core/rate-limit.ts';

const FIGURES: RateFigures = { requestsPerMinute: null, tokensPerMinute: null, concurrentTurns: null };

/** Every turn there ever was; the definition, word for word. */
class NaiveModel {
  readonly turns: RatedTurn[] = [];

  #fits(
    subject: string,
    limits: RateFigures,
    tokens: number,
    atMs: number,
    figure: RateHit['figure'],
  ): boolean {
    const theirs = this.turns.filter(({ subjects }) => subjects.includes(subject));
    const recent = theirs.filter(({ admittedAtMs }) => atMs - admittedAtMs < 60_000);
    const used = recent.reduce((sum, turn) => sum + turn.tokens, 0);
    const { requestsPerMinute, tokensPerMinute, concurrentTurns } = limits;
    switch (figure) {
      case 'requests_per_minute':
        return requestsPerMinute === null || recent.length + 1 <= requestsPerMinute;
      case 'tokens_per_minute':
        return tokensPerMinute === null || used === 0 || used + tokens <= tokensPerMinute;
      case 'concurrent_turns':
        return (
          concurrentTurns === null || theirs.filter(({ isOpen }) => isOpen).length + 1 <= concurrentTurns
        );
    }
  }

  hits(subject: string, limits: RateFigures, tokens: number, nowMs: number): RateHit[] {
    const most = {
      requests_per_minute: limits.requestsPerMinute,
      tokens_per_minute: limits.tokensPerMinute,
      concurrent_turns: limits.concurrentTurns,
    };
    const figures = ['requests_per_minute', 'tokens_per_minute', 'concurrent_turns'] as const;
    return figures.flatMap((figure) => {
      if (this.#fits(subject, limits, tokens, nowMs, figure)) return [];
      let waitMs: number | null = null;
      if (figure !== 'concurrent_turns') {
        // Only when a turn leaves can one fit that did not.
        const leaving = this.turns
          .map(({ admittedAtMs }) => admittedAtMs + 60_000 - nowMs)
          .filter((ms) => ms > 0);
        waitMs = Math.min(...leaving.filter((ms) => this.#fits(subject, limits, tokens, nowMs + ms, figure)));
      }
      return [{ figure, most: most[figure] ?? 0, waitMs }];
    });
  }
}

const SUBJECTS = [
  ['team', 'dev-a', 'key-1'],
  ['team', 'dev-a', 'key-2'],
  ['team', 'dev-b', 'key-3'],
];

const act = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('open' as const), who: fc.nat(2), tokens: fc.nat(60) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('end' as const), turn: fc.nat(40), tokens: fc.nat(80) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('again' as const), turn: fc.nat(40), tokens: fc.nat(80) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat(25_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(59_999, 60_000, 60_001) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('look' as const), ms: fc.nat(90_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reload' as const) }) },
);

const figure = (max: number) => fc.option(fc.integer({ min: 1, max }), { nil: null });
const limits = fc.record({
  requestsPerMinute: figure(6),
  tokensPerMinute: figure(150),
  concurrentTurns: figure(4),
});

/** What a wallet has of the turns after a restart: those under way, and those of the minute before the last admission. */
function reloaded(turns: readonly RatedTurn[]): RateWindows {
  const lastMs = turns.at(-1)?.admittedAtMs ?? 0;
  const windows = new RateWindows();
  for (const turn of turns) {
    if (turn.isOpen || turn.admittedAtMs > lastMs - 60_000) windows.add(turn);
  }
  return windows;
}

describe('limits besides money', () => {
  test('let through, keep waiting and count as a model does that looks at every turn, whatever happens', () => {
    let admitted = 0;
    let refused = 0;
    fc.assert(
      fc.property(
        fc.array(limits, { minLength: 3, maxLength: 3 }),
        fc.array(act, { maxLength: 120, size: 'max' }),
        (figures, acts) => {
          const model = new NaiveModel();
          let windows = new RateWindows();
          let nowMs = 1_000_000;
          for (const each of acts) {
            if (each.do === 'wait') nowMs += each.ms;
            else if (each.do === 'reload') windows = reloaded(model.turns);
            else if (each.do === 'look') windows.subjects(nowMs + each.ms);
            else if (each.do === 'open') {
              const subjects = SUBJECTS[each.who] ?? [];
              const hits = subjects.map((subject, index) => {
                const limit = figures[index] ?? FIGURES;
                const found = windows.hits(subject, limit, each.tokens, nowMs);
                expect(found).toEqual(model.hits(subject, limit, each.tokens, nowMs));
                return found;
              });
              if (hits.flat().length > 0) {
                refused += 1;
                continue;
              }
              admitted += 1;
              const turn = {
                turnId: `t${model.turns.length}`,
                admittedAtMs: nowMs,
                tokens: each.tokens,
                isOpen: true,
                subjects,
              };
              model.turns.push({ ...turn });
              windows.add(turn);
            } else {
              const turn = model.turns[each.turn];
              if (!turn || (each.do === 'again' && turn.isOpen)) continue;
              turn.isOpen = false;
              turn.tokens = each.tokens;
              windows.change(turn.turnId, turn);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
    expect(Math.min(admitted, refused)).toBeGreaterThan(200);
  });

  test('count a turn up to 60 seconds after its admission, and not at their end', () => {
    const windows = new RateWindows();
    windows.add({ turnId: 'a', admittedAtMs: 1_000, tokens: 5, isOpen: false, subjects: ['s'] });
    const one = { ...FIGURES, requestsPerMinute: 1 };
    expect(windows.hits('s', one, 0, 60_999)).toEqual([
      { figure: 'requests_per_minute', most: 1, waitMs: 1 },
    ]);
    expect(windows.hits('s', one, 0, 61_000)).toEqual([]);
    expect(windows.hits('another', one, 0, 1_000)).toEqual([]);
  });

  test('let a turn that is larger than all tokens of a minute go when the minute was empty', () => {
    const windows = new RateWindows();
    const hundred = { ...FIGURES, tokensPerMinute: 100 };
    expect(windows.hits('s', hundred, 500, 0)).toEqual([]);
    windows.add({ turnId: 'a', admittedAtMs: 0, tokens: 1, isOpen: false, subjects: ['s'] });
    expect(windows.hits('s', hundred, 500, 10)).toEqual([
      { figure: 'tokens_per_minute', most: 100, waitMs: 59_990 },
    ]);
    expect(windows.hits('s', hundred, 99, 10)).toEqual([]);
  });

  test('keep nothing of subjects without turns, and answer a thousand turns a minute without a scan', () => {
    const windows = new RateWindows();
    const many = { requestsPerMinute: 1_000_000, tokensPerMinute: 1e10, concurrentTurns: 100_000 };
    for (let at = 0; at < 40_000; at += 1) {
      const nowMs = at * 60;
      const subjects = ['team', `dev-${at % 100}`, `key-${at}`];
      for (const subject of subjects) windows.hits(subject, many, 10, nowMs);
      windows.add({ turnId: `t${at}`, admittedAtMs: nowMs, tokens: 10, isOpen: true, subjects });
      windows.change(`t${at}`, { tokens: 12, isOpen: false });
    }
    expect(windows.use('team', 40_000 * 60)).toEqual({ requests: 999, tokens: 11_988, openTurns: 0 });
    expect(windows.subjects(40_000 * 60)).toHaveLength(1 + 100 + 999);
    expect(windows.subjects(50_000 * 60)).toEqual([]);
  });
});
