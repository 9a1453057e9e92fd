import { describe, expect, test } from 'vitest';
import { setClock, useFakeClock } from '../wallet/scenario.ts';
import { alertEvent, eventId } from './alert-event.ts';
import {
  accept,
  answerRequests,
  deliver,
  deliveriesOf,
  openDelivery,
  PAGER,
  type Received,
  route,
  type Scenario,
  webhookTo,
} from './scenario.ts';

useFakeClock();

const HOOK = webhookTo('hook');

function eventsOf({ body }: Received): { event_id: string }[] {
  return (body.data as { events: { event_id: string }[] }).events;
}

/** Many developers cross the same stage of the same budget at once. */
async function cross(scenario: Scenario, many: number): Promise<string[]> {
  const events = Array.from({ length: many }, (_, index) =>
    alertEvent({ event_id: eventId(), cost_center: scenario.id, subject: `dev-${index}@example.com` }),
  );
  await scenario.object.accept(scenario.id, events);
  return events.map((event) => event.event_id);
}

describe('more than five of a kind that wait', () => {
  test('become one message that lists them', async () => {
    const received = answerRequests();
    const scenario = await openDelivery({ routes: [route(HOOK)], fallback: [] });
    const events = await cross(scenario, 40);
    await deliver(scenario);
    expect(received).toHaveLength(1);
    expect(received[0]).toMatchObject({
      id: `digest-${events[0]}`,
      body: { type: 'alert.digest', data: { title: expect.stringContaining('40 alerts at once') } },
    });
    expect(received.flatMap(eventsOf).map((event) => event.event_id)).toEqual(events);
    expect(JSON.stringify(received[0]?.body)).toContain('and 10 more');
    const deliveries = await scenario.object.deliveries(events);
    expect(Object.values(deliveries).flat()).toHaveLength(40);
    expect(
      Object.values(deliveries)
        .flat()
        .every(({ state }) => state === 'delivered'),
    ).toBe(true);
  });

  test('five are told one by one, and so are other budgets, stages and kinds', async () => {
    const received = answerRequests();
    const scenario = await openDelivery({ routes: [route(HOOK)], fallback: [] });
    await cross(scenario, 5);
    await accept(scenario, { stage: 'team-day@0.90' });
    await accept(scenario, { budget: 'dev-day' });
    await accept(scenario, { on: 'stage:pause' });
    await deliver(scenario);
    expect(received.map(({ body }) => (body.type === 'alert.digest' ? 'digest' : 'one'))).toEqual(
      Array(8).fill('one'),
    );
  });

  test('stay one message with one id through failures, and go to the fallback as one', async () => {
    const spare = webhookTo('spare');
    let status = 503;
    const received = answerRequests(
      ({ host }) => new Response(null, { status: host === 'spare' ? 200 : status }),
    );
    const scenario = await openDelivery({ routes: [route(HOOK)], fallback: [spare] });
    const events = await cross(scenario, 8);
    await deliver(scenario);
    const [first = ''] = events;
    const nextAt = (await deliveriesOf(scenario, first))[0]?.nextAt ?? '';
    await cross(scenario, 8);
    status = 404;
    setClock(nextAt);
    await deliver(scenario);
    expect(received.map(({ host, id }) => `${host} ${id.slice(0, 6)}`)).toEqual([
      'hook digest',
      'hook digest',
      'hook digest',
      'spare digest',
    ]);
    expect(received[1]?.id).toBe(received[0]?.id);
    expect(received.map((each) => eventsOf(each).length)).toEqual([8, 8, 8, 16]);
  });

  test('open one incident', async () => {
    const received = answerRequests();
    const scenario = await openDelivery({ routes: [route(PAGER)], fallback: [] });
    await cross(scenario, 6);
    await deliver(scenario);
    await scenario.object.resolve(scenario.id, 'team-day', null);
    await deliver(scenario);
    expect(received.map(({ body }) => body.event_action)).toEqual(['trigger', 'resolve']);
    expect(received[1]?.id).toBe(received[0]?.id);
  });
});

test('a thousand events in a minute are all delivered, those of each destination gravest first', async () => {
  const received = answerRequests();
  const other = webhookTo('other');
  const routes = [
    route(HOOK, { on: ['stage:alert'], severity: 'warning' }),
    route(HOOK, { on: ['stage:downgrade'], severity: 'error' }),
    route(HOOK, { on: ['stage:pause'], severity: 'critical' }),
    route(other, { on: ['stage:pause'], severity: 'critical' }),
  ];
  const scenario = await openDelivery({ routes, fallback: [] });
  const kinds = ['stage:alert', 'stage:downgrade', 'stage:pause'];
  const events = Array.from({ length: 1_000 }, (_, index) =>
    alertEvent({
      event_id: eventId(),
      cost_center: scenario.id,
      on: kinds[index % 3] ?? '',
      budget: `budget-${index % 100}`,
    }),
  );
  for (let from = 0; from < 1_000; from += 50)
    await scenario.object.accept(scenario.id, events.slice(from, from + 50));
  await deliver(scenario);
  const states = Object.values(
    await scenario.object.deliveries(events.map((event) => event.event_id)),
  ).flat();
  expect(states).toHaveLength(1_000 + 333);
  expect(states.every(({ state }) => state === 'delivered')).toBe(true);
  const atHook = received.filter(({ host }) => host === 'hook');
  expect(new Set(atHook.flatMap(eventsOf).map((event) => event.event_id)).size).toBe(1_000);
  const severities = atHook.map(({ body }) => (body.data as { severity: string }).severity);
  const order = ['critical', 'error', 'warning'];
  expect(severities).toEqual([...severities].sort((a, b) => order.indexOf(a) - order.indexOf(b)));
}, 120_000);
