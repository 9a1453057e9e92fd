/** Whether the stages of a policy are heard of by somebody who can act on them. */
import type { Policy, PolicyProblem, StageAction } from '../policy/types.ts';
import { type DeliveryMeans, isReachable, isShared } from './route-warnings.ts';
import type { AlertRoutes } from './routes.ts';

/** What the stages of the policy's budgets do, in ascending order. */
function actionsOf({ budgets }: Policy): StageAction[] {
  const actions = ['alert', 'downgrade', 'pause'] as const;
  return actions.filter((action) =>
    budgets.some(({ stages }) => stages.some((stage) => stage.do === action)),
  );
}

function listed(actions: readonly StageAction[]): string {
  return actions.map((action) => `stage:${action}`).join(', ');
}

/**
 * Doubts about who hears of a policy's stages by these routes (null: there are none in force). Paths lead into the
 * cost center's alert routes, after `alert_routes`.
 */
export function reachWarnings(
  policy: Policy,
  routes: AlertRoutes | null,
  means: Pick<DeliveryMeans, 'hasSlackToken' | 'hasEmail'>,
): PolicyProblem[] {
  const heard = actionsOf(policy).map((action) => {
    const on = (routes?.routes ?? []).filter((route) => route.on.includes(`stage:${action}`));
    const reached = on.flatMap(({ to }) => to).filter((each) => isReachable(each, means));
    return { action, reached };
  });
  const unheard = heard.filter(({ reached }) => reached.length === 0).map(({ action }) => action);
  const shared = heard
    .filter(({ reached }) => reached.length > 0 && reached.every(isShared))
    .map(({ action }) => action);
  const warnings: PolicyProblem[] = [];
  if (unheard.length > 0) {
    const message = `nobody is reached by ${listed(unheard)} of this policy, so that nobody acts before turns are stepped down or paused: route them to whoever can`;
    warnings.push({ path: 'alert_routes.routes', message });
  }
  if (shared.length > 0) {
    const message = `only a shared channel hears of ${listed(shared)}, where everybody waits for somebody else: add whoever can act, by slack_dm or email`;
    warnings.push({ path: 'alert_routes.routes', message });
  }
  return warnings;
}
