import { describe, expect, test } from 'vitest';
import { builtinCatalogue } from '../../../durable-objects/core/catalogue/models.ts';
import { parsePolicy } from '../../../durable-objects/core/policy/parse.ts';
import { tighterPauses } from '../../../durable-objects/core/policy/tighter.ts';
import type { Policy } from '../../../durable-objects/core/policy/types.ts';

const DAY = { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: '500.00' };
const NO_PAUSE = [{ at: '0.80', do: 'alert' }];

function policyOf(...budgets: object[]): Policy {
  const context = { timezone: 'UTC', catalogue: builtinCatalogue, nowMs: Date.UTC(2026, 10, 24) };
  const parsed = parsePolicy({ budgets }, context);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value.policy;
}

function told(draft: object[], base: object[]): string[] {
  return tighterPauses(policyOf(...draft), { version: 2, policy: policyOf(...base) }).map(
    ({ path, message }) => `${path}: ${message.split(':')[0]}`,
  );
}

describe('a policy that pauses earlier than the live one', () => {
  test('by a lower limit is told so, with both lines', () => {
    expect(told([{ ...DAY, limit_usd: '400.00' }], [DAY])).toEqual([
      'budgets[0].limit_usd: pauses at $440.00, where version 2 does at $550.00',
    ]);
  });

  test('by a lower stage is told so too', () => {
    const stages = [{ at: '1.00', do: 'pause' }];
    expect(told([{ ...DAY, stages }], [DAY])).toEqual([
      'budgets[0].limit_usd: pauses at $500.00, where version 2 does at $550.00',
    ]);
  });

  test('by a budget the live one lacks, or that never pauses there', () => {
    const session = { id: 'session', scope: 'session', window: 'session', limit_usd: '80.00' };
    const never = 'budgets[0].limit_usd: pauses at $550.00, where version 2 never does';
    expect(told([DAY, session], [DAY])).toEqual([
      'budgets[1].limit_usd: pauses at $88.00, where version 2 never does',
    ]);
    expect(told([DAY], [{ ...DAY, stages: NO_PAUSE }])).toEqual([never]);
    expect(told([DAY], [{ ...DAY, window: 'week' }])).toEqual([never]);
  });

  test('and one that does not, or never pauses, is not told of', () => {
    expect(told([DAY], [DAY])).toEqual([]);
    expect(told([{ ...DAY, limit_usd: '600.00' }], [DAY])).toEqual([]);
    expect(told([{ ...DAY, limit_usd: '1.00', stages: NO_PAUSE }], [DAY])).toEqual([]);
  });
});
