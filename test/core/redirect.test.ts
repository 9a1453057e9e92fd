import { describe, expect, test } from 'vitest';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { decide, decideWith } from '../../durable-objects/core/decide.ts';
import type { TurnToDecide } from '../../durable-objects/core/decision.ts';
import type { DeploymentRule } from '../../durable-objects/core/rules.ts';
import { judge, NOW, nextTurn, policyOf, short, standings, turn, warm } from './judging.ts';

const TEAM = { id: 'team', scope: 'cost_center', window: 'day', limit_usd: '100' };
const HAIKU = 'claude-haiku-5-5';
const SONNET = 'claude-sonnet-5-5';

interface Written {
  id?: string;
  when: object;
  use?: string;
}

function routed(routes: readonly Written[], changes: object = {}) {
  const all = routes.map((route, index) => ({ id: `r${index + 1}`, use: HAIKU, ...route }));
  return policyOf({ budgets: [TEAM], routes: all, ...changes });
}

function at(iso: string): number {
  return Date.parse(iso);
}

describe('a route applies where all that it asks of a turn holds', () => {
  const fresh = turn({ bodyBytes: 40_000 });
  const next = nextTurn(warm(60_000, 'claude-opus-5-5', { caches: [] }));
  const tagged = turn({}, { tags: { repository: 'api', team: 'web' } });
  test.each<[what: string, when: object, asked: TurnToDecide, settled: number, applies: boolean]>([
    ['nothing asked', {}, fresh, 0, true],
    ['its kind', { kinds: ['main'] }, fresh, 0, true],
    ['one of its kinds', { kinds: ['auxiliary', 'subagent'] }, turn({ kind: 'subagent' }), 0, true],
    ['another kind', { kinds: ['auxiliary'] }, fresh, 0, false],
    ['its line', { lines: ['opus'] }, fresh, 0, true],
    ['another line', { lines: ['sonnet'] }, fresh, 0, false],
    ['a line, of a model nobody knows', { lines: ['opus'] }, turn({ model: 'claude-new' }), 0, false],
    ['no line, of a model nobody knows', {}, turn({ model: 'claude-new' }), 0, true],
    ['fewer tokens than the bound (11,201)', { input_tokens_below: 11_202 }, fresh, 0, true],
    ['as many tokens as the bound', { input_tokens_below: 11_201 }, fresh, 0, false],
    ['few new tokens in a long thread', { new_input_tokens_below: 5_000 }, next, 0, true],
    ['as many new tokens as the bound (3,024)', { new_input_tokens_below: 3_024 }, next, 0, false],
    ['one new token fewer than the bound', { new_input_tokens_below: 3_025 }, next, 0, true],
    ['all of a first prompt is new', { new_input_tokens_below: 11_201 }, fresh, 0, false],
    [
      'a compacted prompt is new',
      { new_input_tokens_below: 20_000 },
      turn({ bodyBytes: 100_000 }, { history: warm(60_000) }),
      0,
      false,
    ],
    ['$60 left, below 60', { budget: 'team', remaining_usd_below: '60' }, fresh, 40, false],
    [
      'a nano-dollar less than $60 left',
      { budget: 'team', remaining_usd_below: '60' },
      fresh,
      40.000000001,
      true,
    ],
    ['money over the limit', { budget: 'team', remaining_usd_below: '0.01' }, fresh, 101, true],
    ['its tag', { tags: { repository: 'api' } }, tagged, 0, true],
    ['all its tags', { tags: { repository: 'api', team: 'web' } }, tagged, 0, true],
    ['a tag of another value', { tags: { repository: 'web' } }, tagged, 0, false],
    ['one tag of two', { tags: { repository: 'api', team: 'app' } }, tagged, 0, false],
    ['a tag it does not have', { tags: { stage: 'beta' } }, tagged, 0, false],
    ['a tag named as what every object has', { tags: { constructor: 'x' } }, tagged, 0, false],
    ['two of which one does not hold', { kinds: ['main'], lines: ['haiku'] }, fresh, 0, false],
    ['two that hold', { kinds: ['main'], lines: ['opus'] }, fresh, 0, true],
  ])('%s', (_, when, asked, settled, applies) => {
    // The stage is far away; only the route can lead anywhere.
    const policy = routed([{ when }], { stages: [{ at: '9', do: 'alert' }] });
    expect(judge(asked, policy, [[settled, 0]]).kind).toBe(applies ? 'route' : 'proceed');
  });

  const OFFICE = { from: '09:00', to: '17:00' };
  const NIGHT = { from: '22:30', to: '06:15' };
  test.each<[timezone: string, hours: object, instant: string, applies: boolean, why: string]>([
    ['Europe/Berlin', OFFICE, '2026-11-23T08:00:00Z', true, 'nine in winter'],
    ['Europe/Berlin', OFFICE, '2026-11-23T07:59:59.999Z', false, 'a moment before nine'],
    ['Europe/Berlin', OFFICE, '2026-11-23T15:59:59.999Z', true, 'a moment before five'],
    ['Europe/Berlin', OFFICE, '2026-11-23T16:00:00Z', false, 'five'],
    ['Europe/Berlin', OFFICE, '2026-07-20T07:00:00Z', true, 'nine in summer'],
    ['Europe/Berlin', OFFICE, '2026-07-20T06:59:00Z', false, 'before nine in summer'],
    ['Asia/Kolkata', OFFICE, '2026-11-23T03:30:00Z', true, 'nine, five and a half hours ahead'],
    ['Asia/Kolkata', OFFICE, '2026-11-23T03:29:59Z', false, 'a moment before'],
    ['Asia/Kathmandu', OFFICE, '2026-11-23T03:15:00Z', true, 'nine, five and three quarters ahead'],
    ['Asia/Kathmandu', OFFICE, '2026-11-23T03:14:59Z', false, 'a moment before'],
    ['UTC', NIGHT, '2026-11-23T22:30:00Z', true, 'the night begins'],
    ['UTC', NIGHT, '2026-11-24T00:00:00Z', true, 'midnight'],
    ['UTC', NIGHT, '2026-11-24T06:14:59Z', true, 'the last minute of the night'],
    ['UTC', NIGHT, '2026-11-24T06:15:00Z', false, 'the night is over'],
    ['UTC', NIGHT, '2026-11-23T22:29:59Z', false, 'it has not begun'],
    ['Australia/Adelaide', NIGHT, '2026-11-23T12:00:00Z', true, '22:30 in summer, ten and a half ahead'],
    ['Australia/Adelaide', NIGHT, '2026-11-23T11:59:59Z', false, 'a moment before'],
    [
      'Europe/Berlin',
      { from: '02:00', to: '03:00' },
      '2026-03-29T00:30:00Z',
      false,
      '01:30 before clocks go forward',
    ],
    [
      'Europe/Berlin',
      { from: '02:00', to: '03:00' },
      '2026-03-29T01:00:00Z',
      false,
      '03:00: there is no two o’clock that day',
    ],
    [
      'Europe/Berlin',
      { from: '02:00', to: '03:00' },
      '2026-10-25T00:15:00Z',
      true,
      '02:15 for the first time',
    ],
    [
      'Europe/Berlin',
      { from: '02:00', to: '03:00' },
      '2026-10-25T01:15:00Z',
      true,
      '02:15 again, clocks gone back',
    ],
    ['Europe/Berlin', { from: '02:00', to: '03:00' }, '2026-10-25T02:00:00Z', false, '03:00'],
    [
      'Australia/Lord_Howe',
      { from: '01:30', to: '02:00' },
      '2026-04-04T14:45:00Z',
      true,
      '01:45 before clocks go back by half an hour',
    ],
    ['Australia/Lord_Howe', { from: '01:30', to: '02:00' }, '2026-04-04T15:15:00Z', true, '01:45 again'],
    ['Australia/Lord_Howe', { from: '01:30', to: '02:00' }, '2026-04-04T15:30:00Z', false, '02:00'],
  ])('in %s, hours %j at %s: %s (%s)', (timezone, hours, instant, applies) => {
    const policy = routed([{ when: { hours } }], { timezone });
    expect(judge(turn(), policy, [[0, 0]], at(instant)).kind).toBe(applies ? 'route' : 'proceed');
  });
});

describe('of the routes that match', () => {
  const all = {};
  const few = { input_tokens_below: 900_000 };
  const allowed = ['claude-opus-5-5', SONNET];
  const line = (id: string) => ({
    ...TEAM,
    id,
    line: id,
    limit_usd: '10',
    stages: [{ at: '1.00', do: 'pause' }],
  });
  const warmOpus = nextTurn(warm(80_000));
  const longWarmOpus = nextTurn(warm(150_000));
  test.each<
    [
      what: string,
      asked: TurnToDecide,
      routes: Written[],
      changes: object,
      money: [number, number][],
      expected: string,
      reasons: string[],
    ]
  >([
    [
      'the first is taken',
      turn(),
      [{ when: all, use: SONNET }, { when: all }],
      {},
      [],
      'route sonnet-5-5',
      ['route:r1'],
    ],
    [
      'one that does not match is no matter',
      turn(),
      [{ when: { kinds: ['auxiliary'] }, use: SONNET }, { when: all }],
      {},
      [],
      'route haiku-5-5',
      ['route:r2'],
    ],
    [
      'one that leads to the same model leads nowhere',
      turn({ model: HAIKU }),
      [{ when: all }],
      {},
      [],
      'proceed haiku-5-5',
      [],
    ],
    [
      'one that leads to a dearer model leads nowhere',
      turn({ model: HAIKU }),
      [{ when: all, use: SONNET }],
      {},
      [],
      'proceed haiku-5-5',
      [],
    ],
    [
      'one that leads to another of its price leads nowhere',
      turn({ model: 'claude-fable-5-2' }),
      [{ when: all, use: 'claude-mythos-5-2' }],
      {},
      [],
      'proceed fable-5-2',
      [],
    ],
    [
      'one about this turn alone has to pay by this turn',
      warmOpus,
      [{ when: few, use: SONNET }],
      {},
      [],
      'proceed opus-5-5',
      ['unpaid:r1'],
    ],
    [
      'one about every turn may pay in the long run',
      warmOpus,
      [{ when: all, use: SONNET }],
      {},
      [],
      'route sonnet-5-5',
      ['route:r1'],
    ],
    [
      'the first that pays is taken',
      longWarmOpus,
      [{ when: few, use: SONNET }, { when: all }],
      {},
      [],
      'route haiku-5-5',
      ['route:r2'],
    ],
    [
      'all that would not pay are named',
      longWarmOpus,
      [{ when: few, use: SONNET }, { when: few }],
      {},
      [],
      'proceed opus-5-5',
      ['unpaid:r1', 'unpaid:r2'],
    ],
    [
      'one to a model with no money left is passed over',
      turn(),
      [{ when: all, use: SONNET }, { when: all }],
      { budgets: [TEAM, line('sonnet')] },
      [
        [0, 0],
        [10, 0],
      ],
      'route haiku-5-5',
      ['route:r2'],
    ],
    [
      'one to a model whose money is held is passed over',
      turn(),
      [{ when: all }],
      { budgets: [TEAM, line('haiku')] },
      [
        [0, 0],
        [0, 10],
      ],
      'proceed opus-5-5',
      [],
    ],
    [
      'one to a model that cannot take the turn is passed over',
      turn({ imageCount: 101 }),
      [{ when: all, use: 'claude-haiku-4-5' }, { when: all }],
      {},
      [],
      'route haiku-5-5',
      ['route:r2'],
    ],
    [
      'one that the upstream refused is passed over',
      turn({}, { refused: [HAIKU] }),
      [{ when: all }],
      {},
      [],
      'proceed opus-5-5',
      [],
    ],
    [
      'one goes below a step down',
      turn(),
      [{ when: { lines: ['sonnet'] } }],
      {},
      [[96, 0]],
      'route haiku-5-5',
      ['route:r1', 'stage:team@0.95'],
    ],
    [
      'lines are those of the model stepped down to',
      turn(),
      [{ when: { lines: ['opus'] } }],
      {},
      [[96, 0]],
      'downgrade sonnet-5-5',
      ['stage:team@0.95'],
    ],
    [
      'one goes below the first model allowed',
      turn({ model: 'claude-fable-5-2' }),
      [{ when: all, use: SONNET }],
      { allowed_models: allowed },
      [],
      'route sonnet-5-5',
      ['route:r1', 'model_not_allowed'],
    ],
    [
      'none keeps a turn from being refused',
      turn(),
      [{ when: all }],
      {},
      [[110, 0]],
      'refuse budget team',
      ['stage:team@1.10', 'short:team'],
    ],
  ])('%s', (_, asked, routes, changes, money, expected, reasons) => {
    const decision = judge(asked, routed(routes, changes), money);
    expect(short(decision)).toBe(expected);
    expect(decision.reasons).toEqual(reasons);
  });

  test('a route is of the turn: the thread’s step stays what the stage made it', () => {
    const decision = judge(turn(), routed([{ when: all }]), [[96, 0]]);
    expect(decision).toMatchObject({
      kind: 'route',
      route: 'r1',
      stage: 'team@0.95',
      step: { causes: [{ budget: 'team', model: SONNET }] },
    });
    expect(judge(turn(), routed([{ when: all }]), [[0, 0]])).toMatchObject({ kind: 'route', step: null });
  });

  test('a stored route to a model that is retired since leads nowhere', () => {
    const models = builtinCatalogue.models.map((model) =>
      model.id === HAIKU ? { ...model, retiresAtMs: NOW } : model,
    );
    const policy = routed([{ when: all }]);
    const decision = decide(
      turn(),
      standings(policy, [[0, 0]]),
      policy,
      { ...builtinCatalogue, models },
      NOW,
    );
    expect(short(decision)).toBe('proceed opus-5-5');
  });
});

describe('rules of the deployment', () => {
  const toHaiku: DeploymentRule = {
    id: 'failed-tests',
    isLasting: false,
    propose: ({ facts }) =>
      facts.toolResultsFailed === false && facts.toolsUsed.includes('Bash') ? HAIKU : null,
  };
  const toSonnet: DeploymentRule = { id: 'all', isLasting: true, propose: () => SONNET };
  const green = turn({ toolsUsed: ['Bash'], toolResultsFailed: false });
  const withRules = (rules: DeploymentRule[], asked: TurnToDecide, policy = routed([]), settled = 0) =>
    decideWith(rules, asked, standings(policy, [[settled, 0]]), policy, builtinCatalogue, NOW);

  test.each<
    [
      what: string,
      rules: DeploymentRule[],
      asked: TurnToDecide,
      routes: Written[],
      expected: string,
      reasons: string[],
    ]
  >([
    ['one that has something to say', [toHaiku], green, [], 'route haiku-5-5', ['rule:failed-tests']],
    ['one that has not', [toHaiku], turn(), [], 'proceed opus-5-5', []],
    ['the first that has', [toHaiku, toSonnet], turn(), [], 'route sonnet-5-5', ['rule:all']],
    ['routes come first', [toHaiku], green, [{ when: {}, use: SONNET }], 'route sonnet-5-5', ['route:r1']],
    [
      'after routes that do not match',
      [toHaiku],
      green,
      [{ when: { kinds: ['auxiliary'] } }],
      'route haiku-5-5',
      ['rule:failed-tests'],
    ],
    [
      'one that would not pay',
      [{ ...toHaiku, propose: () => SONNET }],
      nextTurn(warm(150_000)),
      [],
      'proceed opus-5-5',
      ['unpaid:failed-tests'],
    ],
    [
      'one that leads to a dearer model',
      [{ ...toHaiku, propose: () => 'claude-fable-5-2' }],
      turn(),
      [],
      'proceed opus-5-5',
      [],
    ],
    [
      'one that leads to a model nobody knows',
      [{ ...toHaiku, propose: () => 'claude-new' }],
      turn(),
      [],
      'proceed opus-5-5',
      [],
    ],
  ])('%s', (_, rules, asked, routes, expected, reasons) => {
    const decision = withRules(rules, asked, routed(routes));
    expect(short(decision)).toBe(expected);
    expect(decision.reasons).toEqual(reasons);
  });

  test('are asked about the model that would serve the turn otherwise', () => {
    const seen: string[] = [];
    const rule: DeploymentRule = {
      ...toHaiku,
      propose: ({ model, line }) => {
        seen.push(`${model} ${line}`);
        return null;
      },
    };
    withRules([rule], turn(), routed([]), 96);
    expect(seen).toEqual(['claude-sonnet-5-5 sonnet']);
  });

  test('need no policy, and rest in an incident', () => {
    const without = (exempt: boolean) =>
      short(decideWith([toHaiku], { ...green, exempt }, [], null, builtinCatalogue, NOW));
    expect(without(false)).toBe('route haiku-5-5');
    expect(without(true)).toBe('proceed opus-5-5');
  });
});
