/** Who hears of what: the routes of a cost center (or the organisation) with their destinations, as delivery reads them. */

/** What a route can be for: the values of `on` in alert events. */
export const ROUTED_EVENTS = [
  'stage:alert',
  'stage:downgrade',
  'stage:pause',
  'projection',
  'reconciliation',
  'ledger_lag',
  'model_retiring',
  'policy_signature',
  'unknown_model',
  'upstream_credential',
  'increase_request',
  'policy_rolled_back',
] as const;
export type RoutedEvent = (typeof ROUTED_EVENTS)[number];

/** Ascending. `critical` is not held back by quiet hours. */
export const SEVERITIES = ['info', 'warning', 'error', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Where a message goes. `id` is Bursar's own name for it; credentials are in the clear here and sealed in D1. */
export type Destination = { id: string } & (
  | { type: 'slack_dm'; email: string | null; userId: string | null }
  | { type: 'slack_channel'; channel: string }
  | { type: 'slack_webhook'; url: string }
  | { type: 'teams'; url: string }
  | { type: 'pagerduty'; routingKey: string }
  | { type: 'opsgenie'; apiKey: string; region: 'us' | 'eu' }
  /** `whsec_…` each, newest first: while a secret rotates, a message is signed with all of them. */
  | { type: 'webhook'; url: string; secrets: readonly [string, ...string[]] }
  | { type: 'email'; to: string }
);

/** Times of day "HH:MM" in an IANA time zone; over midnight where `from` is later. Never equal. */
export interface QuietHours {
  from: string;
  to: string;
  timezone: string;
}

export interface AlertRoute {
  on: readonly RoutedEvent[];
  severity: Severity;
  /** In order of preference of the reader; all of them get it. */
  to: readonly [Destination, ...Destination[]];
  /** Null: at any hour. */
  quietHours: QuietHours | null;
}

export interface AlertRoutes {
  routes: readonly AlertRoute[];
  /** Each is told where a destination of a route finally failed. */
  fallback: readonly Destination[];
}
