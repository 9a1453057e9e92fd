import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_LIMIT_NANO_USD } from '../../durable-objects/core/money.ts';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import { judge, policyOf, short, turn } from './judging.ts';

const CLAMPING = {
  id: 'team',
  scope: 'cost_center',
  window: 'day',
  limit_usd: '100',
  admission: 'guaranteed',
  clamp_max_tokens: true,
  stages: [{ at: '1.00', do: 'pause' }],
};
const OPUS_ONLY = { allowed_models: ['claude-opus-5-5'] };
/** Of 50,000 bytes on Opus: 52,000 tokens written for an hour. */
const PROMPT_USD = 0.416;
/** Of output on Opus. */
const TOKEN_USD = 0.00002;

function clamped(facts: Partial<TurnFacts>, roomUsd: number, changes: object = {}) {
  const policy = policyOf({ budgets: [{ ...CLAMPING, ...changes }], ...OPUS_ONLY });
  const decision = judge(turn(facts), policy, [[100 - roomUsd, 0]]);
  const maxTokens = decision.kind === 'refuse' ? undefined : decision.maxTokens;
  return { decision, maxTokens, limit: policy.budgets[0]?.limitNanoUsd ?? MAX_LIMIT_NANO_USD };
}

describe('a guaranteed budget that may lower max_tokens', () => {
  test.each<[what: string, asked: number | null, room: number, expected: number | null | undefined]>([
    ['there is room for all of it', 32_000, PROMPT_USD + 32_000 * TOKEN_USD, null],
    ['there is room for all of it but a nano-dollar', 32_000, PROMPT_USD + 32_000 * TOKEN_USD - 1e-9, 31_744],
    ['there is room for a multiple of 256', 32_000, PROMPT_USD + 10_240 * TOKEN_USD, 10_240],
    ['there is room for a little less than that', 32_000, PROMPT_USD + 10_240 * TOKEN_USD - 1e-9, 9_984],
    ['there is room for 4,096', 32_000, PROMPT_USD + 4_096 * TOKEN_USD, 4_096],
    ['there is room for less than 4,096', 32_000, PROMPT_USD + 4_096 * TOKEN_USD - 1e-9, undefined],
    ['4,096 is asked for and does not fit', 4_096, PROMPT_USD + 4_000 * TOKEN_USD, undefined],
    ['less than 4,096 is asked for and fits', 1_000, PROMPT_USD + 1_000 * TOKEN_USD, null],
    ['a little more than 4,096 is asked for', 4_097, PROMPT_USD + 4_096 * TOKEN_USD, 4_096],
    ['more is asked for than the model can say', 500_000, PROMPT_USD + 127_999 * TOKEN_USD, 127_744],
    ['none is asked for: there is no ceiling to lower', null, 50, undefined],
  ])('where %s', (_, maxTokens, room, expected) => {
    const found = clamped({ maxTokens }, room);
    expect(found.maxTokens).toBe(expected);
    expect(found.decision.reasons.includes('clamped:max_tokens')).toBe(typeof expected === 'number');
  });

  test('never lowers it where it was not told to', () => {
    expect(clamped({}, 0.8, { clamp_max_tokens: false }).decision.kind).toBe('refuse');
  });

  test('never lowers it for a budget that goes by what is expected', () => {
    expect(clamped({}, 0.05, { admission: 'expected' }).decision.kind).toBe('refuse');
  });

  test('never lowers it where another budget, one of expected money, stands in the way', () => {
    const expected = { ...CLAMPING, id: 'expected', admission: 'expected' };
    const policy = policyOf({ budgets: [CLAMPING, expected], ...OPUS_ONLY });
    const decision = judge(turn(), policy, [
      [99.2, 0],
      [99.99, 0],
    ]);
    expect(short(decision)).toBe('refuse budget team');
    expect(decision.reasons).toEqual([
      'stage:team@1.00',
      'stage:expected@1.00',
      'short:team',
      'short:expected',
    ]);
  });

  test('tells a turn to come back where only holds keep the least of it from fitting', () => {
    const policy = policyOf({ budgets: [CLAMPING], ...OPUS_ONLY });
    const decision = judge(turn(), policy, [[99.4, 0.5]]);
    expect(short(decision)).toBe('refuse pending team');
  });

  test('hands a turn down where not even the least of it fits', () => {
    const policy = policyOf({ budgets: [CLAMPING] });
    const decision = judge(turn(), policy, [[99.6, 0]]);
    expect(short(decision)).toBe('downgrade sonnet-5-5');
    expect(decision).toMatchObject({ maxTokens: 19_200, reasons: ['short:team', 'clamped:max_tokens'] });
  });

  test('always takes the largest multiple of 256 whose ceiling fits, never more than asked nor less than 4,096', () => {
    const rooms = fc.double({ min: 0.3, max: 3, noNaN: true });
    fc.assert(
      fc.property(rooms, fc.integer({ min: 1, max: 200_000 }), (room, asked) => {
        const { decision, maxTokens, limit } = clamped({ maxTokens: asked }, room);
        if (decision.kind === 'refuse' || typeof maxTokens !== 'number') return;
        const settled = Math.round((100 - room) * 1e9);
        expect(maxTokens % 256).toBe(0);
        expect(maxTokens).toBeGreaterThanOrEqual(4_096);
        expect(maxTokens).toBeLessThan(asked);
        const ceiling = decision.hold.ceiling ?? Number.POSITIVE_INFINITY;
        expect(settled + ceiling).toBeLessThanOrEqual(limit);
        // Another 256 would either not fit, or be what was asked for or more.
        const more = Math.min(maxTokens + 256, asked, 128_000);
        expect(settled + ceiling + (more - maxTokens) * 20_000).toBeGreaterThan(limit);
      }),
      { numRuns: 300 },
    );
  });
});

describe('several budgets of both kinds', () => {
  const expected = { ...CLAMPING, id: 'expected', admission: 'expected', clamp_max_tokens: false };
  const guaranteed = { ...CLAMPING, clamp_max_tokens: false };
  const policy = policyOf({ budgets: [guaranteed, expected], ...OPUS_ONLY });
  test.each<[team: number, other: number, expected: string]>([
    [98.9, 98.9, 'proceed opus-5-5'],
    [99, 0, 'refuse budget team'],
    [0, 99, 'proceed opus-5-5'],
    [0, 99.99, 'refuse budget expected'],
  ])('with $%d and $%d of 100 settled: %s', (team, other, outcome) => {
    expect(
      short(
        judge(turn(), policy, [
          [team, 0],
          [other, 0],
        ]),
      ),
    ).toBe(outcome);
  });

  test('a turn without a ceiling is only refused by the guaranteed one', () => {
    const decision = judge(turn({ unbounded: ['server_tools'] }), policy, [
      [0, 0],
      [0, 0],
    ]);
    expect(short(decision)).toBe('refuse unbounded team');
  });

  test('and not at all where the guaranteed one is of another line', () => {
    const lined = policyOf({ budgets: [{ ...guaranteed, line: 'opus' }, expected] });
    const decision = judge(turn({ unbounded: ['server_tools'] }), lined, [
      [0, 0],
      [0, 0],
    ]);
    expect(short(decision)).toBe('downgrade sonnet-5-5');
    expect(decision).toMatchObject({ reasons: ['unbounded:team'], step: null });
  });
});
