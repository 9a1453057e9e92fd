/** Sends a marked test to every destination of the routes in force, once, several at a time. */
import { SEVERITIES, type Severity } from '../core/alerting/routes.ts';
import { composeTest } from './compose.ts';
import { final, type Outcome } from './destinations/outcome.ts';
import { endIncident, keepsIncidents, type SendingContext, send } from './destinations/send.ts';
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
      const severity = severityFor(sealed.id, routes.routes);
      const destination = await openDestination(sealed, sending.settings.secrets);
      const id = `test-${testId}-${sealed.id}`;
      const outcome = destination
        ? await send(destination, composeTest(id, costCenter, severity), sending)
        : final(null, 'its credential cannot be opened any more; configure it anew');
      // Nobody is to be paged by a test for longer than it takes.
      if (destination && outcome.result === 'delivered' && keepsIncidents(destination.type)) {
        await endIncident(destination, id, sending);
      }
      return { destination: { id: sealed.id, type: sealed.type }, ...toResult(outcome) };
    });
    results.push(...(await Promise.all(some)));
  }
  return results;
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
