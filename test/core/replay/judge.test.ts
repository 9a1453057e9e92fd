import fc from 'fast-check';
import { expect, test } from 'vitest';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { decide } from '../../../durable-objects/core/decide.ts';
import { Judge } from '../../../durable-objects/core/replay/judge.ts';
import { withLimits } from '../../../durable-objects/core/replay/worlds.ts';
import { NOW, nextTurn, policyOf, standings, warm } from '../judging.ts';

const MODELS = ['claude-opus-5-5', 'claude-sonnet-5-5', 'claude-haiku-5-5', 'claude-unheard-of'];

const policies = [
  policyOf({ budgets: [{ id: 'a', scope: 'cost_center', window: 'day', limit_usd: '10' }] }),
  policyOf({
    budgets: [
      { id: 'a', scope: 'cost_center', window: 'day', limit_usd: '10', admission: 'guaranteed' },
      { id: 'b', scope: 'developer', window: 'day', limit_usd: '8', line: 'opus' },
    ],
  }),
  policyOf({
    budgets: [{ id: 'a', scope: 'cost_center', window: 'day', limit_usd: '10' }],
    allowed_models: ['claude-sonnet-5-5', 'claude-haiku-5-5'],
  }),
  policyOf({
    budgets: [{ id: 'a', scope: 'cost_center', window: 'day', limit_usd: '10' }],
    routes: [
      { id: 'r', when: { budget: 'a', remaining_usd_below: '4', lines: ['opus'] }, use: 'claude-haiku-5-5' },
    ],
  }),
];

const money = fc.tuple(
  fc.double({ min: 0, max: 12, noNaN: true }),
  fc.double({ min: 0, max: 3, noNaN: true }),
);
const world = fc.record({ policy: fc.constantFrom(...policies), money: fc.tuple(money, money) });

const keyModels = fc.option(fc.subarray([...MODELS], { minLength: 1 }));

test('one decision taken for many worlds is the one each would have made', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...MODELS),
      fc.array(world, { minLength: 2, maxLength: 6 }),
      keyModels,
      (model, worlds, allowedModels) => {
        const judge = new Judge(builtinCatalogue, NOW);
        const turn = nextTurn(warm(60_000), { model }, { allowedModels });
        for (const { policy, money: spent } of worlds) {
          const stood = standings(policy, spent);
          expect(judge.decide(turn, () => stood, policy, false)).toEqual(
            decide(turn, stood, policy, builtinCatalogue, NOW),
          );
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('so is one taken because the limits were lower before, and no less was spent', () => {
  fc.assert(
    fc.property(fc.constantFrom(...MODELS), world, (model, { policy, money: spent }) => {
      const judge = new Judge(builtinCatalogue, NOW);
      const turn = nextTurn(warm(60_000), { model });
      for (const limits of ['0.9', '1.0', '1.1'] as const) {
        const scaled = withLimits(policy, limits);
        const stood = standings(scaled, spent);
        expect(judge.decide(turn, () => stood, scaled, limits !== '0.9')).toEqual(
          decide(turn, stood, scaled, builtinCatalogue, NOW),
        );
      }
    }),
    { numRuns: 300 },
  );
});
