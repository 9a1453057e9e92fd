import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { AlertDeliveryRpc, Delivery } from '../../durable-objects/alerts/rpc.ts';
import { eventually } from '../process/eventually.ts';
import { alertEvent, eventId } from './alert-event.ts';
import { type DeliveryProcess, startDelivery } from './delivery-process.ts';
import { type FakeDestination, startFakeDestination } from './fake-destination.ts';

const ROUTING_KEY = 'R0123456789abcdefghijklmnopqrstu';

let pagerduty: FakeDestination;
let delivery: DeliveryProcess;
beforeAll(async () => {
  pagerduty = await startFakeDestination();
  delivery = await startDelivery({ PAGERDUTY_EVENTS_URL: pagerduty.url, ALERTS_FROM: 'bursar@example.com' });
});
afterAll(async () => {
  await delivery.close();
  await pagerduty.close();
});
beforeEach(() => {
  pagerduty.requests.length = 0;
  pagerduty.answerWith(() => ({ status: 202 }));
});

async function routesTo(costCenter: string, destination: object): Promise<AlertDeliveryRpc> {
  const route = { on: ['stage:pause'], severity: 'critical', to: [destination], quietHours: null };
  await delivery.writeRoutes(costCenter, { routes: [route], fallback: [] });
  return await delivery.object(costCenter);
}

async function pager(): Promise<object> {
  return { id: 'dst_pager', type: 'pagerduty', routingKey: await delivery.secret(ROUTING_KEY) };
}

/** Each of another budget, so that none becomes part of a digest. */
function crossings(costCenter: string, many: number) {
  return Array.from({ length: many }, (_, index) =>
    alertEvent({
      event_id: eventId(),
      cost_center: costCenter,
      on: 'stage:pause',
      budget: `budget-${index}`,
    }),
  );
}

function dedupKeys(): string[] {
  return pagerduty.requests.map(({ raw }) => JSON.parse(raw).dedup_key);
}

/** Resolves when every delivery is as wanted. */
async function allAre(costCenter: string, ids: string[], state: Delivery['state']): Promise<Delivery[]> {
  return await eventually(`all ${state}`, 60_000, async () => {
    const known = Object.values(await (await delivery.object(costCenter)).deliveries(ids)).flat();
    return known.length === ids.length && known.every((each) => each.state === state) ? known : null;
  });
}

test('killed between event and delivery: every event is delivered, each under its own key', async () => {
  const object = await routesTo('before', await pager());
  const events = crossings('before', 20);
  await object.accept('before', events);
  await delivery.kill();
  const ids = events.map((event) => event.event_id);
  await allAre('before', ids, 'delivered');
  expect([...new Set(dedupKeys())].sort()).toEqual(ids);
});

test('killed between delivery and its record: it is sent again under the same key, which pages nobody twice', async () => {
  const object = await routesTo('between', await pager());
  const [event] = crossings('between', 1);
  if (!event) throw new Error('no event');
  // It arrives, and nobody hears that it did.
  pagerduty.answerWith(() => 'hang');
  await object.accept('between', [event]);
  await eventually('the first page', 20_000, async () => (pagerduty.requests.length > 0 ? true : null));
  await delivery.kill();
  pagerduty.answerWith(() => ({ status: 202 }));
  const [delivered] = await allAre('between', [event.event_id], 'delivered');
  expect(dedupKeys()).toEqual([event.event_id, event.event_id]);
  expect(delivered?.attempts.map(({ outcome }) => outcome)).toEqual(['failed', 'delivered']);
});

test('arrives within 2 s of being handed over', async () => {
  const object = await routesTo('soon', await pager());
  const [event] = crossings('soon', 1);
  if (!event) throw new Error('no event');
  const handedMs = Date.now();
  await object.accept('soon', [event]);
  await eventually('the page', 10_000, async () => (pagerduty.requests.length > 0 ? true : null));
  expect(Date.now() - handedMs).toBeLessThan(2_000);
});

test("mail comes out of the local binding's sink, as text and as HTML", async () => {
  const object = await routesTo('mailed', { id: 'dst_mail', type: 'email', to: 'mara@example.com' });
  const events = crossings('mailed', 1);
  await object.accept('mailed', events);
  await allAre('mailed', [events[0]?.event_id ?? ''], 'delivered');
  const logged = await eventually('the mail', 10_000, async () =>
    /HTML: \S+/.test(delivery.log()) ? delivery.log() : null,
  );
  expect(logged).toContain('mara@example.com');
  expect(logged).toContain('bursar@example.com');
  const file = (kind: string) => readFile(new RegExp(`${kind}: (\\S+)`).exec(logged)?.[1] ?? '', 'utf8');
  expect(await file('Text')).toContain('mailed: budget-0 of platform-squad at 82 %, paused');
  expect(await file('HTML')).toContain('<h1 style="font-size:20px">mailed: budget-0');
});
