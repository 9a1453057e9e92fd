/** Events on their way to the delivery object: from a wallet, and from the Worker itself. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { handOverEvents } from '../../worker/finance/hand-over-events.ts';
import { completed, DEVELOPER, openRequest, walletStub } from '../fixture.ts';
import { addAlerts } from '../routes/admin/ledger-rows.ts';
import {
  bringDatabaseBack,
  changePolicy,
  costing,
  dayBudget,
  passTime,
  takeDatabaseAway,
  useFakeClock,
} from '../wallet/scenario.ts';
import { eventId, organisationEvent } from './alert-event.ts';
import {
  answerRequests,
  deliver,
  openDelivery,
  route,
  type Scenario,
  statesOf,
  webhookTo,
} from './scenario.ts';

useFakeClock();

const HOOK = webhookTo('hook');
const ROUTES = { routes: [route(HOOK, { on: ['stage:alert', 'reconciliation'] })], fallback: [] };

/** A wallet whose next turn crosses the alert stage of its day. */
async function nearlyFull(scenario: Scenario) {
  const wallet = walletStub(scenario.id);
  await changePolicy({ id: scenario.id, wallet }, dayBudget('10'));
  return {
    wallet,
    async cross(turnId: string): Promise<void> {
      await wallet.open(openRequest(scenario.id, turnId));
      await wallet.settle(completed(turnId, costing(8.5)));
    },
  };
}

async function waiting(scenario: Scenario): Promise<number> {
  return await runInDurableObject(
    walletStub(scenario.id),
    (_, { storage }) =>
      storage.sql.exec<{ waiting: number }>('SELECT count(*) AS waiting FROM alert_handover').one().waiting,
  );
}

async function handOver(scenario: Scenario): Promise<void> {
  await runDurableObjectAlarm(walletStub(scenario.id));
  await vi.waitUntil(async () => (await waiting(scenario)) === 0);
}

describe('a stage that a wallet crosses', () => {
  test('reaches its destination with the wallet’s next alarm, which is due at once', async () => {
    const received = answerRequests();
    const scenario = await openDelivery(ROUTES);
    const { wallet, cross } = await nearlyFull(scenario);
    await cross('t');
    const dueMs = await runInDurableObject(wallet, (_, { storage }) => storage.getAlarm());
    expect(dueMs).toBeLessThanOrEqual(Date.now());
    await handOver(scenario);
    await deliver(scenario);
    expect(received).toMatchObject([{ host: 'hook', body: { type: 'alert.stage:alert' } }]);
  });

  test('reaches it while D1 is away', async () => {
    const received = answerRequests();
    const scenario = await openDelivery(ROUTES);
    const { cross } = await nearlyFull(scenario);
    await walletStub(scenario.id).view(scenario.id);
    await deliver(scenario).catch(() => undefined);
    await takeDatabaseAway();
    onTestFinished(bringDatabaseBack);
    await cross('t');
    await handOver(scenario);
    await deliver(scenario);
    expect(received).toHaveLength(1);
  });

  test('survives an eviction of the wallet before it was handed over', async () => {
    const received = answerRequests();
    const scenario = await openDelivery(ROUTES);
    const { wallet, cross } = await nearlyFull(scenario);
    await cross('t');
    await evictDurableObject(wallet);
    await handOver(scenario);
    await deliver(scenario);
    expect(received).toHaveLength(1);
  });

  test('is delivered under the pseudonym of a developer who left before it was handed over', async () => {
    const received = answerRequests();
    const scenario = await openDelivery(ROUTES);
    const { wallet, cross } = await nearlyFull(scenario);
    await cross('t');
    await wallet.rename({ developer: DEVELOPER, pseudonym: 'left-x' });
    await handOver(scenario);
    await deliver(scenario);
    expect(received).toHaveLength(1);
    expect(JSON.stringify(received)).toContain('left-x');
    expect(JSON.stringify(received)).not.toContain(DEVELOPER);
  });

  test('is handed over again where the answer was lost, and sent once', async () => {
    const received = answerRequests();
    const scenario = await openDelivery(ROUTES);
    const { wallet, cross } = await nearlyFull(scenario);
    await cross('t');
    const document = await runInDurableObject(
      wallet,
      (_, { storage }) =>
        storage.sql.exec<{ document: string }>('SELECT document FROM alert_handover').one().document,
    );
    await handOver(scenario);
    await runInDurableObject(wallet, (_, { storage }) => {
      storage.sql.exec('INSERT INTO alert_handover (document) VALUES (?)', document);
    });
    await evictDurableObject(wallet);
    await wallet.open(openRequest(scenario.id, 'next'));
    passTime(60_000);
    await handOver(scenario);
    await deliver(scenario);
    expect(received).toHaveLength(1);
  });
});

test('an incident of reconciliation is offered by every run and sent once', async () => {
  const received = answerRequests();
  const scenario = await openDelivery(ROUTES);
  const event = organisationEvent({ event_id: eventId(), cost_center: scenario.id });
  await addAlerts([
    event,
    organisationEvent({ event_id: eventId(), on: 'unknown_model', cost_center: scenario.id }),
  ]);
  const bindings = { db: env.DB, alerts: env.ALERTS };
  for (const _ of [1, 2]) {
    expect(await handOverEvents(bindings, Date.now())).toBe(0);
    await deliver(scenario);
  }
  expect(received).toMatchObject([{ body: { type: 'alert.reconciliation' } }]);
  expect(await statesOf(scenario, event.event_id)).toEqual([`${HOOK.id} delivered`]);
});

test('incidents of a bad day, more than a page of them, are all handed over', async () => {
  const received = answerRequests();
  const scenario = await openDelivery(ROUTES);
  const other = await openDelivery(null);
  const incident = (costCenter: string) =>
    organisationEvent({ event_id: eventId(), cost_center: costCenter });
  await addAlerts([...Array.from({ length: 500 }, () => incident(other.id)), incident(scenario.id)]);
  expect(await handOverEvents({ db: env.DB, alerts: env.ALERTS }, Date.now())).toBe(0);
  await deliver(scenario);
  expect(received).toMatchObject([{ body: { type: 'alert.reconciliation' } }]);
});
