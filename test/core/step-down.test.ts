import { describe, expect, test } from 'vitest';
import type { Policy } from '../../durable-objects/core/policy/types.ts';
import { judge, nextTurn, policyOf, short, turn, warm } from './judging.ts';

const SCOPES = ['cost_center', 'developer', 'key', 'session'] as const;

function budgetOf(scope: (typeof SCOPES)[number], changes: object = {}): object {
  const window = scope === 'session' ? 'session' : 'day';
  return { id: `${scope.replace('_', '-')}-b`, scope, window, limit_usd: '100', ...changes };
}

function withStages(...stages: object[]): Policy {
  return policyOf({ budgets: [budgetOf('cost_center', { stages })] });
}

describe.each(SCOPES)('a budget of $100 of scope %s, stages at 80, 95 and 110 %%', (scope) => {
  const policy = policyOf({ budgets: [budgetOf(scope)] });
  const id = `${scope.replace('_', '-')}-b`;
  test.each<[settled: number, held: number, expected: string, reasons: string[]]>([
    [79.99, 0, 'proceed opus-5-5', []],
    [80, 0, 'proceed opus-5-5', []],
    [94.99, 0, 'proceed opus-5-5', []],
    [95, 0, 'downgrade sonnet-5-5', [`stage:${id}@0.95`]],
    [90, 5, 'downgrade sonnet-5-5', [`stage:${id}@0.95`]],
    [110, 0, `refuse budget ${id}`, [`stage:${id}@1.10`, `short:${id}`]],
    [100, 10, `refuse pending ${id}`, [`held:${id}`]],
  ])('settled $%d, held $%d: %s', (settled, held, expected, reasons) => {
    const decision = judge(turn(), policy, [[settled, held]]);
    expect(short(decision)).toBe(expected);
    expect(decision.reasons).toEqual(reasons);
  });
});

describe('a warm thread of 150K tokens on Opus at the downgrade stage', () => {
  const ifItPays = withStages({ at: '0.95', do: 'downgrade' }, { at: '1.10', do: 'pause' });
  const always = withStages(
    { at: '0.95', do: 'downgrade', step_down: 'always' },
    { at: '1.10', do: 'pause' },
  );
  const twoModels = policyOf({
    budgets: [budgetOf('cost_center')],
    cascade: ['claude-opus-5-5', 'claude-sonnet-5-5'],
  });
  const stage = 'stage:cost-center-b@0.95';
  const young = nextTurn(warm(150_000));
  const old = nextTurn(warm(150_000, 'claude-opus-5-5', { turns: 40 }));
  const cold = nextTurn(warm(150_000, 'claude-opus-5-5', { caches: [] }));
  test.each<[what: string, asked: typeof young, policy: Policy, expected: string, reasons: string[]]>([
    ['Sonnet would not pay within 10 turns, Haiku does', young, ifItPays, 'downgrade haiku-5-5', [stage]],
    ['step_down "always" takes the first, whatever it costs', young, always, 'downgrade sonnet-5-5', [stage]],
    ['of an older session more turns are expected', old, ifItPays, 'downgrade sonnet-5-5', [stage]],
    ['a cold cache has nothing to throw away', cold, ifItPays, 'downgrade sonnet-5-5', [stage]],
    ['nothing below pays', young, twoModels, 'proceed opus-5-5', [stage, 'kept:cache_warm']],
  ])('%s', (_, asked, policy, expected, reasons) => {
    const decision = judge(asked, policy, [[96, 0]]);
    expect(short(decision)).toBe(expected);
    expect(decision.reasons).toEqual(reasons);
  });

  test('a turn that stays as it is crosses no stage and makes no step', () => {
    expect(judge(young, twoModels, [[96, 0]])).toMatchObject({ step: null, stage: null, crossings: [] });
  });

  test('its sub-agents and auxiliary turns are judged by their own caches', () => {
    const agent = turn({ kind: 'subagent', agent: 'a1' });
    const auxiliary = turn({ kind: 'auxiliary' });
    expect(short(judge(agent, twoModels, [[96, 0]]))).toBe('downgrade sonnet-5-5');
    expect(short(judge(auxiliary, twoModels, [[96, 0]]))).toBe('downgrade sonnet-5-5');
  });
});

describe('a stage and lines below it', () => {
  const line = (name: string) => ({
    id: name,
    scope: 'cost_center',
    line: name,
    window: 'day',
    limit_usd: '50',
    stages: [{ at: '1.00', do: 'pause' }],
  });
  const policy = policyOf({ budgets: [budgetOf('developer'), line('opus'), line('sonnet'), line('haiku')] });
  const reached = [96, 0] as const;
  const free = [0, 0] as const;
  const spent = [50, 0] as const;
  const held = [0, 50] as const;
  const stage = 'stage:developer-b@0.95';
  test.each<[what: string, money: (readonly [number, number])[], expected: string, reasons: string[]]>([
    ['room at Sonnet', [reached, free], 'downgrade sonnet-5-5', [stage]],
    ['no room at Sonnet', [reached, free, spent], 'downgrade haiku-5-5', [stage, 'short:sonnet']],
    ['Sonnet only held', [reached, free, held], 'downgrade haiku-5-5', [stage, 'held:sonnet']],
    ['no room below', [reached, free, spent, spent], 'proceed opus-5-5', [stage, 'kept:no_room_below']],
    ['no room below for now', [reached, free, held, held], 'proceed opus-5-5', [stage, 'kept:no_room_below']],
    [
      'no room anywhere',
      [reached, spent, spent, spent],
      'refuse budget haiku',
      ['stage:haiku@1.00', 'short:opus', 'short:sonnet', 'short:haiku'],
    ],
  ])('%s: %s', (_, money, expected, reasons) => {
    const decision = judge(turn(), policy, money);
    expect(short(decision)).toBe(expected);
    expect(decision.reasons).toEqual(reasons);
  });

  test('the step leads to the model that only holds kept the turn from', () => {
    const decision = judge(turn(), policy, [reached, free, held]);
    expect(decision).toMatchObject({
      step: { causes: [{ model: 'claude-sonnet-5-5', budget: 'developer-b' }] },
    });
  });

  test('a downgrade stage of a line is about that line alone', () => {
    const opusOnly = policyOf({ budgets: [budgetOf('cost_center', { line: 'opus' })] });
    expect(short(judge(turn(), opusOnly, [[96, 0]]))).toBe('downgrade sonnet-5-5');
    expect(short(judge(turn({ model: 'claude-fable-5-2' }), opusOnly, [[96, 0]]))).toBe('proceed fable-5-2');
    expect(short(judge(turn({ model: 'claude-sonnet-5-5' }), opusOnly, [[96, 0]]))).toBe(
      'proceed sonnet-5-5',
    );
  });

  test('a turn handed down for want of money, where the stage found nothing that pays, is not said to be kept', () => {
    const warmTurn = nextTurn(warm(150_000));
    const two = policyOf({
      budgets: [budgetOf('developer'), line('opus')],
      cascade: ['claude-opus-5-5', 'claude-sonnet-5-5'],
    });
    const decision = judge(warmTurn, two, [reached, spent]);
    expect(short(decision)).toBe('downgrade sonnet-5-5');
    expect(decision).toMatchObject({ reasons: [stage, 'short:opus'], stage: 'opus@1.00' });
  });

  test('several stages that are reached are all named, and all have to be gone', () => {
    const two = policyOf({ budgets: [budgetOf('developer'), budgetOf('key')] });
    const decision = judge(turn(), two, [reached, reached]);
    expect(decision).toMatchObject({
      reasons: [stage, 'stage:key-b@0.95'],
      stage: 'developer-b@0.95',
      step: { causes: [{ budget: 'developer-b' }, { budget: 'key-b' }] },
    });
    expect(decision.crossings).toHaveLength(2);
  });
});
