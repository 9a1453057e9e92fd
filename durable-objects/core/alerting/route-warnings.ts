/** What alert routes may be and are probably not meant to be. */
import type { PolicyProblem } from '../policy/types.ts';
import type { AlertRoutes, Destination } from './routes.ts';

/** What of the deployment destinations need. */
export interface DeliveryMeans {
  hasSlackToken: boolean;
  hasEmail: boolean;
  /** Whether messages can have links. */
  hasPublicUrl: boolean;
}

/** Nobody in particular reads these. */
const SHARED: readonly Destination['type'][] = ['slack_channel', 'slack_webhook', 'teams'];
const STAGES = ['stage:alert', 'stage:downgrade', 'stage:pause'] as const;

/** Doubts about routes in force in this deployment, with the JSON path of each. */
export function routeWarnings({ routes, fallback }: AlertRoutes, means: DeliveryMeans): PolicyProblem[] {
  const warnings: PolicyProblem[] = [];
  for (const [index, { on, to }] of routes.entries()) {
    const isShared = to.every(({ type }) => SHARED.includes(type));
    if (isShared && STAGES.some((stage) => on.includes(stage))) {
      const message = 'only a shared channel hears of stages: add whoever can act, by slack_dm or email';
      warnings.push({ path: `routes[${index}].to`, message });
    }
  }
  const unheard = STAGES.filter((stage) => !routes.some(({ on }) => on.includes(stage)));
  if (unheard.length > 0) {
    warnings.push({ path: 'routes', message: `nobody hears of ${unheard.join(', ')}` });
  }
  if (fallback.length === 0) {
    warnings.push({ path: 'fallback', message: 'nobody is told where a destination fails' });
  }
  return [...warnings, ...missingMeans({ routes, fallback }, means)];
}

function missingMeans({ routes, fallback }: AlertRoutes, means: DeliveryMeans): PolicyProblem[] {
  const placed = [
    ...routes.flatMap(({ to }, index) =>
      to.map((each, place) => ({ each, path: `routes[${index}].to[${place}]` })),
    ),
    ...fallback.map((each, place) => ({ each, path: `fallback[${place}]` })),
  ];
  const warnings = placed.flatMap(({ each, path }): PolicyProblem[] => {
    if ((each.type === 'slack_dm' || each.type === 'slack_channel') && !means.hasSlackToken) {
      return [{ path, message: 'cannot be reached: this deployment has no SLACK_BOT_TOKEN' }];
    }
    if (each.type === 'email' && !means.hasEmail) {
      return [
        { path, message: 'cannot be reached: this deployment has no EMAIL binding, or no ALERTS_FROM' },
      ];
    }
    return [];
  });
  if (means.hasPublicUrl) return warnings;
  return [...warnings, { path: '$', message: 'messages have no links: this deployment has no PUBLIC_URL' }];
}
