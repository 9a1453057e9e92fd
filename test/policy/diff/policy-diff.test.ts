import fc from 'fast-check';
import { applyPatch } from 'rfc6902';
import { describe, expect, test } from 'vitest';
import { diffOf } from '../../../worker/policy/diff/policy-diff.ts';
import { policyDocument } from './policy-documents.ts';

const TEAM_DAY = { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '500.00' };
const TEAM_MONTH = { id: 'team-month', scope: 'cost_center', window: 'month', limit_usd: '8000.00' };
const DEV_DAY = { id: 'dev-day', scope: 'developer', window: 'day', limit_usd: '60.00' };
const HAIKU = 'claude-haiku-5-5';

function diff(from: unknown, to: unknown) {
  const found = diffOf({ version: 2, document: to }, from ? { version: 1, document: from } : null, 'UTC');
  if (!found.ok) throw new Error(`version ${found.error} does not parse`);
  return found.value;
}

function words(from: unknown, to: unknown): string[] {
  return diff(from, to).words;
}

describe('in words', () => {
  test.each<[string, object, object, string[]]>([
    [
      'a lower limit',
      { budgets: [TEAM_DAY] },
      { budgets: [{ ...TEAM_DAY, limit_usd: '400' }] },
      ['team-day: limit 500.00 → 400.00 USD (−20 %)'],
    ],
    [
      'a limit a little higher',
      { budgets: [TEAM_DAY] },
      { budgets: [{ ...TEAM_DAY, limit_usd: '512.50' }] },
      ['team-day: limit 500.00 → 512.50 USD (+2.5 %)'],
    ],
    [
      'a limit from nothing',
      { budgets: [{ ...TEAM_DAY, limit_usd: '0' }] },
      { budgets: [TEAM_DAY] },
      ['team-day: limit 0.00 → 500.00 USD'],
    ],
    [
      'budgets added, removed and moved, by their ids',
      { budgets: [TEAM_DAY, TEAM_MONTH] },
      { budgets: [DEV_DAY, TEAM_DAY] },
      [
        'dev-day: new budget, 60.00 USD a day for each developer; alert 0.80, downgrade 0.95, pause 1.10',
        'team-month: removed (was 8000.00 USD a month for the cost center; alert 0.80, downgrade 0.95, pause 1.10)',
      ],
    ],
    [
      'another order of budgets',
      { budgets: [TEAM_DAY, DEV_DAY] },
      { budgets: [DEV_DAY, TEAM_DAY] },
      ['version 2 is written otherwise and means the same as version 1'],
    ],
    [
      'window, scope and line',
      { budgets: [TEAM_DAY] },
      { budgets: [{ ...TEAM_DAY, window: 'week', scope: 'developer', line: 'opus' }] },
      [
        'team-day: for the cost center → for each developer',
        'team-day: window day → week',
        'team-day: counts every line → opus',
      ],
    ],
    [
      'overrides by developer',
      { budgets: [{ ...DEV_DAY, overrides: { 'A@x.com': '1', 'b@x.com': '2' } }] },
      { budgets: [{ ...DEV_DAY, overrides: { 'a@x.com': '4', 'c@x.com': '3' } }] },
      [
        'dev-day: override for a@x.com 1.00 → 4.00 USD (+300 %)',
        'dev-day: override for c@x.com added, 3.00 USD',
        'dev-day: override for b@x.com removed (was 2.00 USD)',
      ],
    ],
    [
      'stages, against the defaults that a document left out',
      { budgets: [TEAM_DAY] },
      {
        budgets: [TEAM_DAY],
        stages: [
          { at: '0.8', do: 'downgrade', step_down: 'always' },
          { at: '1', do: 'pause' },
        ],
      },
      [
        'team-day: alert removed (was at 0.80)',
        'team-day: downgrade at 0.95 → 0.8',
        'team-day: steps down whatever it costs',
        'team-day: pause at 1.10 → 1',
      ],
    ],
    [
      'what is the same in every budget once',
      { budgets: [TEAM_DAY, TEAM_MONTH] },
      {
        budgets: [{ ...TEAM_DAY, limit_usd: '250.00' }, TEAM_MONTH],
        admission: 'guaranteed',
        clamp_max_tokens: true,
      },
      [
        'team-day, team-month: admission expected → guaranteed',
        'team-day, team-month: may lower max_tokens to fit',
        'team-day: limit 500.00 → 250.00 USD (−50 %)',
      ],
    ],
    [
      'time zone, cascade and allowed models',
      { budgets: [] },
      {
        budgets: [],
        timezone: 'Europe/Berlin',
        cascade: ['claude-opus-5-5', HAIKU],
        allowed_models: [HAIKU, HAIKU],
      },
      [
        'time zone: UTC → Europe/Berlin',
        'cascade: claude-opus-5-5, claude-sonnet-5-5, claude-haiku-5-5 → claude-opus-5-5, claude-haiku-5-5',
        'allowed models: every model → claude-haiku-5-5',
      ],
    ],
    [
      'limits besides money by their scope, and providers',
      {
        budgets: [],
        limits: [
          { scope: 'key', concurrent_turns: 4 },
          {
            scope: 'developer',
            requests_per_minute: 60,
            overrides: { a: { requests_per_minute: 90 }, b: {} },
          },
        ],
      },
      {
        budgets: [],
        limits: [
          {
            scope: 'developer',
            requests_per_minute: 30,
            tokens_per_minute: 500_000,
            overrides: { a: { requests_per_minute: 90 }, c: {} },
          },
          { scope: 'cost_center', concurrent_turns: 50 },
        ],
        allowed_providers: ['bedrock-eu', 'anthropic'],
        when_exhausted: 'step_down',
      },
      [
        'allowed providers: every provider → anthropic, bedrock-eu',
        'where every provider of a model is at its limits: the turn fails → it goes on down the cascade',
        'limit for each developer: 60 → 30 requests a minute',
        'limit for each developer: any number of → 500000 tokens a minute',
        'limit for each developer: override for a any number of → 500000 tokens a minute',
        'limit for each developer: override for c added, 30 requests a minute, 500000 tokens a minute',
        'limit for each developer: override for b removed',
        'limit for the cost center: new, 50 turns at once',
        'limit for each key: removed (was 4 turns at once)',
      ],
    ],
    [
      'what is written otherwise only',
      { budgets: [TEAM_DAY] },
      {
        timezone: 'UTC',
        budgets: [
          {
            ...TEAM_DAY,
            limit_usd: '500',
            stages: [
              { at: '0.8', do: 'alert' },
              { at: '0.95', do: 'downgrade' },
              { at: '1.1', do: 'pause' },
            ],
          },
        ],
        routes: [],
        admission: 'expected',
        allowed_models: null,
      },
      ['version 2 is written otherwise and means the same as version 1'],
    ],
  ])('%s', (_what, from, to, expected) => {
    expect(words(from, to)).toEqual(expected);
  });

  test('routes by id, each condition, and their order', () => {
    const easy = { id: 'easy', when: { budget: 'team-day', remaining_usd_below: '200' }, use: HAIKU };
    const night = {
      id: 'night',
      when: { hours: { from: '22:00', to: '06:30' }, tags: { team: 'a' } },
      use: HAIKU,
    };
    const every = {
      budget: 'team-day',
      remaining_usd_below: '100',
      input_tokens_below: 5,
      new_input_tokens_below: 6,
      kinds: ['subagent', 'auxiliary'],
      lines: ['opus'],
    };
    const before = { budgets: [TEAM_DAY], routes: [easy, night, { ...easy, id: 'gone', when: {} }] };
    const after = {
      budgets: [TEAM_DAY],
      routes: [
        { ...night, use: 'claude-sonnet-5-5' },
        { ...easy, when: every },
        { ...easy, id: 'new' },
      ],
    };
    expect(words(before, after)).toEqual([
      'route new: new, to claude-haiku-5-5 where remaining money under 200.00 USD left in team-day',
      'route gone: removed (was to claude-haiku-5-5 always)',
      'route night: claude-haiku-5-5 → claude-sonnet-5-5',
      'route easy: remaining money under 200.00 USD left in team-day → under 100.00 USD left in team-day',
      'route easy: input whatever → under 5 input tokens',
      'route easy: new input whatever → under 6 new input tokens',
      'route easy: kinds whatever → auxiliary, subagent',
      'route easy: lines whatever → opus',
      'routes: order easy, night → night, easy',
    ]);
    expect(words(after, before)).toContain('route night: claude-sonnet-5-5 → claude-haiku-5-5');
    expect(words({ budgets: [] }, { budgets: [], routes: [night] })).toEqual([
      'route night: new, to claude-haiku-5-5 where hours 22:00 to 06:30; tags team=a',
    ]);
  });

  test('of two thousand overrides ten are named', () => {
    const overrides = Object.fromEntries(Array.from({ length: 2_000 }, (_, at) => [`dev-${at}@x.com`, '1']));
    const found = words({ budgets: [DEV_DAY] }, { budgets: [{ ...DEV_DAY, overrides }] });
    expect(found).toHaveLength(11);
    expect(found.at(-1)).toBe('dev-day: and 1990 more overrides changed');
  });
});

describe('against nothing', () => {
  test('the patch makes the document from an empty one, and the words say so', () => {
    const found = diff(null, { budgets: [TEAM_DAY], allowed_models: [HAIKU] });
    expect(found).toEqual({
      version: 2,
      against: null,
      patch: [
        { op: 'add', path: '/budgets', value: [TEAM_DAY] },
        { op: 'add', path: '/allowed_models', value: [HAIKU] },
      ],
      words: [
        'there is no live policy: everything is new',
        'team-day: new budget, 500.00 USD a day for the cost center; alert 0.80, downgrade 0.95, pause 1.10',
        'allowed models: every model → claude-haiku-5-5',
      ],
    });
  });
});

describe('the patch', () => {
  test('applied to the base gives the document, whatever the two are', () => {
    fc.assert(
      fc.property(fc.option(policyDocument, { nil: null }), policyDocument, (from, to) => {
        const base = structuredClone(from ?? {});
        const { patch } = diff(from, to);
        expect(applyPatch(base, structuredClone(patch)).filter((failure) => failure !== null)).toEqual([]);
        expect(base).toEqual(to);
      }),
      { numRuns: 150 },
    );
  });

  test('is empty exactly where the documents are the same, and the words never are', () => {
    fc.assert(
      fc.property(policyDocument, policyDocument, (from, to) => {
        expect(diff(from, from)).toMatchObject({
          patch: [],
          words: ['version 2 is the same document as version 1'],
        });
        const found = diff(from, to);
        expect(found.words.length).toBeGreaterThan(0);
        expect(found.patch.length === 0).toBe(JSON.stringify(sorted(from)) === JSON.stringify(sorted(to)));
      }),
    );
  });

  test('of lists that are too long to compare replaces them, in no time', () => {
    const names = (count: number) => Array.from({ length: count }, () => HAIKU);
    const from = { budgets: [], allowed_models: names(9_000) };
    const to = { budgets: [], allowed_models: [...names(8_999), 'claude-opus-5-5'] };
    expect(diff(from, to).patch).toEqual([
      { op: 'replace', path: '/allowed_models', value: to.allowed_models },
    ]);
    expect(diff(from, structuredClone(from)).patch).toEqual([]);
  });
});

/** With the fields of every object in one order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, each]) => [name, sorted(each)]));
}

test('a version that can no longer be read is named', () => {
  const broken = { version: 1, document: { budgets: 'none' } };
  const fine = { version: 2, document: { budgets: [] } };
  expect(diffOf(fine, broken, 'UTC')).toEqual({ ok: false, error: 1 });
  expect(diffOf(broken, fine, 'UTC')).toEqual({ ok: false, error: 1 });
});
