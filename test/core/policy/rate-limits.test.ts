/** Limits besides money in a policy document: what they read into, what contradicts, and what is doubtful. */
import { describe, expect, test } from 'vitest';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { parsePolicy } from '../../../durable-objects/core/policy/parse.ts';
import { tighterLimits } from '../../../durable-objects/core/policy/tighter.ts';
import type { Policy } from '../../../durable-objects/core/policy/types.ts';

const context = { timezone: 'UTC', catalogue: builtinCatalogue, nowMs: Date.UTC(2026, 10, 24) };

function parse(fields: object) {
  return parsePolicy({ budgets: [], ...fields }, context);
}

function policyOf(...limits: object[]): Policy {
  const parsed = parse({ limits });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value.policy;
}

function problems(fields: object): string[] {
  const parsed = parse(fields);
  return parsed.ok ? [] : parsed.error.map(({ path, message }) => `${path}: ${message}`);
}

function warnings(...limits: object[]): string[] {
  const parsed = parse({ limits });
  return parsed.ok
    ? parsed.value.warnings.map(({ path }) => path).filter((path) => path.startsWith('limits'))
    : [];
}

describe('limits', () => {
  test('read into figures, an override with what it leaves out taken from its limit', () => {
    const limits = [
      { scope: 'cost_center', tokens_per_minute: 2_000_000 },
      {
        id: 'people',
        scope: 'developer',
        requests_per_minute: 60,
        concurrent_turns: 8,
        overrides: { 'Dev@Example.com': { requests_per_minute: 120 } },
      },
    ];
    expect(policyOf(...limits).limits).toEqual([
      {
        id: 'cost-center',
        scope: 'cost_center',
        requestsPerMinute: null,
        tokensPerMinute: 2_000_000,
        concurrentTurns: null,
        overrides: new Map(),
      },
      {
        id: 'people',
        scope: 'developer',
        requestsPerMinute: 60,
        tokensPerMinute: null,
        concurrentTurns: 8,
        overrides: new Map([
          ['dev@example.com', { requestsPerMinute: 120, tokensPerMinute: null, concurrentTurns: 8 }],
        ]),
      },
    ]);
  });

  test.each<[string, object, string]>([
    [
      'no figure',
      { scope: 'key' },
      'limits[0]: expected requests_per_minute, tokens_per_minute or concurrent_turns',
    ],
    [
      'a figure of 0',
      { scope: 'key', concurrent_turns: 0 },
      'limits[0].concurrent_turns: expected a whole number from 1 to 100000',
    ],
    [
      'half a request',
      { scope: 'key', requests_per_minute: 1.5 },
      'limits[0].requests_per_minute: expected a whole number from 1 to 1000000',
    ],
    [
      'a number as text',
      { scope: 'key', tokens_per_minute: '9' },
      'limits[0].tokens_per_minute: expected a whole number from 1 to 10000000000',
    ],
    [
      'the scope of a session',
      { scope: 'session', concurrent_turns: 9 },
      'limits[0].scope: expected one of "cost_center", "developer", "key"',
    ],
    [
      'overrides of a key',
      { scope: 'key', concurrent_turns: 9, overrides: {} },
      'limits[0].overrides: only a limit of scope "developer" has overrides',
    ],
    ['an unknown field', { scope: 'key', concurrent_turns: 9, tpm: 1 }, 'limits[0].tpm: unknown field "tpm"'],
    [
      'an unknown field of an override',
      { scope: 'developer', concurrent_turns: 9, overrides: { a: { tpm: 1 } } },
      'limits[0].overrides.a.tpm: unknown field "tpm"',
    ],
    [
      'a developer twice',
      { scope: 'developer', concurrent_turns: 9, overrides: { A: {}, a: {} } },
      'limits[0].overrides.a: this developer is there twice',
    ],
  ])('with %s are an error', (_what, limit, problem) => {
    expect(problems({ limits: [limit] })).toEqual([problem]);
  });

  test('of one scope twice, or of one id, contradict', () => {
    const key = { scope: 'key', concurrent_turns: 9 };
    expect(problems({ limits: [key, key] })).toEqual([
      'limits[1].scope: limits[0] has the scope "key" already: expected one limit a scope',
    ]);
    expect(problems({ limits: [key, { ...key, scope: 'developer', id: 'key' }] })).toEqual([
      'limits[1].id: limits[0] has the same id',
    ]);
  });

  test('below what one session of Claude Code needs are doubtful, by what a developer gets', () => {
    expect(
      warnings({ scope: 'key', concurrent_turns: 1, tokens_per_minute: 19_999, requests_per_minute: 9 }),
    ).toEqual(['limits[0].requests_per_minute', 'limits[0].tokens_per_minute', 'limits[0].concurrent_turns']);
    expect(
      warnings({
        scope: 'developer',
        concurrent_turns: 2,
        tokens_per_minute: 20_000,
        requests_per_minute: 10,
        overrides: { a: { concurrent_turns: 1 }, b: { concurrent_turns: 3 } },
      }),
    ).toEqual(['limits[0].overrides.a.concurrent_turns']);
  });

  test('that let less through than the live version are told so, each figure', () => {
    const live = {
      version: 2,
      policy: policyOf({ scope: 'key', requests_per_minute: 60, concurrent_turns: 4 }),
    };
    const draft = policyOf(
      { scope: 'developer', tokens_per_minute: 100_000 },
      { scope: 'key', requests_per_minute: 30, concurrent_turns: 4 },
    );
    const told = tighterLimits(draft, live).map(({ path, message }) => `${path}: ${message.split(':')[0]}`);
    expect(told).toEqual([
      'limits[0].tokens_per_minute: lets 100000 tokens a minute through, where version 2 sets no limit to them',
      'limits[1].requests_per_minute: lets 30 requests a minute through, where version 2 lets 60 through',
    ]);
    expect(tighterLimits(live.policy, live)).toEqual([]);
  });
});

describe('providers', () => {
  test('are named by their ids, and what happens when they are exhausted is said', () => {
    const named = parse({ allowed_providers: ['anthropic', 'bedrock-eu'], when_exhausted: 'step_down' });
    expect(named).toMatchObject({
      value: { policy: { allowedProviders: ['anthropic', 'bedrock-eu'], whenExhausted: 'step_down' } },
    });
    expect(parse({ allowed_providers: null })).toMatchObject({
      value: { policy: { allowedProviders: null } },
    });
  });

  test.each<[object, string]>([
    [{ allowed_providers: [] }, 'allowed_providers: expected at least one provider, or null for every one'],
    [
      { allowed_providers: ['Bedrock EU'] },
      'allowed_providers[0]: expected the id of a provider: 1 to 63 of a-z, 0-9 and "-"',
    ],
    [{ when_exhausted: 'wait' }, 'when_exhausted: expected one of "fail", "step_down"'],
  ])('%j is an error', (fields, problem) => {
    expect(problems(fields)).toEqual([problem]);
  });
});
