/** Which of a destination's fields are secrets: sealed where they are kept, and never shown. */
import type { Destination } from './routes.ts';

/** The secrets, in an order of their own that `withSecrets` takes them back in. */
export function secretsOf(destination: Destination): readonly string[] {
  switch (destination.type) {
    case 'slack_webhook':
    case 'teams':
      return [destination.url];
    case 'pagerduty':
      return [destination.routingKey];
    case 'opsgenie':
      return [destination.apiKey];
    case 'webhook':
      return [destination.url, ...destination.secrets];
    case 'slack_dm':
    case 'slack_channel':
    case 'email':
      return [];
  }
}

/** The destination with these in place of its secrets. Throws a RangeError where one is missing: a bug. */
export function withSecrets(destination: Destination, secrets: readonly string[]): Destination {
  const [first, second, ...rest] = secrets;
  switch (destination.type) {
    case 'slack_webhook':
    case 'teams':
      return { ...destination, url: present(first) };
    case 'pagerduty':
      return { ...destination, routingKey: present(first) };
    case 'opsgenie':
      return { ...destination, apiKey: present(first) };
    case 'webhook':
      return { ...destination, url: present(first), secrets: [present(second), ...rest] };
    case 'slack_dm':
    case 'slack_channel':
    case 'email':
      return destination;
  }
}

function present(secret: string | undefined): string {
  if (secret === undefined) throw new RangeError('a secret is missing');
  return secret;
}
