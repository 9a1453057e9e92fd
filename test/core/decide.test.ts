import { describe, expect, test } from 'vitest';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { decide } from '../../durable-objects/core/decide.ts';
import { NOW, policyOf, short, standings, TEAM_DAY, turn } from './judging.ts';

describe('stages of one budget of $100 a day', () => {
  test.each<[asked: string, settled: number, held: number, expected: string]>([
    ['claude-opus-5-5', 0, 0, 'proceed opus-5-5'],
    ['claude-opus-5-5', 94.99, 0, 'proceed opus-5-5'],
    ['claude-opus-5-5', 95, 0, 'downgrade sonnet-5-5'],
    ['claude-opus-5-5', 94, 1, 'downgrade sonnet-5-5'],
    ['claude-opus-4-8', 95, 0, 'downgrade opus-5-5'],
    ['claude-fable-5-2', 95, 0, 'downgrade opus-5-5'],
    ['claude-sonnet-5-5', 95, 0, 'downgrade haiku-5-5'],
    ['claude-haiku-5-5', 95, 0, 'proceed haiku-5-5'],
    ['claude-unheard-of', 95, 0, 'downgrade opus-5-5'],
    ['claude-opus-5-5', 109.9, 0, 'downgrade sonnet-5-5'],
    ['claude-opus-5-5', 109.99, 0, 'downgrade haiku-5-5'],
    ['claude-opus-5-5', 109.999, 0, 'refuse budget team-day'],
    ['claude-opus-5-5', 110, 0, 'refuse budget team-day'],
    ['claude-haiku-5-5', 110, 0, 'refuse budget team-day'],
    ['claude-opus-5-5', 0, 109.9999, 'refuse pending team-day'],
    ['claude-opus-5-5', 0, 109.99, 'downgrade haiku-5-5'],
  ])('%s with $%d settled and $%d held: %s', (model, settled, held, expected) => {
    const policy = policyOf(TEAM_DAY);
    const decision = decide(
      turn({ model }),
      standings(policy, [[settled, held]]),
      policy,
      builtinCatalogue,
      NOW,
    );
    expect(short(decision)).toBe(expected);
  });

  test('a step down names its stage and crosses it', () => {
    const policy = policyOf(TEAM_DAY);
    const decision = decide(turn(), standings(policy, [[96, 0]]), policy, builtinCatalogue, NOW);
    expect(decision.reasons).toEqual(['stage:team-day@0.95']);
    expect(decision.crossings.map(({ stage }) => stage.do)).toEqual(['downgrade']);
  });

  test('with nothing cheaper to go to the turn goes on and says so', () => {
    const policy = policyOf(TEAM_DAY);
    const asked = turn({ model: 'claude-haiku-5-5' });
    const decision = decide(asked, standings(policy, [[96, 0]]), policy, builtinCatalogue, NOW);
    expect(decision.reasons).toEqual(['stage:team-day@0.95', 'kept:no_cheaper_model']);
  });
});

describe('several budgets', () => {
  const policy = policyOf({
    budgets: [
      { id: 'team-month', scope: 'cost_center', window: 'month', limit_usd: '1000' },
      { id: 'dev-day', scope: 'developer', window: 'day', limit_usd: '10' },
    ],
  });

  test.each<[team: number, developer: number, expected: string]>([
    [0, 0, 'proceed opus-5-5'],
    [0, 9.5, 'downgrade sonnet-5-5'],
    [960, 0, 'downgrade sonnet-5-5'],
    [0, 11, 'refuse budget dev-day'],
    [1100, 0, 'refuse budget team-month'],
    [1100, 11, 'refuse budget team-month'],
  ])('the team of 1000 has settled %d, the developer of 10 has settled %d: %s', (team, developer, expected) => {
    const at = standings(policy, [
      [team, 0],
      [developer, 0],
    ]);
    expect(short(decide(turn(), at, policy, builtinCatalogue, NOW))).toBe(expected);
  });
});

describe('limits of a budget', () => {
  test('a limit of zero refuses the first turn for good', () => {
    const policy = policyOf({ budgets: [{ id: 'none', scope: 'key', window: 'day', limit_usd: '0' }] });
    const decision = decide(turn(), standings(policy, [[0, 0]]), policy, builtinCatalogue, NOW);
    expect(short(decision)).toBe('refuse budget none');
  });

  test('a budget that only alerts never steps down or refuses', () => {
    const stages = [{ at: '0.80', do: 'alert' }];
    const policy = policyOf({ budgets: [{ id: 'b', scope: 'key', window: 'day', limit_usd: '1', stages }] });
    expect(short(decide(turn(), standings(policy, [[500, 0]]), policy, builtinCatalogue, NOW))).toBe(
      'proceed opus-5-5',
    );
  });

  test('without a policy a turn goes on and still holds what it is expected to cost', () => {
    const decision = decide(turn(), [], null, builtinCatalogue, NOW);
    expect(short(decision)).toBe('proceed opus-5-5');
    expect(decision.hold?.expected).toBeGreaterThan(0);
  });
});

describe('guaranteed admission', () => {
  const policy = policyOf({ ...TEAM_DAY, admission: 'guaranteed' });

  test('holds the ceiling: the whole body uncached at the dearest write price and all of max_tokens', () => {
    const decision = decide(turn(), standings(policy, [[0, 0]]), policy, builtinCatalogue, NOW);
    expect(decision.hold?.ceiling).toBe((50_000 + 2_000) * 8_000 + 32_000 * 20_000);
  });

  test('a turn whose ceiling cannot be known is refused by name', () => {
    const asked = turn({ unbounded: ['url_input'] });
    const decision = decide(asked, standings(policy, [[0, 0]]), policy, builtinCatalogue, NOW);
    expect(short(decision)).toBe('refuse unbounded team-day');
    expect(decision.reasons).toContain('unbounded:team-day');
  });
});

describe('allowed models', () => {
  const policy = policyOf({ ...TEAM_DAY, allowed_models: ['claude-sonnet-5-5', 'claude-haiku-5-5'] });

  test('a dearer model than allowed is served by the first allowed one below it', () => {
    const decision = decide(turn(), standings(policy, [[0, 0]]), policy, builtinCatalogue, NOW);
    expect(short(decision)).toBe('downgrade sonnet-5-5');
    expect(decision.reasons).toEqual(['model_not_allowed']);
  });

  test('where nothing allowed is cheaper the turn is refused', () => {
    const onlyOpus = policyOf({ ...TEAM_DAY, allowed_models: ['claude-opus-5-5'] });
    const asked = turn({ model: 'claude-haiku-5-5' });
    expect(short(decide(asked, standings(onlyOpus, [[0, 0]]), onlyOpus, builtinCatalogue, NOW))).toBe(
      'refuse model -',
    );
  });
});

describe('a developer who asked to step down early', () => {
  const line = (name: string) => ({
    id: name,
    scope: 'cost_center',
    line: name,
    window: 'day',
    limit_usd: '10',
    stages: [{ at: '1.00', do: 'pause' }],
  });
  const policy = policyOf({ budgets: [...TEAM_DAY.budgets, line('opus'), line('sonnet'), line('haiku')] });
  const spent = [10, 0] as const;
  const held = [0, 10] as const;
  const free = [0, 0] as const;

  test.each<
    [what: string, preferred: string, asked: string, money: (readonly [number, number])[], string, string[]]
  >([
    ['is served by that model', 'sonnet-5-5', 'opus-5-5', [], 'downgrade sonnet-5-5', ['preferred']],
    ['though it is not in the cascade', 'sonnet-5', 'opus-5-5', [], 'downgrade sonnet-5', ['preferred']],
    ['is never served by a dearer one', 'fable-5-2', 'opus-5-5', [], 'proceed opus-5-5', []],
    ['gets what they ask for where it is cheaper', 'sonnet-5-5', 'haiku-5-5', [], 'proceed haiku-5-5', []],
    ['gets what they ask for where nobody knows the other', 'new', 'opus-5-5', [], 'proceed opus-5-5', []],
    [
      'is stepped down further from there',
      'sonnet-5-5',
      'opus-5-5',
      [[96, 0]],
      'downgrade haiku-5-5',
      ['preferred', 'stage:team-day@0.95'],
    ],
    [
      'is handed down further from there',
      'sonnet-5-5',
      'opus-5-5',
      [free, free, spent],
      'downgrade haiku-5-5',
      ['preferred', 'short:sonnet'],
    ],
    [
      'is not refused for it: with nothing left below, Opus is as good as ever',
      'sonnet-5-5',
      'opus-5-5',
      [free, free, spent, spent],
      'proceed opus-5-5',
      [],
    ],
    [
      'comes back in a moment where the models below are only held',
      'sonnet-5-5',
      'opus-5-5',
      [free, free, held, held],
      'refuse pending sonnet',
      ['held:sonnet', 'held:haiku'],
    ],
    [
      'is refused where nothing is left at all',
      'sonnet-5-5',
      'opus-5-5',
      [free, spent, spent, spent],
      'refuse budget haiku',
      ['stage:haiku@1.00', 'short:opus', 'short:sonnet', 'short:haiku'],
    ],
  ])('%s: prefers %s, asks for %s', (_, preferred, asked, money, expected, reasons) => {
    const wish = turn({ model: `claude-${asked}` }, { preferred: `claude-${preferred}` });
    const decision = decide(wish, standings(policy, money), policy, builtinCatalogue, NOW);
    expect(short(decision)).toBe(expected);
    expect(decision.reasons).toEqual(reasons);
  });

  test('is heard without a policy too', () => {
    const wish = turn({}, { preferred: 'claude-haiku-4-5' });
    expect(short(decide(wish, [], null, builtinCatalogue, NOW))).toBe('downgrade haiku-4-5-20251001');
  });

  test('is not heard where the model is not allowed', () => {
    const opusOnly = policyOf({ ...TEAM_DAY, allowed_models: ['claude-opus-5-5'] });
    const wish = turn({}, { preferred: 'claude-sonnet-5-5' });
    const decision = decide(wish, standings(opusOnly, []), opusOnly, builtinCatalogue, NOW);
    expect(short(decision)).toBe('proceed opus-5-5');
  });
});

describe('a cost center exempted for an incident', () => {
  const routes = [{ id: 'all', when: {}, use: 'claude-haiku-5-5' }];
  const policy = policyOf({ ...TEAM_DAY, routes });
  const made = decide(
    turn(),
    standings(policyOf(TEAM_DAY), [[96, 0]]),
    policyOf(TEAM_DAY),
    builtinCatalogue,
    NOW,
  );
  const step = made.kind === 'refuse' ? null : made.step;

  test('is warned, stepped down, routed and refused by nothing, and the step it had is kept for afterwards', () => {
    const asked = turn({}, { exempt: true, step });
    const decision = decide(asked, standings(policy, [[500, 50]]), policy, builtinCatalogue, NOW);
    expect(decision).toMatchObject({
      kind: 'proceed',
      model: 'claude-opus-5-5',
      reasons: ['exempt'],
      stage: null,
      crossings: [],
    });
    expect(decision.kind !== 'refuse' && decision.step).toBe(step);
    expect(step?.causes).toHaveLength(1);
  });

  test('holds no ceiling against it either', () => {
    const strict = policyOf({ ...TEAM_DAY, admission: 'guaranteed' });
    const asked = turn({ unbounded: ['server_tools'] }, { exempt: true });
    expect(short(decide(asked, standings(strict, []), strict, builtinCatalogue, NOW))).toBe(
      'proceed opus-5-5',
    );
  });

  test('still keeps to the models it is allowed: that is no matter of money', () => {
    const only = (...allowed: string[]) => policyOf({ ...TEAM_DAY, allowed_models: allowed });
    const [sonnet, fable] = [only('claude-sonnet-5-5'), only('claude-fable-5-2')];
    const asked = turn({}, { exempt: true });
    const decision = decide(asked, standings(sonnet, []), sonnet, builtinCatalogue, NOW);
    expect(short(decision)).toBe('downgrade sonnet-5-5');
    expect(decision.reasons).toEqual(['exempt', 'model_not_allowed']);
    expect(short(decide(asked, standings(fable, []), fable, builtinCatalogue, NOW))).toBe('refuse model -');
  });

  test('and to what a developer wished for', () => {
    const asked = turn({}, { exempt: true, preferred: 'claude-sonnet-5-5' });
    const decision = decide(asked, standings(policy, [[500, 0]]), policy, builtinCatalogue, NOW);
    expect(decision.reasons).toEqual(['exempt', 'preferred']);
  });
});
