/** The demo's five cost centers as a gateway is told of them, through the admin API or straight in its database. */
import { SQUAD_BUDGET, type Squad } from '../../test/traffic/squads.ts';

/** The body of `POST /cost_centers`. */
export function costCenterOf({ id, name, timezone, manager }: Squad) {
  return { id, name, timezone, manager };
}

/** The policy each squad begins with. */
export const SQUAD_POLICY = {
  budgets: [
    { id: 'team-day', scope: 'cost_center', window: 'day', limit_usd: SQUAD_BUDGET.dayUsd },
    { id: 'team-month', scope: 'cost_center', window: 'month', limit_usd: SQUAD_BUDGET.monthUsd },
    { id: 'dev-day', scope: 'developer', window: 'day', limit_usd: '40.00' },
  ],
};
