/** Sends a marked test to every destination of the routes in force, once, several at a time. */
import { type Destination, SEVERITIES, type Severity } from '../core/alerting/routes.ts';
import { composeTest } from './compose.ts';
import { attempted, final, type Outcome } from './destinations/outcome.ts';
import { endIncident, keepsIncidents, type SendingContext, send } from './destinations/send.ts';
import type { Message } from './message.ts';
import { destinationsOf, openDestination, type RoutesInForce } from './routes-copy.ts';
import { rankOf } from './routing.ts';
import type { TestResult } from './rpc.ts';

const AT_ONCE = 6;

/** `testId` names the test; messages of it are told apart by their destination. */
export async function tryDestinations(
  costCenter: string,
  testId: string,
  { routes }: RoutesInForce,
  sending: SendingContext,
): Promise<TestResult[]> {
  const destinations = destinationsOf(routes);
  const results: TestResult[] = [];
  for (let from = 0; from < destinations.length; from += AT_ONCE) {
    const some = destinations.slice(from, from + AT_ONCE).map(async (sealed): Promise<TestResult> => {
      const message = composeTest(
        `test-${testId}-${sealed.id}`,
        costCenter,
        severityFor(sealed.id, routes.routes),
      );
      const outcome = await attempted(() => tryOne(sealed, message, sending));
      return { destination: { id: sealed.id, type: sealed.type }, ...toResult(outcome) };
    });
    results.push(...(await Promise.all(some)));
  }
  return results;
}

async function tryOne(sealed: Destination, message: Message, sending: SendingContext): Promise<Outcome> {
  const destination = await openDestination(sealed, sending.settings.secrets);
  if (!destination) return final(null, 'its credential cannot be opened any more; configure it anew');
  const outcome = await send(destination, message, sending);
  // Nobody is to be paged by a test for longer than it takes.
  if (outcome.result === 'delivered' && keepsIncidents(destination.type)) {
    await endIncident(destination, message.id, sending);
  }
  return outcome;
}

function toResult(outcome: Outcome): Pick<TestResult, 'delivered' | 'status' | 'said'> {
  const { result, status } = outcome;
  return result === 'delivered'
    ? { delivered: true, status, said: outcome.said === '' ? 'taken' : outcome.said }
    : { delivered: false, status, said: outcome.problem };
}

/** The gravest that a destination is told of; a fallback's alone is a warning. */
function severityFor(id: string, routes: RoutesInForce['routes']['routes']): Severity {
  const ranks = routes
    .filter(({ to }) => to.some((each) => each.id === id))
    .map((route) => rankOf(route.severity));
  return SEVERITIES[Math.max(...ranks)] ?? 'warning';
}
