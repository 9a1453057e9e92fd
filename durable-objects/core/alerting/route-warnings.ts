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

export function isShared({ type }: Destination): boolean {
  return SHARED.includes(type);
}

type SendingMeans = Pick<DeliveryMeans, 'hasSlackToken' | 'hasEmail'>;

/** Whether the deployment has what it takes to send there. */
export function isReachable({ type }: Destination, { hasSlackToken, hasEmail }: SendingMeans): boolean {
  if (type === 'slack_dm' || type === 'slack_channel') return hasSlackToken;
  return type !== 'email' || hasEmail;
}

const STAGES = ['stage:alert', 'stage:downgrade', 'stage:pause'] as const;

/** Doubts about routes in force in this deployment, with the JSON path of each. */
export function routeWarnings({ routes, fallback }: AlertRoutes, means: DeliveryMeans): PolicyProblem[] {
  const warnings: PolicyProblem[] = [];
  for (const [index, { on, to }] of routes.entries()) {
    if (to.every(isShared) && STAGES.some((stage) => on.includes(stage))) {
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
    if (isReachable(each, means)) return [];
    const missing = each.type === 'email' ? 'EMAIL binding, or no ALERTS_FROM' : 'SLACK_BOT_TOKEN';
    return [{ path, message: `cannot be reached: this deployment has no ${missing}` }];
  });
  if (means.hasPublicUrl) return warnings;
  return [...warnings, { path: '$', message: 'messages have no links: this deployment has no PUBLIC_URL' }];
}
