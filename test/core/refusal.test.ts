import { describe, expect, test } from 'vitest';
import { nanoUsd } from '../../durable-objects/core/money.ts';
import * as sentence from '../../durable-objects/core/refusal.ts';
import { NOW, policyOf, standings } from './judging.ts';

const NAMES: sentence.CostCenterNames = {
  name: 'Platform squad',
  timezone: 'Europe/Berlin',
  manager: 'Ana <ana@example.com>',
};
const ORPHAN = { ...NAMES, manager: null };

function standing(budget: object, settledUsd: number, heldUsd = 0) {
  const policy = policyOf({
    budgets: [{ id: 'b', scope: 'cost_center', window: 'day', limit_usd: '60', ...budget }],
  });
  const [found] = standings(policy, [[settledUsd, heldUsd]]);
  if (!found) throw new Error('no standing');
  return {
    ...found,
    subject: 'dev@example.com',
    endMs: found.endMs === null ? null : Date.UTC(2026, 10, 23, 23),
  };
}

function spent(budget: object, settledUsd: number, neededUsd: number | null = 0.4, names = NAMES) {
  const needed = neededUsd === null ? null : nanoUsd(neededUsd * 1e9);
  return sentence.spentSentence(standing(budget, settledUsd), needed, 'Europe/Berlin', names);
}

describe('a budget that is used up says whose it is, how much was spent, when it resets and whom to ask', () => {
  test.each<[what: string, budget: object, expected: string]>([
    [
      'the team’s',
      {},
      'The shared budget of Platform squad, b, is used up: $66.00 of $60.00 spent today; it resets 2026-11-24 00:00 (Europe/Berlin); until then ask Ana <ana@example.com> to raise it.',
    ],
    [
      'a developer’s',
      { scope: 'developer', window: 'week' },
      'Your budget in Platform squad (dev@example.com), b, is used up: $66.00 of $60.00 spent this week; it resets 2026-11-24 00:00 (Europe/Berlin); until then ask Ana <ana@example.com> to raise it.',
    ],
    [
      'a key’s',
      { scope: 'key', window: 'month' },
      'The budget of your key dev@example.com, b, is used up: $66.00 of $60.00 spent this month; it resets 2026-11-24 00:00 (Europe/Berlin); until then ask Ana <ana@example.com> to raise it.',
    ],
    [
      'a session’s: a new session helps, no day resets it',
      { scope: 'session', window: 'session' },
      'The budget of this session in Platform squad, b, is used up: $66.00 of $60.00 spent; start a new session, or ask Ana <ana@example.com> to raise it.',
    ],
    [
      'the team’s of one line',
      { line: 'opus' },
      'The shared Opus budget of Platform squad, b, is used up: $66.00 of $60.00 spent today; it resets 2026-11-24 00:00 (Europe/Berlin); until then ask Ana <ana@example.com> to raise it.',
    ],
    [
      'a developer’s of one line',
      { scope: 'developer', line: 'sonnet' },
      'Your Sonnet budget in Platform squad (dev@example.com), b, is used up: $66.00 of $60.00 spent today; it resets 2026-11-24 00:00 (Europe/Berlin); until then ask Ana <ana@example.com> to raise it.',
    ],
    [
      'a key’s of one line',
      { scope: 'key', line: 'haiku' },
      'The Haiku budget of your key dev@example.com, b, is used up: $66.00 of $60.00 spent today; it resets 2026-11-24 00:00 (Europe/Berlin); until then ask Ana <ana@example.com> to raise it.',
    ],
    [
      'a session’s of one line',
      { scope: 'session', window: 'session', line: 'opus' },
      'The Opus budget of this session in Platform squad, b, is used up: $66.00 of $60.00 spent; start a new session, or ask Ana <ana@example.com> to raise it.',
    ],
    [
      'one that pauses before its limit',
      { limit_usd: '80', stages: [{ at: '0.80', do: 'pause' }] },
      'The shared budget of Platform squad, b, is used up: $66.00 of $80.00 spent today; it resets 2026-11-24 00:00 (Europe/Berlin); until then ask Ana <ana@example.com> to raise it.',
    ],
  ])('%s', (_, budget, expected) => {
    expect(spent(budget, 66)).toBe(expected);
  });

  test('without a manager there is still somebody to ask', () => {
    expect(spent({}, 66, 0.4, ORPHAN)).toContain(
      'until then ask whoever manages Platform squad to raise it.',
    );
  });
});

describe('a budget with too little left for this turn says how much that is', () => {
  test.each<[what: string, budget: object, settled: number, needed: number, part: string]>([
    [
      'under its limit',
      {},
      59.9,
      7,
      'has too little left for this turn, which needs about $7.00: $59.90 of $60.00 spent today;',
    ],
    ['a hundredth of a cent', {}, 59.9, 0.0001, 'which needs about $0.01:'],
    ['of a session', { scope: 'session', window: 'session' }, 59.9, 7, 'spent; start a new session, or ask'],
    [
      'a smaller turn may fit',
      {},
      59.9,
      7,
      'until then continue in a smaller session, ask Ana <ana@example.com> to raise it.',
    ],
  ])('%s', (_, budget, settled, needed, part) => {
    expect(spent(budget, settled, needed)).toContain(part);
  });
});

test('money that is only reserved is told as such, with no word of a reset', () => {
  expect(sentence.pendingSentence(standing({ scope: 'session', window: 'session' }, 50, 16), NAMES)).toBe(
    'The budget of this session in Platform squad, b, has its last $16.00 reserved by turns that are still running; this turn is tried again in a few seconds.',
  );
});

test.each<[causes: string[], part: string]>([
  [
    ['url_input', 'server_tools'],
    'and this request has none (url_input, server_tools); leave that out, or ask Ana',
  ],
  [[], 'and this request has none (max_tokens missing); leave that out'],
])('a turn without a ceiling is told why: %j', (causes, part) => {
  expect(sentence.unboundedSentence('b', causes, NAMES)).toContain(part);
});

test('a model that is not allowed is answered with those that are', () => {
  expect(sentence.modelSentence('claude-fable-5-2', ['claude-opus-5-5', 'claude-haiku-5-5'], NAMES)).toBe(
    'Platform squad does not allow the model claude-fable-5-2; choose one of claude-opus-5-5, claude-haiku-5-5.',
  );
});

test('a model that the key may not use is answered with those it may, or with whom to ask', () => {
  expect(sentence.modelSentence('claude-opus-5-5', ['claude-haiku-5-5'], NAMES, true)).toBe(
    'Your key in Platform squad may not use the model claude-opus-5-5; choose one of claude-haiku-5-5.',
  );
  expect(sentence.modelSentence('claude-opus-5-5', [], NAMES, true)).toBe(
    'Your key in Platform squad may not use the model claude-opus-5-5, and no model that the key may use is allowed there; ask Ana <ana@example.com>.',
  );
});

test.each<[scope: 'cost_center' | 'developer' | 'key', subject: string, seconds: number, expected: string]>([
  [
    'cost_center',
    'platform-squad',
    1,
    '4,000,000 tokens a minute of Platform squad is reached; this turn is tried again in a second.',
  ],
  [
    'developer',
    'dev@example.com',
    12,
    '4,000,000 tokens a minute of each developer in Platform squad (dev@example.com) is reached; this turn is tried again in 12 seconds.',
  ],
  [
    'key',
    'k1',
    60,
    '4,000,000 tokens a minute of your key k1 in Platform squad is reached; this turn is tried again in 60 seconds.',
  ],
])('a limit besides money is named, with whose it is: %s', (scope, subject, seconds, expected) => {
  const hit = { scope, subject, figure: 'tokens_per_minute' as const, most: 4_000_000 };
  expect(sentence.limitSentence(hit, seconds, NAMES)).toBe(`The limit of ${expected}`);
});

test('a stopped session is told to begin another', () => {
  expect(sentence.stoppedSentence('it loops', NAMES)).toBe(
    'This session of Platform squad was stopped: it loops; start a new session, or ask Ana <ana@example.com>.',
  );
});

test.each<[untilMs: number | null, part: string]>([
  [null, 'Platform squad is paused until it is resumed: audit; ask Ana'],
  [NOW, 'Platform squad is paused until 2026-11-23 13:00 (Europe/Berlin): audit; ask Ana'],
])('a paused cost center says until when: %s', (untilMs, part) => {
  expect(sentence.pausedSentence('audit', untilMs, NAMES)).toContain(part);
});

test('every sentence is one line', () => {
  const all = [
    spent({}, 66),
    spent({}, 59.9, 7),
    sentence.archivedSentence(ORPHAN),
    sentence.unboundedSentence('b', [], ORPHAN),
  ];
  for (const each of all) expect(each).toMatch(/^[^\n]+\.$/);
});
