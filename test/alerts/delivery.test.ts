import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test, vi } from 'vitest';
import { NOON, passTime, setClock, useFakeClock } from '../wallet/scenario.ts';
import {
  accept,
  alarmAt,
  answerRequests,
  configure,
  deliver,
  deliveriesOf,
  openDelivery,
  route,
  type Scenario,
  statesOf,
  webhookTo,
  writeRoutes,
} from './scenario.ts';

useFakeClock();

const [HOOK, OTHER, SPARE] = [webhookTo('hook'), webhookTo('other'), webhookTo('spare')];
const QUIET = { from: '22:00', to: '07:00', timezone: 'Europe/Berlin' };

async function retries(scenario: Scenario): Promise<number[]> {
  const waits: number[] = [];
  for (let tries = 0; tries < 10; tries += 1) {
    const triedMs = Date.now();
    await deliver(scenario);
    const [delivery] = await scenario.object.deliveries([await firstEvent(scenario)]).then(Object.values);
    const nextAt = delivery?.[0]?.nextAt;
    if (!nextAt) break;
    waits.push((Date.parse(nextAt) - triedMs) / 1_000);
    setClock(nextAt);
  }
  return waits;
}

async function firstEvent({ object }: Scenario): Promise<string> {
  return await runInDurableObject(
    object,
    (_, { storage }) => storage.sql.exec<{ id: string }>('SELECT min(event_id) AS id FROM events').one().id,
  );
}

describe('an event', () => {
  test('is sent by the alarm, not in the call, and once however often it is handed over', async () => {
    const received = answerRequests();
    const scenario = await openDelivery({ routes: [route(HOOK)], fallback: [] });
    const event = await accept(scenario);
    await accept(scenario, { event_id: event });
    expect(received).toEqual([]);
    expect(await alarmAt(scenario)).toBe(Date.parse(NOON));
    await deliver(scenario);
    await accept(scenario, { event_id: event });
    await deliver(scenario);
    expect(received.map(({ id, body }) => [id, body.type])).toEqual([[event, 'alert.stage:alert']]);
    expect(await deliveriesOf(scenario, event)).toEqual([
      {
        destination: { id: 'dst_hook', type: 'webhook' },
        severity: 'warning',
        state: 'delivered',
        isFallback: false,
        attempts: [{ attempt: 1, at: NOON, status: 204, outcome: 'delivered', problem: null }],
        nextAt: null,
      },
    ]);
  });

  test('goes to all destinations of all its routes, once to each', async () => {
    const received = answerRequests();
    const routes = [route(HOOK), route(HOOK, { severity: 'error' }), route(OTHER, { on: ['stage:alert'] })];
    const scenario = await openDelivery({
      routes: [...routes, route(SPARE, { on: ['projection'] })],
      fallback: [],
    });
    const event = await accept(scenario);
    await deliver(scenario);
    expect(received.map(({ host }) => host).sort()).toEqual(['hook', 'other']);
    expect((await deliveriesOf(scenario, event)).map(({ severity }) => severity)).toEqual([
      'error',
      'warning',
    ]);
  });

  test('without a route has no deliveries and is not looked at again', async () => {
    const received = answerRequests();
    const scenario = await openDelivery(null);
    const event = await accept(scenario);
    await deliver(scenario);
    expect(received).toEqual([]);
    expect(await scenario.object.deliveries([event, 'unknown'])).toEqual({ [event]: [], unknown: [] });
    expect(await alarmAt(scenario)).toBe(Date.parse(NOON) + 40 * 86_400_000);
  });

  test("of a cost center without routes of its own goes by the organisation's", async () => {
    const received = answerRequests();
    await writeRoutes('*', { routes: [route(OTHER)], fallback: [] });
    const scenario = await openDelivery(null);
    await accept(scenario);
    await deliver(scenario);
    expect(received.map(({ host }) => host)).toEqual(['other']);
    await env.DB.prepare("DELETE FROM alert_routes WHERE cost_center = '*'").run();
  });

  test('is forgotten after 40 days', async () => {
    answerRequests();
    const scenario = await openDelivery({ routes: [route(HOOK)], fallback: [] });
    const event = await accept(scenario);
    await deliver(scenario);
    passTime(40 * 86_400_000 + 1);
    await deliver(scenario);
    expect(await deliveriesOf(scenario, event)).toEqual([]);
    expect(await alarmAt(scenario)).toBeNull();
  });
});

describe('a destination that fails', () => {
  test('is tried after 5 s, 30 s, 2, 10 and 30 min; then it is a dead letter', async () => {
    const received = answerRequests(() => new Response('busy', { status: 503 }));
    const scenario = await openDelivery({ routes: [route(HOOK)], fallback: [] });
    const event = await accept(scenario);
    expect(await retries(scenario)).toEqual([5, 30, 120, 600, 1_800]);
    expect(new Set(received.map(({ id }) => id))).toEqual(new Set([event]));
    const [delivery] = await deliveriesOf(scenario, event);
    expect(delivery).toMatchObject({ state: 'dead', nextAt: null });
    expect(delivery?.attempts).toHaveLength(6);
    expect(delivery?.attempts[5]).toMatchObject({
      attempt: 6,
      status: 503,
      outcome: 'failed',
      problem: 'answered 503: busy',
    });
  });

  test('is not asked again before it said, but within an hour', async () => {
    const scenario = await openDelivery({ routes: [route(HOOK), route(OTHER)], fallback: [] });
    answerRequests(({ host }) => {
      const wait = host === 'hook' ? '90' : '999999';
      return new Response(null, { status: 429, headers: { 'retry-after': wait } });
    });
    const event = await accept(scenario);
    await deliver(scenario);
    const nextAt = (await deliveriesOf(scenario, event)).map(
      (each) => Date.parse(each.nextAt ?? '') - Date.now(),
    );
    expect(nextAt).toEqual([90_000, 3_600_000]);
    expect(await alarmAt(scenario)).toBe(Date.parse(NOON) + 90_000);
  });

  test.each([400, 401, 403, 404, 413, 302])('for good (%i) is not tried again', async (status) => {
    const received = answerRequests(() => new Response(null, { status }));
    const scenario = await openDelivery({ routes: [route(HOOK)], fallback: [] });
    const event = await accept(scenario);
    await deliver(scenario);
    expect(received).toHaveLength(1);
    expect(await statesOf(scenario, event)).toEqual(['dst_hook dead']);
  });

  test('gives way to the fallback, which says why; a fallback that fails has none', async () => {
    const scenario = await openDelivery({ routes: [route(HOOK)], fallback: [SPARE, OTHER] });
    const received = answerRequests(
      ({ host }) => new Response(null, { status: host === 'spare' ? 200 : 403 }),
    );
    const event = await accept(scenario);
    await deliver(scenario);
    expect(await statesOf(scenario, event)).toEqual([
      'dst_hook dead',
      'dst_spare delivered',
      'dst_other dead',
    ]);
    const told = received.find(({ host }) => host === 'spare')?.body;
    expect(told).toMatchObject({
      data: { is_fallback: true, note: expect.stringContaining('webhook (dst_hook): answered 403') },
    });
  });

  test('that is gone (410) gets nothing more until its routes change', async () => {
    const received = answerRequests(() => new Response(null, { status: 410 }));
    const routes = { routes: [route(HOOK)], fallback: [] };
    const scenario = await openDelivery(routes);
    await accept(scenario);
    await deliver(scenario);
    const second = await accept(scenario);
    await deliver(scenario);
    expect(received).toHaveLength(1);
    expect((await deliveriesOf(scenario, second))[0]?.attempts[0]?.problem).toContain('410');
    await writeRoutes(scenario.id, routes, 2);
    await scenario.object.routesChanged(scenario.id);
    await accept(scenario);
    await deliver(scenario);
    expect(received).toHaveLength(2);
  });

  test('can be sent to again, at once and with the same id', async () => {
    let status = 500;
    const received = answerRequests(() => new Response(null, { status }));
    const scenario = await openDelivery({ routes: [route(HOOK)], fallback: [] });
    const event = await accept(scenario);
    await retries(scenario);
    status = 200;
    expect(await scenario.object.resend(event)).toBe(1);
    await deliver(scenario);
    expect(await statesOf(scenario, event)).toEqual(['dst_hook delivered']);
    expect(received.map(({ id }) => id)).toEqual(Array(7).fill(event));
    expect((await deliveriesOf(scenario, event))[0]?.attempts.at(-1)?.attempt).toBe(7);
    expect(await scenario.object.resend(event)).toBe(0);
  });

  test('that hangs holds up no other, also not for what comes while it hangs', async () => {
    const hangs = Promise.withResolvers<Response>();
    const scenario = await openDelivery({
      routes: [route(HOOK), route(OTHER, { on: ['stage:pause'], severity: 'critical' })],
      fallback: [],
    });
    const received = answerRequests(({ host }) => (host === 'hook' ? hangs.promise : new Response()));
    await accept(scenario);
    const running = deliver(scenario);
    await vi.waitUntil(() => received.length === 1);
    const urgent = await accept(scenario, { on: 'stage:pause' });
    await vi.waitUntil(async () => (await statesOf(scenario, urgent)).includes('dst_other delivered'));
    expect(received.map(({ host }) => host)).toEqual(['hook', 'other']);
    hangs.resolve(new Response());
    await running;
  });

  test('and a message that cannot be written hold up nothing either: it ends as a dead letter', async () => {
    const received = answerRequests();
    const scenario = await openDelivery({ routes: [route(HOOK)], fallback: [] });
    await env.DB.prepare("UPDATE cost_centers SET timezone = 'Mars/Olympus' WHERE id = ?")
      .bind(scenario.id)
      .run();
    const event = await accept(scenario);
    expect(await retries(scenario)).toEqual([5, 30, 120, 600, 1_800]);
    expect(received).toEqual([]);
    expect(await deliveriesOf(scenario, event)).toMatchObject([
      { state: 'dead', attempts: Array(6).fill({ problem: 'Bursar could not write the message' }) },
    ]);
  });

  test('among many: with more waiting than go at once, the gravest still come first', async () => {
    const received = answerRequests();
    const many = Array.from({ length: 8 }, (_, index) => webhookTo(`many-${index}`));
    const urgent = webhookTo('urgent');
    const scenario = await openDelivery({
      routes: [
        ...many.map((each) => route(each, { on: ['stage:alert'] })),
        route(urgent, { on: ['stage:pause'], severity: 'critical' }),
      ],
      fallback: [],
    });
    for (let budget = 0; budget < 30; budget += 1) await accept(scenario, { budget: `budget-${budget}` });
    await accept(scenario, { on: 'stage:pause' });
    await deliver(scenario);
    expect(received).toHaveLength(8 * 30 + 1);
    expect(received[0]?.host).toBe('urgent');
    const begun = many.map((each) => received.findIndex(({ host }) => each.id === `dst_${host}`));
    // None waits until all others are done.
    expect(Math.max(...begun)).toBeLessThan(8 * 30 - 30);
  });

  test('that does not answer in time is tried again', async () => {
    const scenario = await openDelivery({ routes: [route(HOOK)], fallback: [] });
    await configure(scenario, { ALERTS_TIMEOUT_MS: '100' });
    answerRequests(() => new Promise(() => undefined));
    const event = await accept(scenario);
    await deliver(scenario);
    expect((await deliveriesOf(scenario, event))[0]).toMatchObject({
      state: 'waiting',
      attempts: [{ status: null, problem: 'no answer within 100 ms' }],
    });
  });
});

describe('quiet hours', () => {
  const late = '2035-06-13T21:30:00.000Z';

  test('hold an event until they end; the critical pass', async () => {
    setClock(late);
    const received = answerRequests();
    const quietHours = QUIET;
    const routes = [route(HOOK, { quietHours }), route(OTHER, { quietHours, severity: 'critical' })];
    const scenario = await openDelivery({ routes, fallback: [] });
    const event = await accept(scenario);
    await deliver(scenario);
    expect(received.map(({ host }) => host)).toEqual(['other']);
    const [held] = await deliveriesOf(scenario, event);
    expect(held).toMatchObject({ state: 'held', nextAt: '2035-06-14T05:00:00.000Z', attempts: [] });
    expect(await alarmAt(scenario)).toBe(Date.parse('2035-06-14T05:00:00.000Z'));
    setClock('2035-06-14T05:00:00.000Z');
    await deliver(scenario);
    expect(await statesOf(scenario, event)).toEqual(['dst_hook delivered', 'dst_other delivered']);
  });
});
