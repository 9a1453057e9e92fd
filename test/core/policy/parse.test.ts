import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { type PolicyContext, parsePolicy } from '../../../durable-objects/core/policy/parse.ts';

const NOW_MS = Date.parse('2026-11-23T12:00Z');
const context: PolicyContext = { timezone: 'Europe/Berlin', catalogue: builtinCatalogue, nowMs: NOW_MS };

const TEAM_DAY = { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '500.00' };
const [OPUS, SONNET, HAIKU] = ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5'];

function withBudget(change: object): unknown {
  return { budgets: [{ ...TEAM_DAY, ...change }] };
}

function withStages(...stages: [string, string][]): unknown {
  return { budgets: [TEAM_DAY], stages: stages.map(([at, action]) => ({ at, do: action })) };
}

/** `path: message` of every problem. */
function problemsOf(document: unknown, given = context): string[] {
  const parsed = parsePolicy(document, given);
  return parsed.ok ? [] : parsed.error.map(({ path, message }) => `${path}: ${message}`);
}

function warningsOf(document: unknown): string[] {
  const parsed = parsePolicy(document, context);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value.warnings.map(({ path, message }) => `${path}: ${message}`);
}

describe('a policy', () => {
  test('that names only a budget gets the defaults', () => {
    expect(parsePolicy({ budgets: [TEAM_DAY] }, context)).toEqual({
      ok: true,
      value: {
        policy: {
          timezone: 'Europe/Berlin',
          budgets: [
            {
              id: 'team-day',
              scope: 'cost_center',
              window: 'day',
              limitNanoUsd: 500_000_000_000,
              line: null,
              overrides: new Map(),
              stages: [
                { at: '0.80', atMillionths: 800_000, do: 'alert', stepDown: 'if_it_pays' },
                { at: '0.95', atMillionths: 950_000, do: 'downgrade', stepDown: 'if_it_pays' },
                { at: '1.10', atMillionths: 1_100_000, do: 'pause', stepDown: 'if_it_pays' },
              ],
              admission: 'expected',
              clampMaxTokens: false,
            },
          ],
          cascade: [OPUS, SONNET, HAIKU],
          routes: [],
          allowedModels: null,
          limits: [],
          allowedProviders: null,
          whenExhausted: 'fail',
        },
        warnings: [],
      },
    });
  });

  test('says for itself what it wants, and a budget goes before the policy', () => {
    const document = {
      timezone: 'America/New_York',
      stages: [
        { at: '0.5', do: 'downgrade' },
        { at: '1', do: 'pause' },
      ],
      admission: 'guaranteed',
      cascade: [SONNET, HAIKU],
      allowed_models: [OPUS, 'claude-haiku-4-5'],
      routes: [],
      budgets: [
        TEAM_DAY,
        {
          id: 'dev-week',
          scope: 'developer',
          window: 'week',
          limit_usd: '0.000000001',
          admission: 'expected',
          stages: [{ at: '10', do: 'alert' }],
        },
      ],
    };
    const parsed = parsePolicy(document, context);
    expect(parsed).toMatchObject({
      ok: true,
      value: {
        policy: {
          timezone: 'America/New_York',
          cascade: [SONNET, HAIKU],
          allowedModels: [OPUS, 'claude-haiku-4-5-20251001'],
          budgets: [
            {
              id: 'team-day',
              admission: 'guaranteed',
              stages: [{ atMillionths: 500_000 }, { atMillionths: 1_000_000 }],
            },
            {
              id: 'dev-week',
              limitNanoUsd: 1,
              admission: 'expected',
              stages: [{ at: '10', atMillionths: 10_000_000 }],
            },
          ],
        },
      },
    });
  });
});

describe('is refused, with the path', () => {
  test.each<[string, unknown, string]>([
    ['not an object', [], '$: '],
    ['no budgets', {}, 'budgets: '],
    ['an unknown field', { budgets: [], colour: 'red' }, 'colour: unknown field "colour"'],
    ['an unknown field of a budget', withBudget({ limit: '5' }), 'budgets[0].limit: unknown field "limit"'],
    [
      'a made-up time zone',
      { budgets: [], timezone: 'Mars/Olympus' },
      'timezone: expected the name of an IANA time zone',
    ],
    ['an offset for a time zone', { budgets: [], timezone: '+01:00' }, 'timezone: expected the name'],
    ['a bad budget id', withBudget({ id: 'Team Day' }), 'budgets[0].id: expected 1 to 63 of a-z'],
    ['a budget id of 64 characters', withBudget({ id: 'x'.repeat(64) }), 'budgets[0].id: '],
    ['a budget id twice', { budgets: [TEAM_DAY, TEAM_DAY] }, 'budgets[1].id: budgets[0] has the same id'],
    [
      'an unknown scope',
      withBudget({ scope: 'planet' }),
      'budgets[0].scope: expected one of "cost_center", "developer", "key", "session"',
    ],
    ['a budget without a window', withBudget({ window: undefined }), 'budgets[0].window: expected one of'],
    ['a limit that is a number', withBudget({ limit_usd: 500 }), 'budgets[0].limit_usd: '],
    ['a limit with a comma', withBudget({ limit_usd: '1,000' }), 'budgets[0].limit_usd: expected US dollars'],
    [
      'a limit finer than nano-USD',
      withBudget({ limit_usd: '0.0000000001' }),
      'budgets[0].limit_usd: expected US dollars',
    ],
    ['a negative limit', withBudget({ limit_usd: '-1' }), 'budgets[0].limit_usd: a limit cannot be negative'],
    [
      'a limit just too high',
      withBudget({ limit_usd: '5000000.000000001' }),
      'budgets[0].limit_usd: a limit is at most',
    ],
    [
      'a limit far too high',
      withBudget({ limit_usd: '9999999' }),
      'budgets[0].limit_usd: a limit is at most',
    ],
    [
      'a limit absurdly high',
      withBudget({ limit_usd: '99999999999999999999' }),
      'budgets[0].limit_usd: a limit is at most',
    ],
    ['a fraction that is a number', { budgets: [], stages: [{ at: 0.8, do: 'alert' }] }, 'stages[0].at: '],
    ['a fraction of zero', withStages(['0.00', 'alert']), 'stages[0].at: expected a decimal string above 0'],
    [
      'a fraction above ten',
      withStages(['10.000001', 'alert']),
      'stages[0].at: expected a decimal string above 0',
    ],
    [
      'a fraction in percent',
      withStages(['80%', 'alert']),
      'stages[0].at: expected a decimal string above 0',
    ],
    ['an unknown action', withStages(['0.8', 'explode']), 'stages[0].do: '],
    [
      'stages out of order',
      withStages(['0.95', 'alert'], ['0.80', 'pause']),
      'stages[1].at: stages rise: expected a fraction above the "0.95" before it',
    ],
    [
      'stages at the same fraction',
      withStages(['0.8', 'alert'], ['0.80', 'pause']),
      'stages[1].at: stages rise',
    ],
    [
      'an action twice',
      withStages(['0.8', 'alert'], ['0.9', 'alert']),
      'stages[1].do: there is a stage that does "alert" already',
    ],
    [
      'stages of a budget out of order',
      withBudget({
        stages: [
          { at: '1', do: 'alert' },
          { at: '0.5', do: 'pause' },
        ],
      }),
      'budgets[0].stages[1].at: stages rise',
    ],
    ['an unknown admission', withBudget({ admission: 'maybe' }), 'budgets[0].admission: '],
    ['a cascade of nothing', { budgets: [], cascade: [] }, 'cascade: expected at least one model'],
    [
      'an unknown model in the cascade',
      { budgets: [], cascade: [OPUS, 'gpt-9'] },
      'cascade[1]: the catalogue knows no model "gpt-9"',
    ],
    [
      'a retired model in the cascade',
      { budgets: [], cascade: ['claude-opus-4-1', HAIKU] },
      'cascade[0]: "claude-opus-4-1-20250805" is retired',
    ],
    [
      'a model twice in the cascade',
      { budgets: [], cascade: [OPUS, SONNET, OPUS] },
      'cascade[2]: "claude-opus-5-5" is in the cascade already',
    ],
    [
      'a model twice by its alias',
      { budgets: [], cascade: ['claude-haiku-4-5', 'claude-haiku-4-5-20251001'] },
      'cascade[1]: "claude-haiku-4-5-20251001" is in the cascade already',
    ],
    [
      'a cascade that rises in price',
      { budgets: [], cascade: [HAIKU, OPUS] },
      'cascade[1]: a cascade falls in price',
    ],
    [
      'an unknown allowed model',
      { budgets: [], allowed_models: [OPUS, 'gpt-9'] },
      'allowed_models[1]: the catalogue knows no model "gpt-9"',
    ],
    [
      'no allowed model at all',
      { budgets: [], allowed_models: [] },
      'allowed_models: expected at least one model',
    ],
    [
      'more than 100 budgets',
      { budgets: Array.from({ length: 101 }, (_, at) => ({ ...TEAM_DAY, id: `b-${at}` })) },
      'budgets: expected at most 100 budgets',
    ],
    [
      'a document of more than 256 KB',
      { budgets: [], colour: 'é'.repeat(131_072) },
      '$: expected at most 262144 bytes of JSON',
    ],
  ])('%s', (_what, document, expected) => {
    expect(problemsOf(document)).toEqual([expect.stringContaining(expected)]);
  });
});

/** A policy whose only route has these conditions and target. */
function withRoute(when: object, use = HAIKU, rest: object = {}): unknown {
  return { budgets: [TEAM_DAY], routes: [{ id: 'easy-turns', when, use }], ...rest };
}

describe('budgets by scope, line and developer', () => {
  test('are read with their defaults', () => {
    const document = {
      clamp_max_tokens: true,
      budgets: [
        { id: 'session', scope: 'session', window: 'session', limit_usd: '80' },
        { ...TEAM_DAY, id: 'opus-day', line: 'opus', clamp_max_tokens: false },
        { ...TEAM_DAY, id: 'dev', scope: 'developer', overrides: { 'Dev@Example.com': '120.00' } },
        { ...TEAM_DAY, id: 'always', stages: [{ at: '0.9', do: 'downgrade', step_down: 'always' }] },
      ],
    };
    expect(parsePolicy(document, context)).toMatchObject({
      ok: true,
      value: {
        policy: {
          budgets: [
            { scope: 'session', window: 'session', clampMaxTokens: true },
            { line: 'opus', clampMaxTokens: false },
            { overrides: new Map([['dev@example.com', 120_000_000_000]]) },
            { stages: [{ do: 'downgrade', stepDown: 'always' }] },
          ],
        },
      },
    });
  });

  test.each<[string, unknown, string]>([
    [
      'a session budget with a day window',
      withBudget({ scope: 'session' }),
      'budgets[0].window: a budget of scope "session" has the window "session"',
    ],
    [
      'another budget with a session window',
      withBudget({ window: 'session' }),
      'budgets[0].window: only a budget of scope "session"',
    ],
    ['an unheard-of line', withBudget({ line: 'sonata' }), 'budgets[0].line: the catalogue knows no line'],
    [
      'overrides of a shared budget',
      withBudget({ overrides: { 'dev@example.com': '1' } }),
      'budgets[0].overrides: only a budget of scope "developer"',
    ],
    [
      'an override that is negative',
      withBudget({ scope: 'developer', overrides: { 'dev@example.com': '-1' } }),
      'budgets[0].overrides.dev@example.com: a limit cannot be negative',
    ],
    [
      'one developer overridden twice',
      withBudget({ scope: 'developer', overrides: { 'dev@example.com': '1', 'DEV@example.com': '2' } }),
      'budgets[0].overrides.DEV@example.com: this developer is there twice',
    ],
    [
      'step_down of a stage that is no downgrade',
      withBudget({ stages: [{ at: '1', do: 'pause', step_down: 'always' }] }),
      'budgets[0].stages[0].step_down: only a stage that does "downgrade"',
    ],
    ['equal stages', withStages(['1', 'downgrade'], ['1.0', 'pause']), 'stages[1].at: stages rise'],
  ])('%s is refused', (_what, document, expected) => {
    expect(problemsOf(document)).toEqual([expect.stringContaining(expected)]);
  });
});

describe('routes', () => {
  test('are read as written', () => {
    const when = {
      budget: 'team-day',
      remaining_usd_below: '200.00',
      input_tokens_below: 20_000,
      new_input_tokens_below: 10_000,
      kinds: ['auxiliary'],
      lines: ['opus'],
      hours: { from: '22:30', to: '06:00' },
      tags: { team: 'a' },
    };
    expect(parsePolicy(withRoute(when, 'claude-haiku-4-5'), context)).toMatchObject({
      ok: true,
      value: {
        policy: {
          routes: [
            {
              id: 'easy-turns',
              use: 'claude-haiku-4-5-20251001',
              when: {
                budget: 'team-day',
                remainingBelow: 200_000_000_000,
                inputTokensBelow: 20_000,
                newInputTokensBelow: 10_000,
                kinds: ['auxiliary'],
                lines: ['opus'],
                hours: { fromMinute: 1_350, toMinute: 360 },
                tags: new Map([['team', 'a']]),
              },
            },
          ],
        },
      },
    });
  });

  test('need no condition', () => {
    expect(problemsOf(withRoute({}))).toEqual([]);
  });

  test.each<[string, unknown, string]>([
    [
      'remaining money of no budget',
      withRoute({ remaining_usd_below: '5' }),
      'routes[0].when.remaining_usd_below: remaining_usd_below says of which budget',
    ],
    [
      'a budget that is not there',
      withRoute({ budget: 'team-week', remaining_usd_below: '5' }),
      'routes[0].when.budget: the policy has no budget "team-week"',
    ],
    ['an unknown model', withRoute({}, 'gpt-9'), 'routes[0].use: the catalogue knows no model "gpt-9"'],
    [
      'a retired model',
      withRoute({}, 'claude-3-5-haiku-latest'),
      'routes[0].use: "claude-3-5-haiku-20241022" is retired',
    ],
    [
      'a model that is not allowed',
      withRoute({}, HAIKU, { allowed_models: [OPUS] }),
      `routes[0].use: allowed_models leaves out "${HAIKU}"`,
    ],
    ['an unknown line', withRoute({ lines: ['opera'] }), 'routes[0].when.lines[0]: the catalogue knows no'],
    ['an unknown kind', withRoute({ kinds: ['idle'] }), 'routes[0].when.kinds[0]: '],
    ['no kind at all', withRoute({ kinds: [] }), 'routes[0].when.kinds: expected at least one kind'],
    ['a time that is none', withRoute({ hours: { from: '9', to: '17:00' } }), 'routes[0].when.hours.from: '],
    [
      'hours that end when they begin',
      withRoute({ hours: { from: '09:00', to: '09:00' } }),
      'routes[0].when.hours: expected two different times',
    ],
    ['half a token', withRoute({ input_tokens_below: 0.5 }), 'routes[0].when.input_tokens_below: '],
    ['an unknown condition', withRoute({ mood: 'good' }), 'routes[0].when.mood: unknown field "mood"'],
    [
      'turn types, which nobody tells yet',
      withRoute({ turn_types: ['easy'] }),
      'routes[0].when.turn_types: "turn_types" is not supported yet',
    ],
    [
      'one id twice',
      {
        budgets: [],
        routes: [
          { id: 'a', when: {}, use: HAIKU },
          { id: 'a', when: {}, use: HAIKU },
        ],
      },
      'routes[1].id: routes[0] has the same id',
    ],
  ])('with %s are refused', (_what, document, expected) => {
    expect(problemsOf(document)).toEqual([expect.stringContaining(expected)]);
  });
});

test('everything that is wrong is said at once, whatever else is wrong', () => {
  const document = {
    timezone: 'Nowhere',
    surprise: 1,
    budgets: [
      { ...TEAM_DAY, limit_usd: '-1', line: 'opera', scope: 'session' },
      {
        ...TEAM_DAY,
        stages: [
          { at: '2', do: 'alert' },
          { at: 'much', do: 'pause' },
          { at: '1', do: 'alert' },
        ],
      },
      'not a budget',
    ],
    cascade: ['gpt-9', HAIKU, 7, OPUS],
    routes: [{ id: 'r', when: { remaining_usd_below: '1' }, use: 'gpt-9' }],
    allowed_models: ['gpt-9'],
  };
  const paths = problemsOf(document).map((each) => each.slice(0, each.indexOf(': ')));
  expect(paths.toSorted()).toEqual(
    [
      'allowed_models[0]',
      'budgets[0].limit_usd',
      'budgets[0].line',
      'budgets[0].window',
      'budgets[1].id',
      'budgets[1].stages[1].at',
      'budgets[1].stages[2].at',
      'budgets[1].stages[2].do',
      'budgets[2]',
      'cascade[0]',
      'cascade[2]',
      'cascade[3]',
      'routes[0].use',
      'routes[0].when.remaining_usd_below',
      'surprise',
      'timezone',
    ].toSorted(),
  );
});

test('no JSON at all makes it throw', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (anything, other) => {
      parsePolicy(anything, context);
      parsePolicy(
        {
          budgets: [anything, withBudget({ stages: other })],
          stages: other,
          cascade: [other],
          routes: [other],
        },
        context,
      );
    }),
  );
});

describe('is taken with a warning', () => {
  test.each<[string, unknown, string]>([
    [
      'a limit of zero',
      withBudget({ limit_usd: '0.00' }),
      'budgets[0].limit_usd: a limit of 0 passes every stage at once',
    ],
    [
      'a pause without a downgrade before it',
      withStages(['0.8', 'alert'], ['1', 'pause']),
      'stages[1]: turns are paused here without a step down',
    ],
    [
      'a downgrade after the pause',
      withStages(['1', 'pause'], ['1.1', 'downgrade']),
      'stages[0]: turns are paused here without a step down',
    ],
    [
      'no stages at all',
      withBudget({ stages: [] }),
      'budgets[0].stages: without stages nothing ever happens',
    ],
    [
      'a one-model cascade',
      { budgets: [], cascade: [HAIKU] },
      'cascade: with one model there is nothing to step down to',
    ],
    [
      'a route that names a budget for nothing',
      withRoute({ budget: 'team-day' }),
      'routes[0].when.budget: naming a budget does nothing without remaining_usd_below',
    ],
    [
      'a clamp without a guarantee',
      withBudget({ clamp_max_tokens: true }),
      'budgets[0].clamp_max_tokens: clamp_max_tokens does nothing where admission is not "guaranteed"',
    ],
    [
      'a model near retirement',
      { budgets: [], cascade: ['claude-sonnet-4-5', HAIKU] },
      'cascade[0]: "claude-sonnet-4-5-20250929" retires on 2026-11-30',
    ],
  ])('%s', (_what, document, expected) => {
    expect(warningsOf(document)).toEqual([expect.stringContaining(expected)]);
  });
});

test('a pause of one line is no doubt: it hands turns down', () => {
  expect(warningsOf(withBudget({ line: 'opus', stages: [{ at: '1', do: 'pause' }] }))).toEqual([]);
});

describe('a stored policy', () => {
  const cascade = ['claude-sonnet-4-5', HAIKU];
  const afterRetirement = { ...context, nowMs: Date.parse('2026-12-01T00:00Z') };

  test('is read again after a model of it has retired', () => {
    expect(problemsOf({ budgets: [], cascade }, afterRetirement)).toHaveLength(1);
    expect(problemsOf({ budgets: [], cascade }, { ...afterRetirement, enforce: 'stored' })).toEqual([]);
  });

  test('is read again with a catalogue that no longer knows its models', () => {
    const emptied = {
      ...context,
      catalogue: { ...builtinCatalogue, models: [] },
      enforce: 'stored' as const,
    };
    expect(parsePolicy({ budgets: [], cascade, allowed_models: cascade }, emptied)).toMatchObject({
      ok: true,
      value: { policy: { cascade, allowedModels: cascade } },
    });
  });

  test('is still refused where it contradicts itself', () => {
    const document = withStages(['1', 'alert'], ['0.5', 'pause']);
    expect(problemsOf(document, { ...context, enforce: 'stored' })).toHaveLength(1);
  });
});
