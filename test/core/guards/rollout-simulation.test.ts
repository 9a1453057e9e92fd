import { expect, test } from 'vitest';
import { policyOf } from '../judging.ts';
import { seeded } from './chance.ts';
import { play, type World } from './rollout-world.ts';

const STAGES = [
  { at: '0.50', do: 'downgrade', step_down: 'always' },
  { at: '1.00', do: 'pause' },
];

function policy(teamUsd: string, rest: object = {}) {
  return policyOf({
    budgets: [{ id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: teamUsd }],
    stages: STAGES,
    ...rest,
  });
}

const ROUTES = [{ id: 'cheap', when: { lines: ['opus'] }, use: 'claude-haiku-5-5' }];

/** Cheaper models fail a little more often. */
function usualFailures(model: string): number {
  return model.includes('opus') ? 0.08 : model.includes('sonnet') ? 0.09 : 0.1;
}

const GOOD: World = {
  base: policy('40'),
  candidate: policy('40', { routes: ROUTES }),
  share: 300_000,
  atOnce: 12,
  turnsADay: 70,
  days: 2,
  broken: [],
  failing: usualFailures,
};

test('no guard trips in 1,000 seeded rollouts of a policy with the same limits and better routes', () => {
  const runs = Array.from({ length: 1_000 }, (_, seed) =>
    play({ ...GOOD, share: seed % 2 === 0 ? null : 300_000 }, seeded(seed)),
  );
  expect(runs.filter(({ tripped }) => tripped !== null)).toEqual([]);
  // The budget is one that lasts.
  expect(runs.reduce((sum, { refusals }) => sum + refusals, 0)).toBe(0);
});

test('no guard trips in 1,000 seeded rollouts on days when the budget runs out under both policies', () => {
  const runs = Array.from({ length: 1_000 }, (_, seed) => {
    const share = seed % 2 === 0 ? null : 300_000;
    return play(
      { ...GOOD, base: policy('3'), candidate: policy('3', { routes: ROUTES }), share },
      seeded(seed),
    );
  });
  expect(runs.filter(({ tripped }) => tripped !== null)).toEqual([]);
  expect(Math.min(...runs.map(({ refusals }) => refusals))).toBeGreaterThan(10);
});

const BAD: Record<string, { signals: readonly string[]; world: World }> = {
  'a cap that refuses what the base serves': {
    signals: ['refusals'],
    world: { ...GOOD, base: policy('200'), candidate: policy('8'), turnsADay: 400 },
  },
  'a route to a model that the upstream refuses': {
    signals: ['upstream_400s'],
    world: { ...GOOD, candidate: policy('40', { routes: ROUTES }), broken: ['claude-haiku-5-5'] },
  },
  'a route to a model whose tool calls all fail': {
    signals: ['outcome_errors'],
    world: {
      ...GOOD,
      candidate: policy('40', { routes: ROUTES }),
      // Three bad turns a session count: where few sessions run, it takes more of them.
      atOnce: 60,
      failing: (model) => (model.includes('haiku') ? 1 : 0.08),
    },
  },
};

test.each(Object.entries(BAD))('%s trips the guard within 20 bad turns, for all and as a canary', (_, {
  signals,
  world,
}) => {
  for (const share of [null, 300_000]) {
    for (let seed = 0; seed < 50; seed += 1) {
      const { tripped, badTurns } = play({ ...world, share, days: 7 }, seeded(seed));
      expect(signals).toContain(tripped);
      expect(badTurns).toBeLessThanOrEqual(20);
    }
  }
});
