/** What teams regret: allowed, and told with what happens and what to do instead. */
import { describe, expect, test } from 'vitest';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { parsePolicy } from '../../../durable-objects/core/policy/parse.ts';

const context = { timezone: 'UTC', catalogue: builtinCatalogue, nowMs: Date.parse('2026-11-23T12:00Z') };
const TEAM_DAY = { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '500.00' };

function warningsOf(document: object): string[] {
  const parsed = parsePolicy(document, context);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value.warnings.map(({ path, message }) => `${path}: ${message}`);
}

function stages(...each: [string, string][]) {
  return each.map(([at, action]) => ({ at, do: action }));
}

describe('stages', () => {
  test('that are a single hard cap say that everybody stops at once and nobody was warned', () => {
    expect(warningsOf({ budgets: [{ ...TEAM_DAY, stages: stages(['1', 'pause']) }] })).toEqual([
      'budgets[0].stages[0]: a single hard cap: nobody is warned and nothing steps down before everybody is ' +
        'paused at once; put an alert and a downgrade below',
    ]);
  });

  test('that alert above the pause say that the alert comes too late', () => {
    expect(
      warningsOf({
        budgets: [TEAM_DAY],
        stages: stages(['0.5', 'downgrade'], ['0.9', 'pause'], ['1', 'alert']),
      }),
    ).toEqual([
      'stages[2]: whoever can act hears of it when turns are paused already, from "0.9" on: put the alert below',
    ]);
  });

  test('of one line are a step down, but for the line that the cascade ends with', () => {
    const ofLine = (line: string) => ({
      budgets: [{ ...TEAM_DAY, line, stages: stages(['0.8', 'alert'], ['1', 'pause']) }],
    });
    expect(warningsOf(ofLine('opus'))).toEqual([]);
    expect(warningsOf(ofLine('haiku'))).toEqual([
      expect.stringContaining('budgets[0].stages[1]: turns are paused here without a step down'),
    ]);
  });
});

test('allowed models that leave one of the cascade are a one-model cascade', () => {
  const allowing = (...models: string[]) => ({ budgets: [TEAM_DAY], allowed_models: models });
  expect(warningsOf(allowing('claude-opus-5-5'))).toEqual([
    expect.stringContaining('allowed_models: of the cascade at most one model is left'),
  ]);
  expect(warningsOf(allowing('claude-opus-5-5', 'claude-haiku-5-5'))).toEqual([]);
});

describe('a guarantee', () => {
  const session = { id: 'session', scope: 'session', window: 'session', limit_usd: '0.50' };
  const guaranteed = (change: object) => ({ admission: 'guaranteed', budgets: [{ ...session, ...change }] });

  test('with less room than one turn sets aside says so, with the amount', () => {
    expect(warningsOf(guaranteed({}))).toEqual([
      expect.stringMatching(
        /^budgets\[0\]\.limit_usd: a turn of Claude Code on "claude-opus-5-5" sets aside up to \$0\.\d\d here/,
      ),
    ]);
  });

  test.each<[string, object]>([
    ['with room', { limit_usd: '20.00' }],
    ['that may lower max_tokens', { clamp_max_tokens: true }],
    ['that never pauses', { stages: stages(['0.8', 'alert']) }],
    ['that is none', { admission: 'expected' }],
    [
      'of a cheap line alone',
      { line: 'haiku', limit_usd: '0.50', stages: stages(['1', 'downgrade'], ['2', 'pause']) },
    ],
  ])('%s is no doubt', (_what, change) => {
    expect(warningsOf(guaranteed(change))).toEqual([]);
  });
});
