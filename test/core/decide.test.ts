import { describe, expect, test } from 'vitest';
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { type Decision, decide } from '../../durable-objects/core/decide.ts';
import { nanoUsd } from '../../durable-objects/core/money.ts';
import { parsePolicy } from '../../durable-objects/core/policy/parse.ts';
import type { Policy } from '../../durable-objects/core/policy/types.ts';
import type { Standing } from '../../durable-objects/core/standing.ts';
import type { TurnFacts } from '../../durable-objects/core/turn.ts';

const NOW = Date.UTC(2026, 10, 23, 12);
const DAY = 86_400_000;

function policyOf(document: object): Policy {
  const context = { timezone: 'UTC', catalogue: builtinCatalogue, nowMs: NOW, enforce: 'new' as const };
  const parsed = parsePolicy(document, context);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value.policy;
}

function turn(changes: Partial<TurnFacts> = {}): { facts: TurnFacts; history: null } {
  const facts: TurnFacts = {
    model: 'claude-opus-5-5',
    kind: 'main',
    session: 's1',
    agent: null,
    stream: true,
    bodyBytes: 50_000,
    maxTokens: 32_000,
    messageCount: 1,
    imageCount: 0,
    prefill: false,
    cacheTtl: '1h',
    modifiers: { speed: null, inferenceGeo: null },
    thinking: null,
    effort: null,
    toolsOffered: [],
    toolsUsed: [],
    toolResultsFailed: null,
    unbounded: [],
    ...changes,
  };
  return { facts, history: null };
}

/** Standings of the policy's budgets with this much settled and held (USD) in each, in order. */
function standings(policy: Policy, money: [settled: number, held: number][]): Standing[] {
  return policy.budgets.map((budget, index) => {
    const [settled = 0, held = 0] = money[index] ?? [];
    const amount = (usd: number) => nanoUsd(Math.round(usd * 1e9));
    const days = { day: 1, week: 7, month: 30 }[budget.window];
    return {
      budget,
      subject: 'x',
      startMs: NOW - DAY,
      endMs: NOW + days * DAY,
      settled: amount(settled),
      held: amount(held),
      expected: amount(held),
    };
  });
}

const TEAM_DAY = { budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '100' }] };

function short(decision: Decision): string {
  if (decision.kind === 'refuse') return `refuse ${decision.why} ${decision.standing?.budget.id ?? '-'}`;
  return `${decision.kind} ${decision.model.replace('claude-', '')}`;
}

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
