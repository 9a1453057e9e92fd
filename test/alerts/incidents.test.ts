import { describe, expect, test } from 'vitest';
import type { Destination } from '../../durable-objects/core/alerting/routes.ts';
import { passTime, setClock, useFakeClock } from '../wallet/scenario.ts';
import { accept, alarmAt, answerRequests, deliver, openDelivery, PAGER, route } from './scenario.ts';

useFakeClock();

const OPSGENIE: Destination = { id: 'dst_opsgenie', type: 'opsgenie', apiKey: 'GENIE', region: 'eu' };

describe('an incident', () => {
  test('ends when the window resets', async () => {
    const received = answerRequests();
    const scenario = await openDelivery({ routes: [route(PAGER)], fallback: [] });
    const event = await accept(scenario);
    await deliver(scenario);
    expect(await alarmAt(scenario)).toBe(Date.parse('2035-06-14T00:00:00.000Z'));
    setClock('2035-06-14T00:00:00.000Z');
    await deliver(scenario);
    await deliver(scenario);
    expect(received.map(({ body }) => [body.event_action, body.dedup_key])).toEqual([
      ['trigger', event],
      ['resolve', event],
    ]);
  });

  test.each([
    [null, ['a', 'b']],
    ['b', ['b']],
  ])('of a raised budget ends at once, for subject %s', async (subject, ended) => {
    const received = answerRequests();
    const scenario = await openDelivery({ routes: [route(PAGER)], fallback: [] });
    const events = new Map([
      [await accept(scenario, { subject: 'a' }), 'a'],
      [await accept(scenario, { subject: 'b' }), 'b'],
      [await accept(scenario, { budget: 'other' }), 'other'],
    ]);
    await deliver(scenario);
    await scenario.object.resolve(scenario.id, 'team-day', subject);
    await deliver(scenario);
    const resolved = received.filter(({ body }) => body.event_action === 'resolve');
    expect(resolved.map(({ id }) => events.get(id)).sort()).toEqual(ended);
  });

  test('that cannot be ended at once is tried again, and not before its message has arrived', async () => {
    let status = 500;
    const received = answerRequests(() => new Response(null, { status }));
    const scenario = await openDelivery({ routes: [route(PAGER)], fallback: [] });
    await accept(scenario);
    await deliver(scenario);
    await scenario.object.resolve(scenario.id, 'team-day', null);
    passTime(4_000);
    await deliver(scenario);
    expect(received.map(({ body }) => body.event_action)).toEqual(['trigger']);
    status = 202;
    passTime(1_000);
    await deliver(scenario);
    expect(received.map(({ body }) => body.event_action)).toEqual(['trigger', 'trigger', 'resolve']);
  });

  test('at Opsgenie is closed by its alias', async () => {
    const received = answerRequests();
    const scenario = await openDelivery({ routes: [route(OPSGENIE)], fallback: [] });
    const event = await accept(scenario);
    await deliver(scenario);
    await scenario.object.resolve(scenario.id, 'team-day', null);
    await deliver(scenario);
    expect(received.map(({ url }) => url)).toEqual([
      'https://api.eu.opsgenie.com/v2/alerts',
      `https://api.eu.opsgenie.com/v2/alerts/${event}/close?identifierType=alias`,
    ]);
  });

  test('of what concerns no budget, or of a session, is left to people', async () => {
    const received = answerRequests();
    const scenario = await openDelivery({
      routes: [route(PAGER, { on: ['stage:alert', 'unknown_model'] })],
      fallback: [],
    });
    await accept(scenario, { on: 'unknown_model', budget: null, subject: 'claude-next' });
    await accept(scenario, { budget: 'session', subject: 'session-1', resets_at: null });
    await deliver(scenario);
    passTime(86_400_000);
    await deliver(scenario);
    expect(received.map(({ body }) => body.event_action)).toEqual(['trigger', 'trigger']);
  });
});

describe('a test of the routes', () => {
  test('reaches every destination once, marked, pages nobody for long, and says what came back', async () => {
    const scenario = await openDelivery({
      routes: [route(PAGER), route(OPSGENIE), route(PAGER, { severity: 'critical' })],
      fallback: [{ id: 'dst_mail', type: 'email', to: 'mara@example.com' }],
    });
    const received = answerRequests(({ url }) =>
      url.includes('opsgenie')
        ? new Response('{"message":"Key GENIE is wrong"}', { status: 401 })
        : new Response(null, { status: 202 }),
    );
    const results = await scenario.object.sendTest(scenario.id);
    expect(results).toEqual([
      { destination: { id: 'dst_pager', type: 'pagerduty' }, delivered: true, status: 202, said: 'taken' },
      {
        destination: { id: 'dst_opsgenie', type: 'opsgenie' },
        delivered: false,
        status: 401,
        said: 'answered 401: {"message":"Key … is wrong"}',
      },
      {
        destination: { id: 'dst_mail', type: 'email' },
        delivered: true,
        status: null,
        said: expect.stringContaining('taken as'),
      },
    ]);
    const paged = received.filter(({ url }) => url.includes('pagerduty'));
    expect(paged.map(({ body }) => body.event_action)).toEqual(['trigger', 'resolve']);
    expect(paged[0]?.body).toMatchObject({
      payload: { severity: 'critical', summary: expect.stringContaining('Test from Bursar') },
    });
  });
});
