/** One cost center's delivery object, its routes in D1, and destinations that answer what a test chooses. */
import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { onTestFinished, vi } from 'vitest';
import type { AlertDelivery } from '../../durable-objects/alerts/delivery.ts';
import { SEAL_PURPOSE } from '../../durable-objects/alerts/routes-copy.ts';
import type { Delivery } from '../../durable-objects/alerts/rpc.ts';
import type { AlertRoute, AlertRoutes, Destination } from '../../durable-objects/core/alerting/routes.ts';
import type { AlertEvent } from '../../durable-objects/ledger/entry.ts';
import { seal } from '../../durable-objects/ledger/sealed.ts';
import { createCostCenter, freshCostCenter } from '../fixture.ts';
import { alertEvent, eventId } from './alert-event.ts';

export type DeliveryStub = DurableObjectStub<AlertDelivery>;

export const SECRET = { generation: 1, secret: 'test-secret-of-the-first-generation-0001' };
export const WEBHOOK_SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

export interface Scenario {
  id: string;
  object: DeliveryStub;
}

export async function openDelivery(routes: AlertRoutes | null): Promise<Scenario> {
  const id = freshCostCenter();
  await createCostCenter(id, null);
  if (routes) await writeRoutes(id, routes);
  const scenario = { id, object: env.ALERTS.get(env.ALERTS.idFromName(id)) };
  await configure(scenario, {});
  return scenario;
}

/** The object is told of its deployment by the test, after each eviction anew. */
export async function configure({ object }: Scenario, variables: object): Promise<void> {
  await runInDurableObject(object, (instance) => {
    const known = Reflect.get(instance, 'env');
    Reflect.set(instance, 'env', {
      ...known,
      PUBLIC_URL: 'https://bursar.example',
      SLACK_BOT_TOKEN: 'xoxb-test',
      ALERTS_FROM: 'bursar@example.com',
      ...variables,
    });
  });
}

/** Writes what the routes API would: the document with its credentials sealed. */
export async function writeRoutes(costCenter: string, routes: AlertRoutes, revision = 1): Promise<void> {
  const sealed = {
    routes: await Promise.all(
      routes.routes.map(async (route) => ({ ...route, to: await Promise.all(route.to.map(sealedOf)) })),
    ),
    fallback: await Promise.all(routes.fallback.map(sealedOf)),
  };
  await env.DB.prepare('INSERT OR REPLACE INTO alert_routes VALUES (?, ?, ?, ?)')
    .bind(costCenter, JSON.stringify(sealed), revision, '2035-01-01T00:00:00.000Z')
    .run();
}

async function sealedOf(destination: Destination): Promise<object> {
  const close = (text: string) =>
    seal(text, SEAL_PURPOSE, SECRET, crypto.getRandomValues(new Uint8Array(12)));
  const sealed: Record<string, unknown> = { ...destination };
  for (const field of ['url', 'routingKey', 'apiKey']) {
    const value = sealed[field];
    if (typeof value === 'string') sealed[field] = await close(value);
  }
  if (destination.type === 'webhook') sealed.secrets = await Promise.all(destination.secrets.map(close));
  return sealed;
}

export function webhookTo(host: string): Destination {
  return {
    id: `dst_${host}`,
    type: 'webhook',
    url: `https://${host}.example/hook`,
    secrets: [WEBHOOK_SECRET],
  };
}

export const PAGER: Destination = { id: 'dst_pager', type: 'pagerduty', routingKey: 'R0UT1NGKEY' };

export function route(to: Destination, changes: Partial<AlertRoute> = {}): AlertRoute {
  return { on: ['stage:alert', 'stage:pause'], severity: 'warning', to: [to], quietHours: null, ...changes };
}

export interface Received {
  url: string;
  host: string;
  id: string;
  body: Record<string, unknown>;
}

type Answer = (received: Received) => Response | Promise<Response>;

/** Answers all requests that leave, and keeps what was asked. */
export function answerRequests(answer: Answer = () => new Response(null, { status: 204 })): Received[] {
  const received: Received[] = [];
  const spy = vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const request = new Request(input as RequestInfo, init as RequestInit);
    const text = await request.text();
    const body = text === '' ? {} : JSON.parse(text);
    const id = request.headers.get('webhook-id') ?? body.dedup_key ?? '';
    const asked = { url: request.url, host: new URL(request.url).hostname.split('.')[0] ?? '', id, body };
    received.push(asked);
    const aborted = new Promise<never>((_, reject) => {
      init?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
    });
    return await Promise.race([answer(asked), aborted]);
  });
  onTestFinished(() => spy.mockRestore());
  return received;
}

/** Hands over one event, and what it became. */
export async function accept({ id, object }: Scenario, changes: Partial<AlertEvent> = {}): Promise<string> {
  const event = alertEvent({ event_id: eventId(), cost_center: id, ...changes });
  await object.accept(id, [event]);
  return event.event_id;
}

export async function deliver({ object }: Scenario): Promise<void> {
  await runDurableObjectAlarm(object);
}

export async function deliveriesOf({ object }: Scenario, event: string): Promise<Delivery[]> {
  return (await object.deliveries([event]))[event] ?? [];
}

export async function statesOf(scenario: Scenario, event: string): Promise<string[]> {
  const deliveries = await deliveriesOf(scenario, event);
  return deliveries.map(({ destination, state }) => `${destination.id} ${state}`);
}

export async function alarmAt({ object }: Scenario): Promise<number | null> {
  return await runInDurableObject(object, (_, { storage }) => storage.getAlarm());
}
