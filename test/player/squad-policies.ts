/** The policies that the squads of the generated traffic live under. */
import { builtinCatalogue } from '../../durable-objects/core/catalogue/models.ts';
import { parsePolicy } from '../../durable-objects/core/policy/parse.ts';
import type { Policy } from '../../durable-objects/core/policy/types.ts';
import { SQUAD_BUDGET, type Squad } from '../traffic/squads.ts';

export const SQUAD_DOCUMENT = {
  budgets: [
    { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: SQUAD_BUDGET.dayUsd },
    { id: 'team-month', scope: 'cost_center', window: 'month', limit_usd: SQUAD_BUDGET.monthUsd },
  ],
};

/** The same, with easy turns sent to the cheapest model while a squad has little left for its day. */
export const ROUTED_DOCUMENT = {
  ...SQUAD_DOCUMENT,
  routes: [
    {
      id: 'easy-turns',
      when: { budget: 'team-day', remaining_usd_below: '45.00', new_input_tokens_below: 10_000 },
      use: 'claude-haiku-5-5',
    },
  ],
};

/** Policies by cost center, each in its squad's time zone. Throws on a document that is wrong. */
export function policiesOf(
  squads: readonly Squad[],
  document: object,
  nowMs: number,
): (costCenter: string) => Policy | null {
  const policies = new Map<string, Policy>();
  for (const { id, timezone } of squads) {
    const parsed = parsePolicy(document, { timezone, catalogue: builtinCatalogue, nowMs });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
    policies.set(id, parsed.value.policy);
  }
  return (costCenter) => policies.get(costCenter) ?? null;
}
