/** From a destination as a body writes it to one that messages can be sent to. */
import type { PolicyProblem } from '../policy/types.ts';
import { err, ok, type Result } from '../result.ts';
import { checkAddress } from './address.ts';
import type { DestinationForm } from './destination-schema.ts';
import type { Destination } from './routes.ts';

export interface DestinationContext {
  /** Destinations that are there, by id, with their secrets; those that can't be read any more are left out. */
  present: ReadonlyMap<string, Destination>;
  /** Whether addresses may be on this machine. */
  allowPrivate: boolean;
}

type OfType<Type extends Destination['type']> = Extract<Destination, { type: Type }>;

/** What is being read, with what is wrong with it so far. */
interface Reading {
  path: string;
  context: DestinationContext;
  problems: PolicyProblem[];
}

/** The destination, its id empty where it is a new one; else everything wrong with it. */
export function toDestination(
  form: DestinationForm,
  path: string,
  context: DestinationContext,
): Result<Destination, PolicyProblem[]> {
  const reading: Reading = { path, context, problems: [] };
  const kept = form.id === undefined ? null : (context.present.get(form.id) ?? null);
  if (form.id !== undefined && kept?.type !== form.type) {
    const message = `expected the id of a destination of type "${form.type}" that is there; leave it out for a new one`;
    return err([{ path: `${path}.id`, message }]);
  }
  const destination = fill(form, kept, reading);
  return reading.problems.length > 0 || !destination ? err(reading.problems) : ok(destination);
}

function fill(form: DestinationForm, kept: Destination | null, reading: Reading): Destination | null {
  const id = form.id ?? '';
  switch (form.type) {
    case 'slack_dm':
      return { id, type: form.type, email: form.email ?? null, userId: form.user_id ?? null };
    case 'slack_channel':
      return { id, type: form.type, channel: form.channel };
    case 'email':
      return { id, type: form.type, to: form.to };
    case 'slack_webhook':
    case 'teams': {
      const url = address(form.url, ofType(kept, form.type)?.url, reading);
      return { id, type: form.type, url };
    }
    case 'pagerduty': {
      const routingKey = secret(
        form.routing_key,
        ofType(kept, form.type)?.routingKey,
        'routing_key',
        reading,
      );
      return { id, type: form.type, routingKey };
    }
    case 'opsgenie': {
      const apiKey = secret(form.api_key, ofType(kept, form.type)?.apiKey, 'api_key', reading);
      return { id, type: form.type, apiKey, region: form.region };
    }
    case 'webhook': {
      const former = ofType(kept, form.type);
      const url = address(form.url, former?.url, reading);
      return { id, type: form.type, url, secrets: webhookSecrets(form, former, reading) };
    }
  }
}

function ofType<Type extends Destination['type']>(kept: Destination | null, type: Type): OfType<Type> | null {
  return kept?.type === type ? (kept as OfType<Type>) : null;
}

/** The secret that was given, or else the one that is kept. */
function secret(
  given: string | undefined,
  kept: string | undefined,
  field: string,
  reading: Reading,
): string {
  const found = given ?? kept;
  if (found !== undefined) return found;
  reading.problems.push({ path: `${reading.path}.${field}`, message: `expected "${field}"` });
  return '';
}

function address(given: string | undefined, kept: string | undefined, reading: Reading): string {
  const { path, context } = reading;
  const url = secret(given, kept, 'url', reading);
  if (url === '' && given === undefined) return url;
  const checked = checkAddress(url, context);
  if (checked.ok) return checked.value.href;
  reading.problems.push({ path: `${path}.url`, message: checked.error });
  return url;
}

/** A new secret in front keeps the former one behind it, so that receivers can follow, until null drops it. */
function webhookSecrets(
  form: Extract<DestinationForm, { type: 'webhook' }>,
  former: OfType<'webhook'> | null,
  reading: Reading,
): [string, ...string[]] {
  const [present, before] = former?.secrets ?? [];
  const newest = secret(form.secret, present, 'secret', reading);
  const isRotated = form.secret !== undefined && form.secret !== present;
  const previous = form.previous_secret === undefined ? (isRotated ? present : before) : form.previous_secret;
  return previous === null || previous === undefined || previous === newest ? [newest] : [newest, previous];
}
