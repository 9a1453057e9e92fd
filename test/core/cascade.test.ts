import { describe, expect, test } from 'vitest';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import type { Catalogue } from '../../durable-objects/core/catalogue/types.ts';
import { decide } from '../../durable-objects/core/decide.ts';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';
import { judge, NOW, nextTurn, policyOf, short, standings, turn, warm } from './judging.ts';

const PAUSE_AT_100 = [{ at: '1.00', do: 'pause' }];

function line(name: string, limit: string, window = 'day'): object {
  const id = `${name}-${window}`;
  return { id, scope: 'cost_center', line: name, window, limit_usd: limit, stages: PAUSE_AT_100 };
}

const TEAM = { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '1000' };
const LINES = policyOf({ budgets: [TEAM, line('opus', '100'), line('sonnet', '50'), line('haiku', '10')] });

type Money = readonly [settled: number, held: number];
const FREE: Money = [0, 0];

describe('budgets of $1000 for the team, $100 of Opus, $50 of Sonnet and $10 of Haiku', () => {
  const [opus, sonnet, haiku]: Money[] = [
    [100, 0],
    [50, 0],
    [10, 0],
  ];
  test.each<[what: string, asked: string, lines: readonly (Money | undefined)[], expected: string]>([
    ['all free', 'opus-5-5', [], 'proceed opus-5-5'],
    ['no Opus left', 'opus-5-5', [opus], 'downgrade sonnet-5-5'],
    ['no Opus left', 'opus-4-8', [opus], 'downgrade sonnet-5-5'],
    ['no Opus left', 'sonnet-5-5', [opus], 'proceed sonnet-5-5'],
    ['no Opus left', 'haiku-5-5', [opus], 'proceed haiku-5-5'],
    ['no Opus left', 'fable-5-2', [opus], 'proceed fable-5-2'],
    ['no Opus and no Sonnet left', 'opus-5-5', [opus, sonnet], 'downgrade haiku-5-5'],
    ['no Sonnet left', 'opus-5-5', [FREE, sonnet], 'proceed opus-5-5'],
    ['no Sonnet left', 'sonnet-5-5', [FREE, sonnet], 'downgrade haiku-5-5'],
    ['no Opus and no Haiku left', 'opus-5-5', [opus, FREE, haiku], 'downgrade sonnet-5-5'],
    [
      'no Haiku left: nothing moves to a dearer model',
      'haiku-5-5',
      [FREE, FREE, haiku],
      'refuse budget haiku-day',
    ],
    ['nothing left', 'opus-5-5', [opus, sonnet, haiku], 'refuse budget haiku-day'],
    ['nothing left', 'sonnet-5-5', [opus, sonnet, haiku], 'refuse budget haiku-day'],
    ['nothing left of the lines Fable is none of', 'fable-5-2', [opus, sonnet, haiku], 'proceed fable-5-2'],
    ['Opus only held', 'opus-5-5', [[0, 100]], 'downgrade sonnet-5-5'],
    [
      'all three only held',
      'opus-5-5',
      [
        [0, 100],
        [0, 50],
        [0, 10],
      ],
      'refuse pending opus-day',
    ],
    ['Haiku only held, the others spent', 'opus-5-5', [opus, sonnet, [0, 10]], 'refuse pending haiku-day'],
    ['Opus only held, the others spent', 'opus-5-5', [[0, 100], sonnet, haiku], 'refuse pending opus-day'],
  ])('%s, %s asked for', (_, asked, lines, expected) => {
    const money = [FREE, ...lines.map((each) => each ?? FREE)];
    expect(short(judge(turn({ model: `claude-${asked}` }), LINES, money))).toBe(expected);
  });

  test('a hand-down says which money was short, and the pause it counts as', () => {
    const decision = judge(
      turn(),
      LINES,
      [FREE, opus, sonnet].map((each) => each ?? FREE),
    );
    expect(decision).toMatchObject({
      reasons: ['short:opus-day', 'short:sonnet-day'],
      stage: 'opus-day@1.00',
    });
    expect(decision.crossings.map(({ standing }) => standing.budget.id)).toEqual(['opus-day', 'sonnet-day']);
  });

  test('holds of other turns hand a turn down, but no step is made of them', () => {
    const decision = judge(turn(), LINES, [FREE, [0, 100]]);
    expect(decision).toMatchObject({
      kind: 'downgrade',
      step: null,
      reasons: ['held:opus-day'],
      crossings: [],
    });
  });

  test('a step made for want of money leads to the model only holds kept the turn from', () => {
    const decision = judge(turn(), LINES, [FREE, [100, 0], [0, 50]]);
    expect(decision).toMatchObject({
      model: 'claude-haiku-5-5',
      step: { causes: [{ budget: 'opus-day', model: 'claude-sonnet-5-5' }] },
    });
  });
});

describe('which budget a refusal names', () => {
  test('of models that come back at different times, the first to come back', () => {
    const policy = policyOf({
      budgets: [line('opus', '100'), line('sonnet', '50', 'week'), line('haiku', '10', 'week')],
    });
    const decision = judge(turn(), policy, [
      [100, 0],
      [50, 0],
      [10, 0],
    ]);
    expect(short(decision)).toBe('refuse budget opus-day');
    expect(decision.reasons).toEqual([
      'stage:opus-day@1.00',
      'short:opus-day',
      'short:sonnet-week',
      'short:haiku-week',
    ]);
  });

  test('of several that keep a turn from the same model, the last to reset', () => {
    const policy = policyOf({ budgets: [TEAM, { ...TEAM, id: 'team-month', window: 'month' }] });
    expect(
      short(
        judge(turn(), policy, [
          [1_100, 0],
          [1_100, 0],
        ]),
      ),
    ).toBe('refuse budget team-month');
  });

  test('a session’s before all others: it never resets', () => {
    const session = { id: 'session', scope: 'session', window: 'session', limit_usd: '5' };
    const policy = policyOf({ budgets: [TEAM, session] });
    expect(
      short(
        judge(turn(), policy, [
          [1_100, 0],
          [5.5, 0],
        ]),
      ),
    ).toBe('refuse budget session');
  });

  test('what is spent before what has no ceiling', () => {
    const policy = policyOf({
      budgets: [
        { ...TEAM, admission: 'guaranteed' },
        { ...TEAM, id: 'other' },
      ],
    });
    const decision = judge(turn({ unbounded: ['url_input'] }), policy, [FREE, [1_100, 0]]);
    expect(short(decision)).toBe('refuse budget other');
    expect(decision.reasons).toEqual(['stage:other@1.10', 'unbounded:team-day', 'short:other']);
  });
});

describe('a model outside the cascade stands just above the first entry cheaper than it', () => {
  const policy = policyOf({ budgets: [{ ...TEAM, limit_usd: '100' }] });
  test.each([
    ['fable-5-2', 'downgrade opus-5-5'],
    ['mythos-5-2', 'downgrade opus-5-5'],
    ['opus-5', 'downgrade opus-5-5'],
    ['opus-4-8', 'downgrade opus-5-5'],
    ['opus-4-6', 'downgrade opus-5-5'],
    ['sonnet-5', 'downgrade sonnet-5-5'],
    ['sonnet-4-6', 'downgrade sonnet-5-5'],
    ['haiku-4-5', 'downgrade haiku-5-5'],
    ['haiku-4-5-20251001', 'downgrade haiku-5-5'],
    ['opus-5-7', 'downgrade opus-5-5'],
  ])('%s at the downgrade stage: %s', (asked, expected) => {
    expect(short(judge(turn({ model: `claude-${asked}` }), policy, [[95, 0]]))).toBe(expected);
  });
});

describe('models that cannot take a turn are passed over, and said so', () => {
  const cascade = ['claude-opus-5-5', 'claude-haiku-4-5', 'claude-haiku-5-5'];
  const policy = policyOf({ budgets: [{ ...TEAM, limit_usd: '100' }], cascade });
  const retired: Catalogue = {
    ...builtinCatalogue,
    models: builtinCatalogue.models.map((model) =>
      model.line === 'haiku' && model.tokenizer === 'old' ? { ...model, retiresAtMs: NOW } : model,
    ),
  };
  const long = warm(280_000);
  test.each<
    [what: string, Partial<TurnFacts>, refused: string[], Catalogue, expected: string, code: string | null]
  >([
    ['nothing against it', {}, [], builtinCatalogue, 'downgrade haiku-4-5-20251001', null],
    ['retired', {}, [], retired, 'downgrade haiku-5-5', 'skipped:retired'],
    ['too many images', { imageCount: 101 }, [], builtinCatalogue, 'downgrade haiku-5-5', 'skipped:images'],
    [
      'refused upstream',
      {},
      ['claude-haiku-4-5-20251001'],
      builtinCatalogue,
      'downgrade haiku-5-5',
      'skipped:refused_upstream',
    ],
    [
      'all refused upstream',
      {},
      ['claude-haiku-4-5-20251001', 'claude-haiku-5-5'],
      builtinCatalogue,
      'proceed opus-5-5',
      'skipped:refused_upstream',
    ],
    [
      'too many images for all',
      { imageCount: 601 },
      [],
      builtinCatalogue,
      'proceed opus-5-5',
      'skipped:images',
    ],
  ])('%s', (_, facts, refused, catalogue, expected, code) => {
    const at = standings(policy, [[96, 0]]);
    const decision = decide(turn(facts, { refused }), at, policy, catalogue, NOW);
    expect(short(decision)).toBe(expected);
    expect(decision.reasons.filter((reason) => reason.startsWith('skipped'))).toEqual(code ? [code] : []);
  });

  test('a prompt larger than the window, counted with the model’s own tokenizer', () => {
    const asked = nextTurn(long, {}, { refused: [] });
    const decision = decide(asked, standings(policy, [[96, 0]]), policy, builtinCatalogue, NOW);
    expect(short(decision)).toBe('downgrade haiku-5-5');
    expect(decision.reasons).toContain('skipped:context_window');
    const fits = decide(
      nextTurn(warm(250_000, 'claude-opus-5-5', { caches: [] })),
      standings(policy, [[96, 0]]),
      policy,
      builtinCatalogue,
      NOW,
    );
    expect(short(fits)).toBe('downgrade haiku-4-5-20251001');
  });

  test('with nothing passed over for a plain proceed', () => {
    const decision = decide(
      turn({ imageCount: 101 }),
      standings(policy, [[0, 0]]),
      policy,
      builtinCatalogue,
      NOW,
    );
    expect(decision.reasons).toEqual([]);
  });
});

describe('allowed models', () => {
  const allowing = (...allowed: string[]) =>
    policyOf({ budgets: [TEAM], allowed_models: allowed.map((id) => `claude-${id}`) });
  test.each<[allowed: string[], asked: string, settled: number, expected: string]>([
    [['opus-5-5', 'haiku-5-5'], 'opus-5-5', 0, 'proceed opus-5-5'],
    [['opus-5-5', 'haiku-5-5'], 'opus-5-5', 960, 'downgrade haiku-5-5'],
    [['opus-5-5', 'haiku-5-5'], 'sonnet-5-5', 0, 'downgrade haiku-5-5'],
    [['opus-5-5', 'haiku-5-5'], 'fable-5-2', 0, 'downgrade opus-5-5'],
    [['opus-5-5', 'haiku-5-5'], 'unheard-of', 0, 'downgrade opus-5-5'],
    [['opus-5-5'], 'sonnet-5-5', 0, 'refuse model -'],
    [['haiku-4-5'], 'haiku-4-5-20251001', 0, 'proceed haiku-4-5-20251001'],
    [['sonnet-5'], 'opus-5-5', 0, 'refuse model -'],
  ])('%j, %s asked for with $%d of $1000 spent: %s', (allowed, asked, settled, expected) => {
    const decision = judge(turn({ model: `claude-${asked}` }), allowing(...allowed), [[settled, 0]]);
    expect(short(decision)).toBe(expected);
  });

  test.each<[byPolicy: string[], byKey: string[], asked: string, settled: number, expected: string]>([
    [['opus-5-5', 'haiku-5-5'], ['haiku-5-5', 'sonnet-5-5'], 'opus-5-5', 0, 'downgrade haiku-5-5'],
    [['opus-5-5', 'haiku-5-5'], ['haiku-5-5', 'sonnet-5-5'], 'sonnet-5-5', 0, 'downgrade haiku-5-5'],
    [['opus-5-5', 'haiku-5-5'], ['opus-5-5'], 'opus-5-5', 960, 'proceed opus-5-5'],
    [['opus-5-5', 'haiku-5-5'], ['sonnet-5-5'], 'opus-5-5', 0, 'refuse model -'],
    [
      ['opus-5-5', 'sonnet-5-5', 'haiku-5-5'],
      ['opus-5-5', 'haiku-5-5'],
      'opus-5-5',
      960,
      'downgrade haiku-5-5',
    ],
  ])('%j, of which the key has %j, %s asked for with $%d of $1000 spent: %s', (byPolicy, byKey, asked, settled, expected) => {
    const allowedModels = byKey.map((id) => `claude-${id}`);
    const decision = judge(turn({ model: `claude-${asked}` }, { allowedModels }), allowing(...byPolicy), [
      [settled, 0],
    ]);
    expect(short(decision)).toBe(expected);
  });

  test('of a key bind without a policy too, in an incident, and for wishes and routes', () => {
    const key = { allowedModels: ['claude-opus-5-5', 'claude-sonnet-5-5'] };
    const unlimited = (asked: string, rest: object = {}) =>
      short(decide(turn({ model: `claude-${asked}` }, { ...key, ...rest }), [], null, builtinCatalogue, NOW));
    expect(unlimited('opus-5-5')).toBe('proceed opus-5-5');
    expect(unlimited('haiku-5-5')).toBe('refuse model -');
    expect(unlimited('fable-5-2', { exempt: true })).toBe('downgrade opus-5-5');
    expect(unlimited('opus-5-5', { preferred: 'claude-haiku-5-5' })).toBe('proceed opus-5-5');
    const routed = policyOf({
      budgets: [TEAM],
      routes: [{ id: 'cheap', when: {}, use: 'claude-haiku-5-5' }],
    });
    expect(short(judge(turn({}, key), routed, [[0, 0]]))).toBe('proceed opus-5-5');
    expect(short(judge(turn({}), routed, [[0, 0]]))).toBe('route haiku-5-5');
  });
});
