import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test, vi } from 'vitest';
import { useFakeClock } from '../wallet/scenario.ts';
import {
  accept,
  alarmAt,
  answerRequests,
  configure,
  deliver,
  deliveriesOf,
  openDelivery,
  route,
  statesOf,
  webhookTo,
} from './scenario.ts';

useFakeClock();

const HOOK = webhookTo('hook');

describe('an object that goes', () => {
  test('between event and delivery: the event is delivered after', async () => {
    const received = answerRequests();
    const scenario = await openDelivery({ routes: [route(HOOK)], fallback: [] });
    const event = await accept(scenario);
    await evictDurableObject(scenario.object);
    await configure(scenario, {});
    expect(await alarmAt(scenario)).not.toBeNull();
    await deliver(scenario);
    expect(received.map(({ id }) => id)).toEqual([event]);
  });

  test('between delivery and its record: the same message is sent with the same id', async () => {
    const scenario = await openDelivery({ routes: [route(HOOK)], fallback: [] });
    const hangs = Promise.withResolvers<Response>();
    const received = answerRequests(({ id }) =>
      received.filter((each) => each.id === id).length > 1 ? new Response() : hangs.promise,
    );
    const event = await accept(scenario);
    const running = deliver(scenario).catch(() => 'gone');
    await vi.waitUntil(() => received.length === 1);
    await runInDurableObject(scenario.object, (_, state) => state.abort('killed')).catch(() => undefined);
    expect(await running).toBe('gone');
    const again = { ...scenario, object: env.ALERTS.get(env.ALERTS.idFromName(scenario.id)) };
    await configure(again, {});
    expect(await alarmAt(again)).not.toBeNull();
    await deliver(again);
    expect(received.map(({ id }) => id)).toEqual([event, event]);
    const [delivery] = await deliveriesOf(again, event);
    expect(delivery?.state).toBe('delivered');
    expect(delivery?.attempts.map(({ outcome, problem }) => [outcome, problem])).toEqual([
      ['failed', 'cut off before its outcome was known'],
      ['delivered', null],
    ]);
  });
});

describe('a deployment that is not configured', () => {
  test('sends nothing, keeps everything and looks again in a minute', async () => {
    const received = answerRequests();
    const scenario = await openDelivery({ routes: [route(HOOK)], fallback: [] });
    await configure(scenario, { ALERTS_ALLOW_PRIVATE: 'maybe' });
    const event = await accept(scenario);
    await deliver(scenario);
    expect(received).toEqual([]);
    expect(await alarmAt(scenario)).toBe(Date.now() + 60_000);
    await configure(scenario, { ALERTS_ALLOW_PRIVATE: '' });
    await deliver(scenario);
    expect(await statesOf(scenario, event)).toEqual(['dst_hook delivered']);
  });
});
