/** What alert routes look like in answers. What a document may hold is core/alerting's to say. */
import { z } from '@hono/zod-openapi';
import {
  type AlertRoute,
  type AlertRoutes,
  type Destination,
  ROUTED_EVENTS,
  SEVERITIES,
} from '../../../durable-objects/core/alerting/routes.ts';

export const newAlertRoutes = z.record(z.string(), z.unknown()).openapi('NewAlertRoutes', {
  description:
    'Routes and fallback as GET shows them, with the secrets; one left out of a destination named by its id is kept.',
  example: {
    routes: [
      {
        on: ['stage:downgrade', 'stage:pause', 'increase_request'],
        severity: 'warning',
        to: [{ type: 'slack_dm', email: 'manager@example.com' }],
        quiet_hours: { from: '22:00', to: '07:00', timezone: 'Europe/Berlin' },
      },
    ],
    fallback: [{ type: 'email', to: 'platform@example.com' }],
  },
});

const destinationView = z
  .looseObject({ id: z.string().openapi({ example: 'dst_0f3a9c21d4e5b6770f3a9c21' }), type: z.string() })
  .openapi('AlertDestination', {
    description: 'A secret shows as `…_set`, and of an address its host only.',
  });

const quietHoursView = z.object({ from: z.string(), to: z.string(), timezone: z.string() });

const routeView = z.object({
  on: z.array(z.enum(ROUTED_EVENTS)),
  severity: z.enum(SEVERITIES),
  to: z.array(destinationView),
  quiet_hours: quietHoursView.nullable(),
});

export const alertRoutesView = z
  .object({
    of: z.enum(['cost_center', 'organisation', 'nobody']).openapi({
      description:
        'Whose routes these are: of the cost center itself, the organisation’s default, or none at all.',
    }),
    routes: z.array(routeView),
    fallback: z.array(destinationView),
    updated_at: z.string().nullable(),
    warnings: z.array(z.object({ path: z.string(), message: z.string() })),
  })
  .openapi('AlertRoutes');

export const testView = z
  .object({
    data: z.array(
      z.object({
        destination: z.object({ id: z.string(), type: z.string() }),
        delivered: z.boolean(),
        status: z.number().int().nullable(),
        said: z.string(),
      }),
    ),
  })
  .openapi('AlertTest');

function hostOf(readable: Destination | undefined): string | null {
  return readable && 'url' in readable ? new URL(readable.url).host : null;
}

/** A destination without what is secret; `readable` is the same in the clear, absent where it can't be opened. */
function viewOfDestination(stored: Destination, readable: Destination | undefined) {
  const { id, type } = stored;
  switch (stored.type) {
    case 'slack_dm':
      return { id, type, ...(stored.email === null ? { user_id: stored.userId } : { email: stored.email }) };
    case 'slack_channel':
      return { id, type, channel: stored.channel };
    case 'slack_webhook':
    case 'teams':
      return { id, type, url_set: true, host: hostOf(readable) };
    case 'pagerduty':
      return { id, type, routing_key_set: true };
    case 'opsgenie':
      return { id, type, api_key_set: true, region: stored.region };
    case 'webhook': {
      const previous = { previous_secret_set: stored.secrets.length > 1 };
      return { id, type, url_set: true, host: hostOf(readable), secret_set: true, ...previous };
    }
    case 'email':
      return { id, type, to: stored.to };
  }
}

/** The routes as the API and the audit log show them. */
export function viewOfRoutes({ routes, fallback }: AlertRoutes, readable: ReadonlyMap<string, Destination>) {
  const view = (destination: Destination) => viewOfDestination(destination, readable.get(destination.id));
  return {
    routes: routes.map(({ on, severity, to, quietHours }: AlertRoute) => ({
      on: [...on],
      severity,
      to: to.map(view),
      quiet_hours: quietHours,
    })),
    fallback: fallback.map(view),
  };
}
